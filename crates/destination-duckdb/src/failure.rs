//! DuckDB's errors in the terms of a run: what failed, of which kind, and so what to do.

use duckdb::Error;
use spile_model::{Failure, FailureKind};

/// Turns an error into a failure that says what was being done.
pub(crate) trait OrExplain<T> {
    fn or_explain(self, what: &str) -> Result<T, Failure>;
}

impl<T> OrExplain<T> for duckdb::Result<T> {
    fn or_explain(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| explain(error, what))
    }
}

pub(crate) fn explain(error: Error, what: &str) -> Failure {
    let text = error.to_string();
    Failure::new(kind(&text), what).caused_by(error)
}

/// DuckDB's C interface has one error code for all; its messages begin with the class of the error, and those that
/// the operating system caused carry its words.
fn kind(text: &str) -> FailureKind {
    let has = |part: &str| text.contains(part);
    if has("Could not set lock on file") || has("Conflicting lock") {
        FailureKind::DestinationLocked
    } else if has("No space left on device") || has("Disk quota exceeded") || has("failed to offload data block") {
        FailureKind::DestinationFull
    } else if text.starts_with("Conversion Error") || has("Conversion Error:") || has("Cannot change the type") || has("Cannot alter") {
        FailureKind::DestinationSchema
    } else {
        FailureKind::Destination
    }
}
