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
    // What DuckDB advises behind its own words are settings that a pipeline does not have.
    let said = text.split("\n\nPossible solutions:").next().unwrap_or_default();
    Failure::new(kind(said), what).caused_by(said)
}

/// DuckDB's C interface has one error code for all; its messages begin with the class of the error, and those that
/// the operating system caused carry its words.
fn kind(text: &str) -> FailureKind {
    let has = |part: &str| text.contains(part);
    if has("Could not set lock on file") || has("Conflicting lock") {
        FailureKind::DestinationLocked
    } else if has("No space left on device") || has("Disk quota exceeded") || has("failed to offload data block") {
        FailureKind::DestinationFull
    } else if has("could not allocate block") || has("failed to pin block") || has("Out of Memory Error") {
        FailureKind::DestinationMemory
    } else if has(CONVERSION) || has("Cannot change the type") || has("Cannot alter") {
        FailureKind::DestinationSchema
    } else {
        FailureKind::Destination
    }
}

const CONVERSION: &str = "Conversion Error: ";

/// Behind these words an error of casting names the column.
const WHERE: &str = " when casting from source column ";

/// Where rows were refused because of the type that a column has: the column's name, and what DuckDB says of the value.
pub(crate) fn refused_column(text: &str) -> Option<(&str, &str)> {
    let (what, column) = text.strip_prefix(CONVERSION)?.split_once(WHERE)?;
    Some((column.lines().next()?, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_memory_is_told_without_advice_that_cannot_be_followed() {
        let connection = duckdb::Connection::open_in_memory().unwrap();
        connection
            .execute_batch("SET threads = 1; SET memory_limit = '1MB'; SET max_temp_directory_size = '0MB'")
            .unwrap();
        let error =
            connection.execute_batch("CREATE TABLE t AS SELECT range AS n, n::VARCHAR AS t FROM range(1000000)");
        let failure = error.or_explain("rows could not be written").unwrap_err();
        assert_eq!(failure.kind, FailureKind::DestinationMemory, "{:?}", failure.causes());
        assert!(!failure.causes()[0].contains("SET "), "{:?}", failure.causes());
    }

    #[test]
    fn the_column_that_refuses_a_value_is_found() {
        let text = "Conversion Error: Could not convert string 'abc' to INT32 when casting from source column my age";
        assert_eq!(refused_column(text), Some(("my age", "Could not convert string 'abc' to INT32")));
        assert_eq!(kind(text), FailureKind::DestinationSchema);
        assert_eq!(refused_column("Constraint Error: something else"), None);
    }
}
