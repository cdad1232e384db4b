//! From the first row of a transaction to its commit, and the swap that ends a `replace`.

use std::sync::Arc;

use spile_destination::Committed;
use spile_model::{Failure, RunId, TableSchema};
use tokio::time::Instant;

use super::Loader;
use super::deltas::Deltas;
use super::table::Table;
use crate::keys;
use crate::sql::ident;
use crate::waiting::Waiting;

/// What stands uncommitted.
pub(super) struct Transaction {
    pub(super) began: Instant,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) deltas: Deltas,
    pub(super) record: Option<Arc<TableSchema>>,
    pub(super) waiting: Waiting,
}

impl Loader {
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
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
    pub(super) fn discard(&self, run: RunId) -> Result<(), Failure> {
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
        self.memory.committed();
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
        let known = if keyed { self.settle_keys()? } else { 0 };
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
    pub(super) fn end<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        let outcome = outcome
            .and_then(|value| self.execute("COMMIT", "rows and progress could not be committed").map(|()| value));
        if outcome.is_err() {
            self.abandon();
        }
        outcome
    }

    pub(super) fn abandon(&mut self) {
        self.open = None;
        // Where the failure took the transaction with it, there is nothing to take back.
        let _ = self.connection.execute_batch("ROLLBACK");
    }
}

/// Two commits of one call, as one.
pub(super) fn merge(first: Option<Committed>, second: Option<Committed>) -> Option<Committed> {
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
