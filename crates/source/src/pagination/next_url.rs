//! The body holds the URL of the next page. They end where it is absent, null or empty.

use serde_json::Value;
use spile_model::{Failure, FailureKind};

use super::{Next, Seen, follow};

pub(crate) struct NextUrl {
    pub(super) url: usize,
}

impl NextUrl {
    pub(super) fn next(&self, seen: &Seen<'_>) -> Result<Next, Failure> {
        let Some(signal) = seen.signals.get(self.url) else { return Ok(Next::End) };
        match signal.as_token() {
            None => Ok(Next::End),
            Some(Value::String(url)) => follow(seen, url.trim()),
            Some(_) => {
                let message = format!("`pagination.next_url` selects {signal} in the response, which is not a URL");
                Err(Failure::new(FailureKind::Configuration, message))
            }
        }
    }
}
