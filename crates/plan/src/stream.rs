//! A stream: one kind of record from one endpoint, which becomes one table.

use std::time::Duration;

use spile_expression::{RecordPath, Template};
use spile_model::StreamName;

use crate::{CachePlan, CostPlan, Injection, PaginationPlan, PricePlan, RequestPlan, ResponseRule, ShapePlan};

/// One stream, ready to be read.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    /// Its name.
    pub name: StreamName,
    /// Its table's name in the destination.
    pub table: String,
    /// What is asked for.
    pub request: RequestPlan,
    /// What a request costs, where limits count that.
    pub cost: CostPlan,
    /// What it costs in money, where that is known.
    pub price: Option<PricePlan>,
    /// What answers mean, where it is not what their status says.
    pub responses: Vec<ResponseRule>,
    /// How pages follow each other.
    pub pagination: PaginationPlan,
    /// Where the records stand in a response. A selected array stands for its elements.
    pub records: RecordPath,
    /// What it means when the record path selects nothing.
    pub missing_records: MissingRecords,
    /// The columns (by their key in the record) that identify a record; required for [`WriteMode::Merge`].
    pub primary_key: Vec<String>,
    /// How far it has got, for an incremental stream.
    pub cursor: Option<CursorPlan>,
    /// How rows meet the table.
    pub write: WriteMode,
    /// What is remembered of answers; nothing, where there is none.
    pub cache: Option<CachePlan>,
    /// How records become columns.
    pub shape: ShapePlan,
}

/// How rows meet the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// They are added.
    Append,
    /// They take the place of all that was there, at once, when the last page has been read.
    Replace,
    /// A row takes the place of the one with the same primary key, unless that one has a later cursor.
    Merge,
}

impl WriteMode {
    /// The word in the pipeline file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

/// What it means when the record path selects nothing in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRecords {
    /// The response is not what was expected: the run fails. A null or an empty array is an empty page, unless the
    /// response holds an error beside it.
    Fail,
    /// A page without records.
    Empty,
}

/// The cursor of an incremental stream.
#[derive(Clone, Debug)]
pub struct CursorPlan {
    /// The records' key that holds it.
    pub field: String,
    /// Where its value goes in requests, besides the name `cursor` in templates.
    pub inject: Option<Injection>,
    /// How its value is written into requests, with `cursor` as its name; RFC 3339 in UTC, a plain number, or the text
    /// as it came, where there is none.
    pub format: Option<Template>,
    /// Sent while there is no cursor yet.
    pub start: Option<String>,
    /// How far requests go back behind the cursor.
    pub lookback: Lookback,
    /// In what order records come.
    pub order: CursorOrder,
}

/// How far requests go back behind the cursor, for records that appear late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookback {
    /// Not at all.
    None,
    /// For cursors that are times.
    Time(Duration),
    /// For cursors that are whole numbers.
    Count(i64),
}

/// In what order an API returns records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorOrder {
    /// By the cursor, smallest first: the cursor is committed page by page, and a run that stops goes on from there.
    Ascending,
    /// In any order: the cursor is committed when the last page has been read.
    Unordered,
}
