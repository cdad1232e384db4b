//! One stream into its tables: batches are appended inside an open transaction, which is committed together with the
//! progress when it is worth it.
//!
//! Invariant: whatever is committed holds exactly the rows that the stored progress accounts for. Under `replace` the
//! rows go to new tables, and progress moves only with their swap.

use std::collections::BTreeMap;
use std::sync::Arc;

use duckdb::Connection;
use spile_columnar::TableBatch;
use spile_destination::{Batch, Committed, StreamTarget, Written};
use spile_model::{CheckpointDelta, Clock, Failure, Field, Progress, TableSchema};
use spile_plan::{CommitPlan, WriteMode};
use tokio::time::Instant;

use crate::catalog::{Catalog, conflict};
use crate::evolve::{Evolution, actual_columns, evolution};
use crate::failure::{OrExplain, refused_column};
use crate::keys;
use crate::memory::MemoryLimit;
use crate::rows::{Feed, Feeds};
use crate::sql::{ident, text};
use crate::types::duckdb_type;
use crate::waiting::Waiting;

/// Behind the names of the tables that `replace` fills before it swaps them in.
const NEW: &str = "__spile_new";

/// Writes one stream; every call blocks.
pub(crate) struct Loader {
    connection: Connection,
    feeds: Feeds,
    catalog: Catalog,
    target: StreamTarget,
    pacing: CommitPlan,
    memory: MemoryLimit,
    clock: Arc<dyn Clock>,
    /// By the name that records' tables have; under `replace` these are the new ones.
    tables: BTreeMap<String, Table>,
    record: Option<TableSchema>,
    open: Option<Transaction>,
    /// Progress of rows that are committed but not yet swapped in.
    unswapped: Deltas,
    unswapped_rows: u64,
    changes: Vec<(String, String)>,
}

struct Table {
    parent: Option<String>,
    columns: TableSchema,
    /// Columns whose type the user changed, and that type: they stay so, and what arrives is cast to it.
    settled: BTreeMap<String, String>,
    /// The largest row id before the open transaction; rows above it are new.
    rows_before: Option<i64>,
    feed: Option<Feed>,
}

/// Changes of progress, one for each partition, in the order in which the partitions were last written.
#[derive(Default)]
struct Deltas(Vec<CheckpointDelta>);

impl Deltas {
    /// Adds a change; one that does not begin where the last one of its partition ended is refused.
    fn add(&mut self, delta: CheckpointDelta) -> Result<(), Failure> {
        let before = self.0.iter().position(|known| known.partition == delta.partition);
        let delta = match before.map(|at| self.0.remove(at)) {
            Some(known) if delta.from.as_ref() == Some(&known.to) => known.then(delta),
            Some(_) => return Err(conflict(&delta.stream)),
            None => delta,
        };
        self.0.push(delta);
        Ok(())
    }

    fn last(&self) -> Option<Progress> {
        self.0.last().map(|delta| delta.to.clone())
    }
}

/// What stands uncommitted.
struct Transaction {
    began: Instant,
    rows: u64,
    bytes: u64,
    deltas: Deltas,
    record: Option<Arc<TableSchema>>,
    waiting: Waiting,
}

impl Loader {
    pub(crate) fn open(
        connection: Connection,
        feeds: Feeds,
        catalog: Catalog,
        target: StreamTarget,
        pacing: CommitPlan,
        memory: MemoryLimit,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let mut loader = Self {
            connection,
            feeds,
            catalog,
            target,
            pacing,
            memory,
            clock,
            tables: BTreeMap::new(),
            record: None,
            open: None,
            unswapped: Deltas::default(),
            unswapped_rows: 0,
            changes: Vec::new(),
        };
        loader.learn()?;
        Ok(loader)
    }

