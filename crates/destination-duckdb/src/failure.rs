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

#[allow(clippy::needless_pass_by_value, reason = "it ends here")]
pub(crate) fn explain(error: Error, what: &str) -> Failure {
    // As text: below its message the error has nothing but "unknown error code".
    let text = error.to_string();
    Failure::new(kind(&text), what).caused_by(text)
}

/// DuckDB's C interface has one error code for all; its messages begin with the class of the error, and those that
/// the operating system caused carry its words.
fn kind(text: &str) -> FailureKind {
    let has = |part: &str| text.contains(part);
    if has("Could not set lock on file") || has("Conflicting lock") {
        FailureKind::DestinationLocked
    } else if has("No space left on device") || has("Disk quota exceeded") || has("failed to offload data block") {
        FailureKind::DestinationFull
    } else if text.starts_with("Conversion Error")
        || has("Conversion Error:")
        || has(CANNOT_CAST)
        || has("Cannot change the type")
        || has("Cannot alter")
    {
        FailureKind::DestinationSchema
    } else {
        FailureKind::Destination
    }
}

/// How the appender begins to say that a value cannot be cast to its column's type.
const CANNOT_CAST: &str = "type mismatch in AppendDataChunk";

/// Where rows were refused because of the type that a column has: the column's place and that type.
pub(crate) fn refused_column(text: &str) -> Option<(usize, &str)> {
    let mismatch = &text[text.find(CANNOT_CAST)?..];
    let (_, rest) = mismatch.split_once("expected ")?;
    let (column_type, rest) = rest.split_once(", got ")?;
    let (_, place) = rest.split_once("for column ")?;
    let digits = place.find(|c: char| !c.is_ascii_digit()).unwrap_or(place.len());
    Some((place[..digits].parse().ok()?, column_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_that_refuses_a_value_is_found() {
        let text =
            "Invalid Input Error: type mismatch in AppendDataChunk, expected DECIMAL(9,2), got VARCHAR for column 12";
        assert_eq!(refused_column(text), Some((12, "DECIMAL(9,2)")));
        assert_eq!(kind(text), FailureKind::DestinationSchema);
        assert_eq!(refused_column("Constraint Error: something else"), None);
    }
}
