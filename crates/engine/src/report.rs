//! The outcome of a run.

use std::time::Duration;

use spile_model::event::Outcome;
use spile_model::{Failure, Noticed, RunId, StreamReport};

/// The outcome of a run.
#[derive(Debug)]
pub struct RunReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// The run's number; none where the destination could not give it one.
    pub run: Option<RunId>,
    /// It was recorded before, and lived again.
    pub replayed: bool,
    /// Where the tables are, without credentials.
    pub destination: String,
    /// How it ended: as the least fortunate of its streams; `Interrupted` where its budget was spent.
    pub outcome: Outcome,
    /// What it did, by stream, in the file's order.
    pub streams: Vec<StreamReport>,
    /// What went wrong, each with its place.
    pub failures: Vec<Failure>,
    /// What was not sent any more, where the run's budget ended it: for each stream that had not come to its end.
    pub spent: Vec<Failure>,
    /// What the API told of its own decay.
    pub notices: Vec<Noticed>,
    /// From its start to its end.
    pub took: Duration,
}

/// A failure in one line: what, where, and the chain of causes.
pub(crate) fn in_one_line(failure: &Failure) -> String {
    std::iter::once(failure.to_string()).chain(failure.causes()).collect::<Vec<_>>().join(": ")
}
