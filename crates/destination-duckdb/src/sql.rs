//! How names and values are written in statements.

use jiff::Timestamp;

/// An identifier, quoted.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A moment as the text that `CAST(? AS TIMESTAMPTZ)` reads, to the microsecond. With its `Z` it is the same in every
/// session's zone; `make_timestamptz` would be shorter, and is not in the core but in the ICU extension.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.6}")
}
