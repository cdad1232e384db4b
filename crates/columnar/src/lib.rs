//! Records to typed Arrow batches.
//!
//! Enters: a [`Page`](spile_model::Page), whose records are validated JSON text, and what is known of the stream's
//! columns. Leaves: a [`Built`]: rows by table, with schemas that widen as data shows, and the records that did not
//! fit. Invariants: no value is rounded or dropped (what a type cannot hold exactly widens the column, up to JSON
//! text); no document is built; one bad record never costs its page. It deliberately knows neither how pages are
//! fetched nor where tables live.
//!
//! How: each column is an adaptive builder. A value that fits its column's type is appended; one that does not marks
//! the column with the wider type, and when the page's end is reached the page is built once more with the wider
//! types. Since the text is still there, widening is exact, and there is no code that converts columns.

mod column;
mod cursor;
mod datetime;
mod declared;
mod emit;
mod infer;
mod json;
mod name;
mod nulls;
mod number;
mod record;
mod table;
mod text;

pub use cursor::CursorSummary;
pub use emit::{TableBatch, arrow_type};
pub use table::{Admit, Built, TableBuilder};

/// The column that holds the number of the run that brought a row.
pub const RUN_COLUMN: &str = "_spile_run";
/// The column that holds the instant at which a row's page was received.
pub const AT_COLUMN: &str = "_spile_at";
/// With child tables: the number of a row, unique in its table.
pub const ROW_COLUMN: &str = "_spile_row";
/// In a child table: the `_spile_row` of the parent's row.
pub const PARENT_COLUMN: &str = "_spile_parent";
/// In a child table: the place in the parent's list, counted from 0.
pub const INDEX_COLUMN: &str = "_spile_index";
/// In a child table whose lists hold plain values: the value.
pub const VALUE_COLUMN: &str = "value";