    /// What earlier runs left: the tables that are known and really there; leftovers of an unfinished swap are removed.
    fn learn(&mut self) -> Result<(), Failure> {
        keys::refuse_foreign_table(&self.connection, &self.catalog, &self.target)?;
        if self.target.discard.is_none() && self.adds_all() {
            self.target.discard = self.catalog.broken_off(&self.connection, &self.target.stream)?;
        }
        let known = self.catalog.tables_of(&self.connection, &self.target.stream)?;
        for (name, parent) in known {
            let Some(stored) = self.catalog.known_table(&self.connection, &name)? else { continue };
            if parent.is_none() && name == self.target.table && self.exists(&name)? {
                self.record = Some(stored.record);
            }
            if self.replaces() {
                continue;
            }
            if let Some(actual) = actual_columns(&self.connection, self.catalog.schema(), &name)? {
                let (columns, settled) = as_it_is(stored.columns, &actual);
                self.tables.insert(name, Table { parent, columns, settled, rows_before: None, feed: None });
            }
        }
        if self.replaces() { self.drop_leftovers() } else { Ok(()) }
    }

    fn exists(&self, table: &str) -> Result<bool, Failure> {
        Ok(actual_columns(&self.connection, self.catalog.schema(), table)?.is_some())
    }

    fn drop_leftovers(&self) -> Result<(), Failure> {
        let sql = format!(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = {} \
             AND suffix(table_name, {}) AND (table_name = {} OR prefix(table_name, {}))",
            text(self.catalog.schema()),
            text(NEW),
            text(&format!("{}{NEW}", self.target.table)),
            text(&format!("{}__", self.target.table)),
        );
        let read = || {
            let mut statement = self.connection.prepare(&sql)?;
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect::<duckdb::Result<Vec<String>>>()
        };
        for name in read().or_explain("the tables could not be read")? {
            self.execute(
                &format!("DROP TABLE {}", self.catalog.qualified(&name)),
                "a leftover table could not be removed",
            )?;
        }
        Ok(())
    }

    pub(crate) fn known_schema(&self) -> Option<&TableSchema> {
        self.record.as_ref()
    }

    fn replaces(&self) -> bool {
        self.target.write == WriteMode::Replace
    }

    /// Whether every run adds everything. Then a run that was stopped while it read another stream, and is repeated,
    /// would add this stream once more: what it added counts only with the whole run.
    fn adds_all(&self) -> bool {
        self.target.write == WriteMode::Append && self.target.cursor.is_none()
    }

    /// The table that rows of `table` are appended to.
    fn physical(&self, table: &str) -> String {
        if self.replaces() { format!("{table}{NEW}") } else { table.to_owned() }
    }

    pub(crate) fn write(&mut self, batch: Batch) -> Result<Written, Failure> {
        let mut durable = None;
        if batch.tables.iter().any(|table| self.is_new_to(table)) {
            durable = self.commit()?;
            self.evolve(&batch)?;
        }
        self.append(batch)?;
        let due = self.open.as_ref().is_some_and(|open| {
            open.rows >= self.pacing.rows
                || open.bytes >= self.pacing.bytes.0
                || open.began.elapsed() >= self.pacing.age
        });
        if due {
            durable = merge(durable, self.commit()?);
        }
        Ok(durable.map_or(Written::Accepted, Written::Durable))
    }

    fn is_new_to(&self, batch: &TableBatch) -> bool {
        match self.tables.get(&batch.table) {
            Some(table) => batch.schema.columns.iter().any(|field| table.columns.column(&field.name) != Some(field)),
            None => true,
        }
    }

