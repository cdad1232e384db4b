//! Tables in a DuckDB file.
//!
//! Enters: typed batches with their progress. Leaves: committed rows, and word of it. Invariant: rows, rejects and
//! progress of a batch are committed in one transaction; the file's own lock keeps a second run away. It deliberately
//! keeps no index and no constraint on the user's tables: they would cost more than the whole load.
//!
//! Every call of DuckDB blocks, so each is made on a thread that may: what loads a stream, on that stream's own.

mod catalog;
mod evolve;
mod failure;
mod keys;
mod memory;
mod open;
mod query;
mod rows;
mod sql;
mod thread;
mod types;
mod unborn;
mod waiting;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use duckdb::Connection;
use spile_destination::{
    Batch, Committed, Destination, RunEnd, RunStart, StreamState, StreamTarget, StreamWriter, Written,
};
use spile_model::{Checkpoint, Clock, Failure, FailureKind, RunId, StreamName, TableSchema};
use spile_plan::{CommitPlan, DuckDbPlan};

use crate::catalog::Catalog;
use crate::failure::OrExplain;
use crate::memory::Memory;
use crate::rows::Feeds;
use crate::thread::OwnThread;
use crate::writer::Loader;

pub use query::{TextTable, query_text};

/// A DuckDB file, opened for one pipeline.
pub struct DuckDb {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
    feeds: Feeds,
    catalog: Catalog,
    commit: CommitPlan,
    memory: Memory,
    clock: Arc<dyn Clock>,
}

impl DuckDb {
    /// Opens or creates the file and takes its lock, which is held until this and all its writers are dropped.
    ///
    /// # Errors
    /// [`FailureKind::DestinationLocked`] where another process has it open; otherwise what keeps the file from being
    /// opened or written.
    pub async fn open(plan: &DuckDbPlan, pipeline: &str, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let memory = plan.memory;
        let catalog = Catalog::new(pipeline, &plan.schema);
        let path = plan.path.clone();
        let prepared = catalog.clone();
        let (connection, feeds, memory) = blocking(move || {
            let connection = open::open(&path, Memory::working(memory))?;
            prepared.prepare(&connection)?;
            let feeds = Feeds::register(&connection).or_explain("the database cannot take rows")?;
            let memory = Memory::new(another(&connection)?, memory);
            Ok((connection, feeds, memory))
        })
        .await?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self { path: plan.path.clone(), connection, feeds, catalog, commit: plan.commit, memory, clock })
    }

    /// Does something with the main connection, in a transaction, on a thread that may block.
    async fn transact<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Connection, &Catalog) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (connection, catalog, memory) = (Arc::clone(&self.connection), self.catalog.clone(), self.memory.clone());
        blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            memory.at_work(|| {
                // Dropped without commit, the transaction is taken back.
                let transaction = connection.unchecked_transaction().or_explain("a transaction could not begin")?;
                let value = action(&transaction, &catalog)?;
                transaction.commit().or_explain("Spile's own tables could not be written")?;
                Ok(value)
            })
        })
        .await
    }
}

#[async_trait]
impl Destination for DuckDb {
    fn describe(&self) -> String {
        format!("duckdb:{}", self.path.display())
    }

    async fn begin_run(&self, start: &RunStart) -> Result<RunId, Failure> {
        let start = start.clone();
        self.transact(move |connection, catalog| catalog.begin_run(connection, &start)).await
    }

    async fn checkpoint(&self, stream: &StreamName) -> Result<Checkpoint, Failure> {
        let states = self.states().await?;
        let state = states.into_iter().find(|state| state.stream == *stream);
        Ok(state.map(|state| state.checkpoint).unwrap_or_default())
    }

    async fn open_stream(&self, target: StreamTarget) -> Result<Box<dyn StreamWriter>, Failure> {
        let (connection, catalog) = (Arc::clone(&self.connection), self.catalog.clone());
        let (feeds, commit, memory) = (self.feeds.clone(), self.commit, self.memory.clone());
        let clock = Arc::clone(&self.clock);
        let open = move || {
            let own = another(&connection.lock().unwrap_or_else(PoisonError::into_inner))?;
            let share = memory.share();
            let loader = memory.at_work(|| Loader::open(own, feeds, catalog, target, commit, share, clock))?;
            let known = loader.known_schema().cloned();
            Ok((loader, known))
        };
        let (loader, known) = OwnThread::start("load", open).await?;
        Ok(Box::new(Writer { loader, known, memory: self.memory.clone() }))
    }

    async fn end_run(&self, run: RunId, end: &RunEnd) -> Result<(), Failure> {
        let end = end.clone();
        self.transact(move |connection, catalog| catalog.end_run(connection, run, &end)).await
    }

    async fn states(&self) -> Result<Vec<StreamState>, Failure> {
        self.transact(|connection, catalog| catalog.states(connection)).await
    }

    async fn reset(&self, stream: &StreamName, drop_tables: bool) -> Result<bool, Failure> {
        let stream = stream.clone();
        self.transact(move |connection, catalog| {
            let mut found = catalog.forget_state(connection, &stream)?;
            if drop_tables {
                for (table, _) in catalog.tables_of(connection, &stream)? {
                    found = true;
                    let drop = format!("DROP TABLE IF EXISTS {}", catalog.qualified(&table));
                    connection.execute_batch(&drop).or_explain(&format!("table `{table}` could not be dropped"))?;
                    catalog.forget_table(connection, &table)?;
                }
            }
            Ok(found)
        })
        .await
    }
}

/// Hands each call to the stream's thread.
struct Writer {
    loader: OwnThread<Loader>,
    /// As it was when the stream was opened.
    known: Option<TableSchema>,
    memory: Memory,
}

impl Writer {
    async fn call<T: Send + 'static>(
        &mut self,
        action: impl FnOnce(&mut Loader) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let memory = self.memory.clone();
        let at_work = move |loader: &mut Loader| {
            let outcome = memory.at_work(|| action(loader));
            loader.take_memory_back();
            outcome
        };
        self.loader.call(at_work).await
    }
}

#[async_trait]
impl StreamWriter for Writer {
    fn known_schema(&self) -> Option<&TableSchema> {
        self.known.as_ref()
    }

    async fn write(&mut self, batch: Batch) -> Result<Written, Failure> {
        self.call(move |loader| loader.write(batch)).await
    }

    async fn flush(&mut self) -> Result<Option<Committed>, Failure> {
        self.call(Loader::commit).await
    }

    async fn finish(mut self: Box<Self>, complete: bool) -> Result<Option<Committed>, Failure> {
        self.call(move |loader| loader.finish(complete)).await
    }
}

/// One more connection to the same database.
fn another(connection: &Connection) -> Result<Connection, Failure> {
    connection.try_clone().or_explain("no connection to the database")
}

async fn blocking<T: Send + 'static>(
    action: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let joined = tokio::task::spawn_blocking(action).await;
    joined.map_err(|error| Failure::new(FailureKind::Destination, "the writing thread ended early").caused_by(error))?
}
