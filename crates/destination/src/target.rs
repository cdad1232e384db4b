//! Whom a destination serves: the run, the stream, and what is stored about them.

use std::time::Duration;

use jiff::Timestamp;
use spile_model::event::Outcome;
use spile_model::{Checkpoint, RunId, StreamName, Usage};
use spile_plan::WriteMode;

/// A run that begins.
#[derive(Clone, Debug)]
pub struct RunStart {
    /// When.
    pub started_at: Timestamp,
    /// The version of Spile.
    pub version: String,
    /// The recorded run that it replays, if it does.
    pub replays: Option<ReplayedRun>,
}

/// A recorded run that is replayed. What stands in the place of its streams (the rejects of that run, and how they ended)
/// gives way; what its other streams came to, and what was asked, stays.
#[derive(Clone, Debug)]
pub struct ReplayedRun {
    /// Its number, which the replay has too.
    pub run: RunId,
    /// The streams that are replayed.
    pub streams: Vec<StreamName>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// When.
    pub finished_at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// What it did, by stream.
    pub streams: Vec<StreamTotals>,
    /// What its requests came to, by stream and endpoint.
    pub requests: Vec<Usage>,
    /// Why it failed, or which budget ended it.
    pub error: Option<String>,
}

/// What a run did for one stream: a row of the run's report.
#[derive(Clone, Debug)]
pub struct StreamTotals {
    /// Which stream.
    pub stream: StreamName,
    /// How it ended.
    pub outcome: Outcome,
    /// Rows committed.
    pub rows: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Pages read.
    pub pages: u64,
    /// Requests sent.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// From its start to its end.
    pub took: Duration,
    /// Why it failed.
    pub error: Option<String>,
}

/// One stream to be written during one run.
#[derive(Clone, Debug)]
pub struct StreamTarget {
    /// Which run.
    pub run: RunId,
    /// Which stream.
    pub stream: StreamName,
    /// Its own table; child tables are named after it.
    pub table: String,
    /// How rows meet the table.
    pub write: WriteMode,
    /// The keys, in the records, that identify one; a column is found by its `source`.
    pub primary_key: Vec<String>,
    /// The key that holds the cursor. Under `merge` it decides between rows with the same primary key: the one with the
    /// later cursor stays, of equal ones the one that was written last. A row without a cursor counts as older than any
    /// that has one; where the stream has no cursor at all, the row that was written last stays.
    pub cursor: Option<String>,
    /// Under `append`: leave out rows whose primary key and cursor the table already holds.
    pub skip_known: bool,
    /// Under `append`: rows of this run were committed by a read that did not come to its end; they are removed in
    /// the first transaction, for this run reads them again.
    pub discard: Option<RunId>,
}

/// What is stored about a stream.
#[derive(Clone, Debug)]
pub struct StreamState {
    /// Which stream.
    pub stream: StreamName,
    /// Its progress.
    pub checkpoint: Checkpoint,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// By which run.
    pub run: RunId,
}
