//! What a stream hears of servers that are asked on its behalf, beside the API.

use std::time::Duration;

use spile_model::StreamName;

use super::Client;
use crate::aside::Hears;
use crate::usage::Account;

/// Counts and tells for this stream.
pub(super) struct OnBehalf {
    pub(super) client: Client,
    pub(super) stream: StreamName,
}

impl Hears for OnBehalf {
    fn waits(&self, reason: String, most: Duration) {
        self.client.waiting(&self.stream, reason, most);
    }

    fn waited(&self, wait: Duration) {
        self.client.0.ledger.backs_off(&self.stream, wait);
    }

    fn sent(&self, endpoint: &str) {
        self.client.0.ledger.aside(&self.stream, endpoint, Account::sent);
    }

    fn answered(&self, endpoint: &str, status: u16, bytes: u64, took: Duration) {
        self.client.0.ledger.aside(&self.stream, endpoint, |account| account.answered(status, bytes, took));
    }

    fn retried(&self, endpoint: &str) {
        self.client.0.ledger.aside(&self.stream, endpoint, Account::retried);
    }
}
