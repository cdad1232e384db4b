//! A destination in memory, so plain that it is right by looking at it: every commit changes a copy of everything and
//! puts it in the old one's place.
//!
//! Batches go in; rows as JSON can be read at any time. It keeps the contract of `destination` and is what the contract
//! suite itself is tested with, whole and with a [`Flaw`]; tests of the engine use it to look at tables without a
//! database. It deliberately takes no lock: two runs at once are the pipeline's to refuse.

mod cells;
mod commit;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use spile_destination::{
    Batch, Committed, Destination, RunEnd, RunStart, StreamState, StreamTarget, StreamWriter, Written,
};
use spile_model::{Checkpoint, Failure, RunId, StreamName, TableSchema};
use spile_plan::WriteMode;

use self::store::Store;

/// A promise that a [`MemoryPlace`] breaks on purpose, to see that somebody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Progress is stored when a batch is accepted, its rows later.
    StateBeforeRows,
    /// Rows are stored when a batch is accepted, its progress later.
    RowsBeforeState,
    /// What a batch expects to be stored is not looked at.
    ForgivesOtherWriters,
    /// All partitions share one progress.
    OneProgressForAllPartitions,
    /// `replace` shows pages as they are committed.
    ReplacesEarly,
    /// Staging tables of abandoned runs stay, and their rows come back.
    KeepsStaging,
    /// A merged row wins whatever its cursor.
    IgnoresTheCursor,
    /// A merged row keeps columns of the one before.
    PatchesRows,
    /// Children of rows that go stay.
    LeavesOrphans,
    /// Rows of an unfinished read are not removed.
    KeepsUnfinishedRows,
    /// They are removed when the stream is opened.
    DiscardsAtOnce,
    /// The copy of a run that was broken off stays.
    KeepsBrokenOffRuns,
    /// The rows of a run that was broken off go also where a cursor keeps them from being read again.
    RepeatsWhateverTheCursor,
    /// Rows that the table has are added again.
    AddsKnownRows,
    /// Rejects are stored when their batch is accepted.
    RejectsBeforeRows,
    /// The schema of the records is forgotten.
    ForgetsTheSchema,
    /// Runs that were killed stay running.
    LetsTheDeadRun,
    /// `reset` leaves child tables.
    ResetsHalf,
    /// What the requests of a run came to is not recorded.
    ForgetsTheRequests,
}

/// A place in memory. Clones are the same place; opening it any number of times opens the same tables.
#[derive(Clone)]
pub struct MemoryPlace {
    store: Arc<Mutex<Store>>,
    coalesce: usize,
    flaw: Option<Flaw>,
}

impl Default for MemoryPlace {
    fn default() -> Self {
        Self { store: Arc::default(), coalesce: 1, flaw: None }
    }
}

impl MemoryPlace {
    /// An empty place, where every write is durable at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// Commits only every so many batches (and on flush and finish).
    #[must_use]
    pub fn coalescing(self, batches: usize) -> Self {
        Self { coalesce: batches.max(1), ..self }
    }

    /// Breaks one promise.
    #[must_use]
    pub fn with_flaw(self, flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..self }
    }

    /// Opens it.
    pub fn open(&self) -> Box<dyn Destination> {
        Box::new(MemoryDestination { place: self.clone() })
    }

    /// The rows of a table, in the order they were written. Values are as the contract suite's `Subject` says.
    pub fn rows(&self, table: &str) -> Vec<Map<String, Value>> {
        self.store().rows(table)
    }

    /// The names of all tables.
    pub fn tables(&self) -> Vec<String> {
        self.store().table_names()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a copy; only what goes well takes the place of what was.
    fn commit<T>(&self, change: impl FnOnce(&mut Store) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut store = self.store();
        let mut next = store.clone();
        let outcome = change(&mut next)?;
        *store = next;
        Ok(outcome)
    }
}

#[async_trait]
impl crate::destination_contract::Subject for MemoryPlace {
    async fn open(&self) -> Box<dyn Destination> {
        Self::open(self)
    }

    async fn rows(&self, table: &str) -> Vec<Map<String, Value>> {
        Self::rows(self, table)
    }

    async fn tables(&self) -> Vec<String> {
        Self::tables(self)
    }
}

struct MemoryDestination {
    place: MemoryPlace,
}

#[async_trait]
impl Destination for MemoryDestination {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    async fn begin_run(&self, start: &RunStart) -> Result<RunId, Failure> {
        let dead = if self.place.has(Flaw::LetsTheDeadRun) { "running" } else { "killed" };
        self.place.commit(|store| {
            for run in &mut store.runs {
                if run["outcome"] == "running" {
                    run.insert("outcome".to_owned(), json!(dead));
                }
            }
            if let Some(replayed) = &start.replays
                && store.begin_again(replayed)
            {
                return Ok(replayed.run);
            }
            let latest = store.runs.iter().filter_map(|run| run["run"].as_i64()).max().unwrap_or_default();
            let id = start.replays.as_ref().map_or(latest + 1, |replayed| replayed.run.0);
            store.runs.push(store::object(json!({
                "run": id, "started_at": start.started_at.to_string(), "version": start.version, "outcome": "running",
            })));
            Ok(RunId(id))
        })
    }