    /// Brings the batch's tables to its columns, in a transaction of its own.
    fn evolve(&mut self, batch: &Batch) -> Result<(), Failure> {
        let (joined, evolutions): (Vec<_>, Vec<_>) =
            batch.tables.iter().filter(|table| self.is_new_to(table)).map(|table| self.evolution_to(table)).unzip();
        self.execute("BEGIN TRANSACTION", "a transaction could not begin")?;
        let alter = || self.alter(&evolutions, &joined, &batch.record_schema);
        let rebuilds = evolutions.iter().any(|evolution| evolution.rebuilds);
        let outcome = if rebuilds { self.memory.raised(&self.connection, alter) } else { alter() };
        self.end(outcome)?;
        for (evolution, (name, _)) in evolutions.into_iter().zip(&joined) {
            self.changes.extend(evolution.changes.into_iter().map(|change| (name.clone(), change)));
        }
        self.tables.extend(joined);
        self.record = Some(TableSchema::clone(&batch.record_schema));
        Ok(())
    }

    /// A table as it is after `arriving`, and what leads there.
    fn evolution_to(&self, arriving: &TableBatch) -> ((String, Table), Evolution) {
        let known = self.tables.get(&arriving.table);
        let physical = self.physical(&arriving.table);
        let columns = known.map_or_else(|| arriving.schema.clone(), |known| with(&known.columns, &arriving.schema));
        let settled = known.map(|table| table.settled.clone()).unwrap_or_default();
        let evolution = evolution(&self.catalog, &physical, known.map(|table| &table.columns), &columns, &settled);
        let table = Table { parent: arriving.parent.clone(), columns, settled, rows_before: None, feed: None };
        ((arriving.table.clone(), table), evolution)
    }

    fn alter(&self, evolutions: &[Evolution], joined: &[(String, Table)], record: &TableSchema) -> Result<(), Failure> {
        for statement in evolutions.iter().flat_map(|evolution| &evolution.statements) {
            self.execute(statement, &format!("the table of `{}` could not be changed", self.target.stream))?;
        }
        if self.replaces() {
            return Ok(()); // remembered with the swap
        }
        joined.iter().try_for_each(|(name, table)| self.remember(name, table.parent.as_deref(), &table.columns, record))
    }

    fn remember(
        &self,
        name: &str,
        parent: Option<&str>,
        columns: &TableSchema,
        record: &TableSchema,
    ) -> Result<(), Failure> {
        let record = parent.is_none().then_some(record);
        self.catalog.remember_table(&self.connection, &self.target.stream, name, parent, columns, record)
    }

    fn append(&mut self, batch: Batch) -> Result<(), Failure> {
        let outcome = self.begin().and_then(|()| self.append_inside(batch));
        if outcome.is_err() {
            self.abandon();
        }
        outcome
    }

    fn append_inside(&mut self, batch: Batch) -> Result<(), Failure> {
        if !batch.rejects.is_empty() {
            let (stream, run, at) = (&self.target.stream, self.target.run, self.clock.now());
            self.catalog.add_rejects(&self.connection, stream, run, at, &batch.request, &batch.rejects)?;
        }
        if let Some(open) = &mut self.open {
            open.rows += batch.tables.first().map_or(0, |table| table.rows.num_rows() as u64);
            open.bytes += batch.bytes;
            open.record = Some(batch.record_schema);
            open.deltas.add(batch.delta)?;
            open.waiting.add(batch.tables, batch.bytes);
            if open.waiting.is_enough() {
                return self.hand_over();
            }
        }
        Ok(())
    }

    /// Hands the rows that wait to DuckDB.
    fn hand_over(&mut self) -> Result<(), Failure> {
        let waiting = self.open.as_mut().map(|open| open.waiting.take()).unwrap_or_default();
        waiting.iter().try_for_each(|batches| self.append_rows(batches))
    }

    /// Appends batches of one table with the same columns.
    fn append_rows(&mut self, batches: &[TableBatch]) -> Result<(), Failure> {
        let Some(batch) = batches.first() else { return Ok(()) };
        let physical = self.catalog.qualified(&self.physical(&batch.table));
        let table = self.tables.get_mut(&batch.table).expect("rows are written after their table was made");
        let feed = match &mut table.feed {
            Some(feed) if *feed.schema() == batch.schema => feed,
            other => other.insert(self.feeds.feed(&batch.schema)),
        };
        feed.insert(&self.connection, &physical, batches)
            .or_explain(&format!("rows could not be written to table `{}`", batch.table))
            .map_err(|failure| self.name_refused_column(failure, &batch.table))
    }

