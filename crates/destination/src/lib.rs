//! The contract between a run and where tables live: batches go in, tables and progress come to be, together.
//!
//! Enters: [`Batch`]es of typed rows, each with the change of progress that it accounts for. Leaves: word of what is
//! durable. Invariant, for every destination: rows and progress are committed in one transaction, so that after any
//! crash the tables hold exactly the rows that the stored progress says they hold. It deliberately knows nothing of
//! HTTP, pages or YAML; the contract suite in `testkit` holds every destination against these words.

mod batch;
mod target;

use async_trait::async_trait;
use spile_model::{Checkpoint, Failure, RunId, StreamName};

pub use batch::{Batch, Committed, Written};
pub use target::{ReplayedRun, RunEnd, RunStart, StreamState, StreamTarget, StreamTotals};

/// A place where tables live.
///
/// One value serves one pipeline for the length of a run; opening it takes whatever lock keeps a second run away.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Where the tables are, without credentials, as messages name it.
    fn describe(&self) -> String;

    /// Records that a run begins and gives it its number. A run of the same pipeline that is still recorded as running
    /// was killed, and is recorded so now.
    ///
    /// # Errors
    /// The destination cannot be written; or the number that the run must have is another pipeline's.
    async fn begin_run(&self, start: &RunStart) -> Result<RunId, Failure>;

    /// The committed progress of a stream; empty where there is none.
    ///
    /// # Errors
    /// The state cannot be read, or was written by a later version.
    async fn checkpoint(&self, stream: &StreamName) -> Result<Checkpoint, Failure>;

    /// Makes ready to write one stream. Leftovers of a run that did not come to its end (staging tables) are removed.
    /// Under `append` without a cursor, the rows of a run that was killed or stopped after the stream's last commit but
    /// before its own end was recorded are removed in the first transaction: such a run is repeated, and each complete
    /// run adds one full copy.
    ///
    /// # Errors
    /// The tables cannot be read or prepared.
    async fn open_stream(&self, target: StreamTarget) -> Result<Box<dyn StreamWriter>, Failure>;

    /// Records how a run ended, and in the same transaction what its requests came to (`_spile_requests`).
    ///
    /// # Errors
    /// The destination cannot be written. The rows that were committed are there all the same.
    async fn end_run(&self, run: RunId, end: &RunEnd) -> Result<(), Failure>;

    /// All state of the pipeline, by stream.
    ///
    /// # Errors
    /// The state cannot be read.
    async fn states(&self) -> Result<Vec<StreamState>, Failure>;

    /// Forgets the progress of a stream, and with `drop_tables` its tables too, so that the next run reads it from
    /// the beginning. Returns whether there was anything to forget.
    ///
    /// # Errors
    /// The state cannot be written.
    async fn reset(&self, stream: &StreamName, drop_tables: bool) -> Result<bool, Failure>;
}

/// Writes one stream during one run. Dropping it without [`StreamWriter::finish`] leaves what was committed and
/// forgets the rest, as a crash would.
#[async_trait]
pub trait StreamWriter: Send {
    /// What is known of the stream's records from earlier runs: the builders start from it, so that batches arrive in
    /// the joined types. `None` where the stream's table does not exist.
    fn known_schema(&self) -> Option<&spile_model::TableSchema>;

    /// Takes a batch. Its tables are brought to its schemas first; a destination that coalesces answers
    /// [`Written::Accepted`] and commits with a later call.
    ///
    /// Not cancel safe: a dropped call may have committed; reading the checkpoint tells.
    ///
    /// # Errors
    /// Nothing of this batch, nor of the accepted ones before it that were not yet durable, is committed.
    async fn write(&mut self, batch: Batch) -> Result<Written, Failure>;

    /// Commits everything accepted. `None` where there was nothing.
    ///
    /// # Errors
    /// As [`StreamWriter::write`].
    async fn flush(&mut self) -> Result<Option<Committed>, Failure>;

    /// Ends the stream: commits everything accepted and, where the stream was read to its end (`complete`) and
    /// replaces its table, swaps the new table in, all in one transaction.
    ///
    /// # Errors
    /// As [`StreamWriter::write`].
    async fn finish(self: Box<Self>, complete: bool) -> Result<Option<Committed>, Failure>;
}