    async fn checkpoint(&self, stream: &StreamName) -> Result<Checkpoint, Failure> {
        Ok(self.place.store().states.get(stream).map(|state| state.checkpoint.clone()).unwrap_or_default())
    }

    async fn open_stream(&self, mut target: StreamTarget) -> Result<Box<dyn StreamWriter>, Failure> {
        let place = self.place.clone();
        let known = place.commit(|store| {
            let adds_all = target.write == WriteMode::Append
                && (target.cursor.is_none() || place.has(Flaw::RepeatsWhateverTheCursor));
            if adds_all && !place.has(Flaw::KeepsBrokenOffRuns) {
                target.discard = target.discard.or(store.broken_off(&target.stream));
            }
            if !place.has(Flaw::KeepsStaging) {
                store.drop_table(&store::staging(&target.table));
            }
            if let Some(run) = target.discard.filter(|_| place.has(Flaw::DiscardsAtOnce)) {
                store.remove_run(&target.table, run);
            }
            Ok(store.schemas.get(&target.stream).cloned())
        })?;
        let known = known.filter(|_| !place.has(Flaw::ForgetsTheSchema));
        Ok(Box::new(MemoryWriter { place, target, known, accepted: Vec::new(), begun: false }))
    }

    async fn end_run(&self, run: RunId, end: &RunEnd) -> Result<(), Failure> {
        self.place.commit(|store| {
            let mut streams: Vec<Value> = end.streams.iter().map(store::totals).collect();
            let recorded = store.runs.iter_mut().find(|row| row["run"] == json!(run));
            if let Some(row) = recorded {
                store::keep_what_was_asked(row, &mut streams);
                let (outcome, error) = store::outcome(end, &streams);
                row.insert("finished_at".to_owned(), json!(end.finished_at.to_string()));
                row.insert("outcome".to_owned(), json!(outcome.as_str()));
                row.insert("error".to_owned(), json!(error));
                row.insert("streams".to_owned(), Value::Array(streams));
            }
            if !self.place.has(Flaw::ForgetsTheRequests) {
                store.requests.extend(end.requests.iter().map(|usage| store::requests(run, usage)));
            }
            Ok(())
        })
    }

    async fn states(&self) -> Result<Vec<StreamState>, Failure> {
        Ok(self.place.store().states.values().cloned().collect())
    }

    async fn reset(&self, stream: &StreamName, drop_tables: bool) -> Result<bool, Failure> {
        let halfway = self.place.has(Flaw::ResetsHalf);
        self.place.commit(|store| {
            let table = store.tables_of.get(stream).cloned();
            let known = store.states.remove(stream).is_some() || (drop_tables && table.is_some());
            match table {
                Some(table) if drop_tables && halfway => {
                    store.tables.remove(&table);
                }
                Some(table) if drop_tables => store.forget(stream, &table),
                _ => {}
            }
            Ok(known)
        })
    }
}

struct MemoryWriter {
    place: MemoryPlace,
    target: StreamTarget,
    known: Option<TableSchema>,
    accepted: Vec<Batch>,
    /// Something was committed.
    begun: bool,
}

impl MemoryWriter {
    /// Commits what was accepted and, at a complete end, swaps; nothing of it when that fails.
    fn commit(&mut self, swap: bool) -> Result<Option<Committed>, Failure> {
        let batches = std::mem::take(&mut self.accepted);
        if batches.is_empty() && !swap {
            return Ok(None);
        }
        let (place, target, first) = (&self.place, &self.target, !self.begun);
        let committed = place.commit(|store| {
            let mut commit = commit::Commit::new(store, target, place.flaw);
            if first {
                commit.begin();
            }
            let mut committed = None;
            for batch in &batches {
                committed = Some(commit.batch(batch, committed)?);
            }
            if swap {
                commit.swap();
            }
            Ok(committed)
        })?;
        self.begun = true;
        Ok(committed)
    }

    /// What a flawed destination stores of a batch before its commit.
    fn store_early(&self, batch: &Batch) {
        let delta = &batch.delta;
        let mut store = self.place.store();
        if self.place.has(Flaw::StateBeforeRows) {
            store.put_state(delta, &self.target);
        }
        if self.place.has(Flaw::RejectsBeforeRows) {
            store.put_rejects(batch, &self.target);
        }
        if self.place.has(Flaw::RowsBeforeState) {
            commit::Commit::new(&mut store, &self.target, None).rows(batch);
        }
    }
}

#[async_trait]
impl StreamWriter for MemoryWriter {
    fn known_schema(&self) -> Option<&TableSchema> {
        self.known.as_ref()
    }

    async fn write(&mut self, batch: Batch) -> Result<Written, Failure> {
        self.store_early(&batch);
        self.accepted.push(batch);
        if self.accepted.len() < self.place.coalesce {
            return Ok(Written::Accepted);
        }
        Ok(self.commit(false)?.map_or(Written::Accepted, Written::Durable))
    }

    async fn flush(&mut self) -> Result<Option<Committed>, Failure> {
        self.commit(false)
    }

    async fn finish(mut self: Box<Self>, complete: bool) -> Result<Option<Committed>, Failure> {
        let replaces = self.target.write == WriteMode::Replace;
        self.commit(complete && replaces)
    }
}

/// Written beside every state; memory has no clock of its own.
const WRITTEN_AT: Timestamp = Timestamp::UNIX_EPOCH;
