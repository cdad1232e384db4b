//! What travels to a destination, and what comes back.

use std::sync::Arc;

use spile_columnar::TableBatch;
use spile_model::{CheckpointDelta, Progress, Reject, TableSchema};

/// Typed rows together with the change of progress that they account for.
#[derive(Debug)]
pub struct Batch {
    /// The rows, by table: the stream's own table first, then its child tables.
    pub tables: Vec<TableBatch>,
    /// What is known of the stream's records by now; stored, and handed out again as
    /// [`crate::StreamWriter::known_schema`].
    pub record_schema: Arc<TableSchema>,
    /// Records that did not fit.
    pub rejects: Vec<Reject>,
    /// The request that brought them, for the rejects.
    pub request: Arc<str>,
    /// The change of progress.
    pub delta: CheckpointDelta,
    /// Bytes of the text that the rows came from: commits are paced by it.
    pub bytes: u64,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// It and all before it are durable.
    Durable(Committed),
    /// It waits for being committed together with later ones.
    Accepted,
}

/// What is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Rows of the stream's own table that were committed now.
    pub rows: u64,
    /// Rows left out because the table had them (`append` with a primary key and a lookback).
    pub known: u64,
    /// The progress that is stored now: that of the last batch's partition, where the commit held batches of several.
    pub progress: Progress,
    /// Changes of tables that were committed with it, each in words, with the table's name.
    pub changes: Vec<(String, String)>,
}