    /// Only a column whose type the user has changed casts what arrives, and may fail at it.
    fn name_refused_column(&self, failure: Failure, table: &str) -> Failure {
        let said = failure.source.as_ref().map(ToString::to_string).unwrap_or_default();
        let Some((column, what)) = refused_column(&said) else { return failure };
        let Some(now) = self.tables.get(table).and_then(|table| table.settled.get(column)) else { return failure };
        let message = format!("column `{column}` of table `{table}` is {now} now, and a value that came is not");
        Failure { message, ..failure }.caused_by(what)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        if self.open.is_some() {
            return Ok(());
        }
        self.execute("BEGIN TRANSACTION", "a transaction could not begin")?;
        self.open = Some(Transaction {
            began: Instant::now(),
            rows: 0,
            bytes: 0,
            deltas: Deltas::default(),
            record: None,
            waiting: Waiting::default(),
        });
        if let Some(run) = self.target.discard.take() {
            self.discard(run)?;
        }
        if keys::needed(&self.target) {
            for (name, table) in &mut self.tables {
                table.rows_before = Some(keys::largest_row_id(&self.connection, &self.catalog.qualified(name))?);
            }
        }
        Ok(())
    }

    /// Removes the rows that an unfinished run committed, for they are read again.
    fn discard(&self, run: spile_model::RunId) -> Result<(), Failure> {
        for name in self.tables.keys() {
            let sql = format!("DELETE FROM {} WHERE _spile_run = {run}", self.catalog.qualified(name));
            self.execute(&sql, "rows of the unfinished run could not be removed")?;
        }
        self.catalog.discard_rejects(&self.connection, &self.target.stream, run)
    }

    /// Commits what stands open: rows, rejects and progress. Under `replace` progress waits for the swap.
    pub(crate) fn commit(&mut self) -> Result<Option<Committed>, Failure> {
        if let Err(failure) = self.hand_over() {
            self.abandon();
            return Err(failure);
        }
        let Some(open) = self.open.take() else { return Ok(None) };
        let outcome = self.settle(&open);
        let known = self.end(outcome)?;
        if let Some(record) = &open.record {
            self.record = Some(TableSchema::clone(record));
        }
        if self.replaces() {
            self.unswapped_rows += open.rows;
            return open.deltas.0.into_iter().try_for_each(|delta| self.unswapped.add(delta)).map(|()| None);
        }
        let Some(progress) = open.deltas.last() else { return Ok(None) };
        let changes = std::mem::take(&mut self.changes);
        Ok(Some(Committed { rows: open.rows - known, known, progress, changes }))
    }

    /// What belongs into the transaction before its commit. Returns how many rows the table had already.
    fn settle(&self, open: &Transaction) -> Result<u64, Failure> {
        if self.replaces() {
            return Ok(0);
        }
        let keyed = keys::needed(&self.target) && open.rows > 0;
        let known = if keyed { self.memory.raised(&self.connection, || self.settle_keys())? } else { 0 };
        self.advance(&open.deltas)?;
        if let (Some(record), Some(table)) = (&open.record, self.tables.get(&self.target.table))
            && self.record.as_ref() != Some(&**record)
        {
            self.remember(&self.target.table, None, &table.columns, record)?;
        }
        Ok(known)
    }

    fn settle_keys(&self) -> Result<u64, Failure> {
        let written = |(name, table): (&'_ String, &'_ Table)| keys::Written {
            name: name.clone(),
            parent: table.parent.clone(),
            columns: table.columns.clone(),
            rows_before: table.rows_before.unwrap_or(-1),
        };
        let tables: Vec<keys::Written> = self.tables.iter().map(written).collect();
        keys::settle(&self.connection, &self.catalog, &self.target, &tables)
    }

