//! One stream into its tables: batches are appended inside an open transaction, which is committed together with the
//! progress when it is worth it.
//!
//! Invariant: whatever is committed holds exactly the rows that the stored progress accounts for. Under `replace` the
//! rows go to new tables, and progress moves only with their swap.

mod commit;
mod deltas;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use duckdb::Connection;
use spile_columnar::TableBatch;
use spile_destination::{Batch, StreamTarget, Written};
use spile_model::{Clock, Failure, TableSchema};
use spile_plan::{CommitPlan, WriteMode};

use self::commit::{Transaction, merge};
use self::deltas::Deltas;
use self::table::{Table, as_it_is, with};
use crate::catalog::Catalog;
use crate::evolve::{Evolution, actual_columns, evolution, exists, size};
use crate::failure::{OrExplain, refused_column};
use crate::keys;
use crate::memory::Share;
use crate::rows::Feeds;
use crate::sql::text;

/// Behind the name of the stream's table, in the names of those that `replace` fills before it swaps them in.
const NEW: &str = "__spile_new";

/// So many columns are added to a table at once: each is in memory for all its rows until it is written.
const NEW_COLUMNS: usize = 32;

/// Writes one stream; every call blocks.
pub(crate) struct Loader {
    connection: Connection,
    feeds: Feeds,
    catalog: Catalog,
    target: StreamTarget,
    pacing: CommitPlan,
    memory: Share,
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

impl Loader {
    pub(crate) fn open(
        connection: Connection,
        feeds: Feeds,
        catalog: Catalog,
        target: StreamTarget,
        pacing: CommitPlan,
        memory: Share,
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
        keys::refuse_foreign_table(&self.connection, &self.catalog, &self.target, &self.target.table)?;
        if self.target.discard.is_none() && self.adds_all() {
            self.target.discard = self.catalog.broken_off(&self.connection, &self.target.stream)?;
        }
        let known = self.catalog.tables_of(&self.connection, &self.target.stream)?;
        for (name, parent) in known {
            let Some(stored) = self.catalog.known_table(&self.connection, &name)? else { continue };
            if parent.is_none() && name == self.target.table && exists(&self.connection, &self.catalog, &name)? {
                self.record = Some(stored.record);
            }
            if self.replaces() {
                continue;
            }
            if let Some(actual) = actual_columns(&self.connection, &self.catalog, &name)? {
                let (columns, settled) = as_it_is(stored.columns, &actual);
                self.tables.insert(name, Table { parent, columns, settled, rows_before: None, feed: None });
            }
        }
        if self.replaces() { self.drop_leftovers() } else { Ok(()) }
    }

    fn drop_leftovers(&self) -> Result<(), Failure> {
        let sql = format!(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = {} \
             AND (table_name = {} OR prefix(table_name, {}))",
            text(self.catalog.schema()),
            text(&self.physical(&self.target.table)),
            text(&self.physical(&format!("{}__", self.target.table))),
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
        if !self.replaces() {
            return table.to_owned();
        }
        // The mark stands behind the stream's own name, so that no other stream's tables look like this one's.
        let stream = &self.target.table;
        format!("{stream}{NEW}{}", table.strip_prefix(stream.as_str()).unwrap_or(table))
    }

    pub(crate) fn write(&mut self, batch: Batch) -> Result<Written, Failure> {
        let mut durable = None;
        if batch.tables.iter().any(|table| self.is_new_to(table)) {
            durable = self.commit()?;
            self.evolve(&batch)?;
            while batch.tables.iter().any(|table| self.is_new_to(table)) {
                // Written to the file, new columns take no memory; with other streams' transactions open, they wait.
                let _ = self.connection.execute_batch("CHECKPOINT");
                self.evolve(&batch)?;
            }
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

    /// Brings the batch's tables to its columns, or by some of them nearer, in a transaction of its own.
    fn evolve(&mut self, batch: &Batch) -> Result<(), Failure> {
        let (joined, evolutions): (Vec<_>, Vec<_>) =
            batch.tables.iter().filter(|table| self.is_new_to(table)).map(|table| self.evolution_to(table)).unzip();
        for ((name, _), evolution) in joined.iter().zip(&evolutions) {
            if self.tables.contains_key(name) {
                let rows = size(&self.connection, &self.catalog, &self.physical(name))?;
                self.memory.make_room_for_columns(&evolution.written, rows);
            } else {
                keys::refuse_foreign_table(&self.connection, &self.catalog, &self.target, name)?;
            }
        }
        self.execute("BEGIN TRANSACTION", "a transaction could not begin")?;
        let alter = || self.alter(&evolutions, &joined, &batch.record_schema);
        let outcome = alter();
        self.end(outcome)?;
        self.memory.committed();
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
        let columns =
            known.map_or_else(|| arriving.schema.clone(), |known| with(&known.columns, &arriving.schema, NEW_COLUMNS));
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
        let waiting = self.open.as_mut().map(|open| std::mem::take(&mut open.waiting)).unwrap_or_default();
        let (rows, bytes) = waiting.size();
        if rows > 0 {
            let schemas = self.tables.values().map(|table| &table.columns);
            self.memory.make_room(schemas, rows, bytes);
        }
        waiting.into_tables().iter().try_for_each(|batches| self.append_rows(batches))
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

    /// Between two calls: what DuckDB need not keep is given back.
    pub(crate) fn take_memory_back(&mut self) {
        self.memory.take_back();
    }

    fn execute(&self, sql: &str, what: &str) -> Result<(), Failure> {
        self.connection.execute_batch(sql).or_explain(what)
    }
}
