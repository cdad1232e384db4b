//! What each stream has cost so far: counted here, read by reports.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spile_model::StreamName;

/// What a stream's requests have cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests sent, retries and redirects included.
    pub requests: u64,
    /// Bytes of bodies received, after decompression.
    pub bytes: u64,
    /// Time spent waiting for limits and backoff, over all its requests (which may wait at the same time).
    pub waited: Duration,
}

#[derive(Default)]
pub(crate) struct Ledger(Mutex<HashMap<StreamName, Usage>>);

impl Ledger {
    pub(crate) fn of(&self, stream: &StreamName) -> Usage {
        self.lock().get(stream).copied().unwrap_or_default()
    }

    pub(crate) fn record(&self, stream: &StreamName, change: impl FnOnce(&mut Usage)) {
        change(self.lock().entry(stream.clone()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamName, Usage>> {
        // Counters are right after every statement, so a panic elsewhere leaves them so.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