    fn advance(&self, deltas: &Deltas) -> Result<(), Failure> {
        let at = self.clock.now();
        deltas.0.iter().try_for_each(|delta| self.catalog.advance(&self.connection, delta, self.target.run, at))
    }

    /// Ends the stream; a complete `replace` swaps its tables in.
    pub(crate) fn finish(&mut self, complete: bool) -> Result<Option<Committed>, Failure> {
        let committed = self.commit()?;
        if !self.replaces() {
            return Ok(committed);
        }
        if !complete {
            return self.drop_leftovers().map(|()| None);
        }
        let deltas = std::mem::take(&mut self.unswapped);
        let Some(progress) = deltas.last() else { return Ok(None) };
        self.execute("BEGIN TRANSACTION", "a transaction could not begin")?;
        let outcome = self.swap(&deltas);
        self.end(outcome)?;
        let changes = std::mem::take(&mut self.changes);
        Ok(Some(Committed { rows: self.unswapped_rows, known: 0, progress, changes }))
    }

    fn swap(&self, deltas: &Deltas) -> Result<(), Failure> {
        let what = format!("the new table of `{}` could not take its place", self.target.stream);
        for (old, _) in self.catalog.tables_of(&self.connection, &self.target.stream)? {
            self.execute(&format!("DROP TABLE IF EXISTS {}", self.catalog.qualified(&old)), &what)?;
            self.catalog.forget_table(&self.connection, &old)?;
        }
        let record = self.record.clone().unwrap_or_default();
        for (name, table) in &self.tables {
            let new = self.catalog.qualified(&self.physical(name));
            self.execute(&format!("ALTER TABLE {new} RENAME TO {}", ident(name)), &what)?;
            self.remember(name, table.parent.as_deref(), &table.columns, &record)?;
        }
        self.advance(deltas)
    }

    /// Commits, or takes back what the failure left half done.
    fn end<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        let outcome = outcome
            .and_then(|value| self.execute("COMMIT", "rows and progress could not be committed").map(|()| value));
        if outcome.is_err() {
            self.abandon();
        }
        outcome
    }

    fn abandon(&mut self) {
        self.open = None;
        // Where the failure took the transaction with it, there is nothing to take back.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    fn execute(&self, sql: &str, what: &str) -> Result<(), Failure> {
        self.connection.execute_batch(sql).or_explain(what)
    }
}

/// What is left of the known columns in the table as it really is, and which of them the user has given another type.
fn as_it_is(mut known: TableSchema, actual: &[(String, String)]) -> (TableSchema, BTreeMap<String, String>) {
    let actual_type =
        |name: &str| actual.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)).map(|(_, kind)| kind);
    known.columns.retain(|field| actual_type(&field.name).is_some());
    let changed = |field: &Field| {
        let (ours, actual) = (duckdb_type(&field.column_type), actual_type(&field.name)?);
        (!ours.contains("STRUCT") && *actual != ours).then(|| (field.name.clone(), actual.clone()))
    };
    let settled = known.columns.iter().filter_map(changed).collect();
    (known, settled)
}

/// Every column of `known`, widened or joined by those that arrive.
fn with(known: &TableSchema, arriving: &TableSchema) -> TableSchema {
    let mut columns = known.columns.clone();
    for field in &arriving.columns {
        match columns.iter_mut().find(|column| column.name == field.name) {
            Some(column) => column.clone_from(field),
            None => columns.push(field.clone()),
        }
    }
    TableSchema { columns }
}

/// Two commits of one call, as one.
fn merge(first: Option<Committed>, second: Option<Committed>) -> Option<Committed> {
    match (first, second) {
        (Some(first), Some(second)) => Some(Committed {
            rows: first.rows + second.rows,
            known: first.known + second.known,
            progress: second.progress,
            changes: first.changes.into_iter().chain(second.changes).collect(),
        }),
        (first, second) => second.or(first),
    }
}
