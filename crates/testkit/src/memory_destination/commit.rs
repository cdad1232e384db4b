//! One transaction: batches into tables and progress, by the rules of the write mode.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use spile_columnar::{PARENT_COLUMN, ROW_COLUMN, TableBatch};
use spile_destination::{Batch, Committed, StreamTarget};
use spile_model::{CheckpointDelta, ColumnType, Failure, FailureKind, Field, PartitionKey, TableSchema};
use spile_plan::WriteMode;

use super::Flaw;
use super::cells;
use super::store::{Row, Store, StoredTable, staging};

pub(super) struct Commit<'a> {
    store: &'a mut Store,
    target: &'a StreamTarget,
    flaw: Option<Flaw>,
}

/// Rows added, and rows left out because the table had them.
#[derive(Default)]
pub(super) struct Counts {
    rows: u64,
    known: u64,
}

impl<'a> Commit<'a> {
    pub(super) fn new(store: &'a mut Store, target: &'a StreamTarget, flaw: Option<Flaw>) -> Self {
        Self { store, target, flaw }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// What comes before the first batch of a stream.
    pub(super) fn begin(&mut self) {
        if let Some(run) = self.target.discard.filter(|_| !self.has(Flaw::KeepsUnfinishedRows)) {
            self.store.remove_run(&self.target.table, run);
        }
    }

    /// One batch behind those that are `before` it in the transaction.
    pub(super) fn batch(&mut self, batch: &Batch, before: Option<Committed>) -> Result<Committed, Failure> {
        let mut delta = batch.delta.clone();
        if self.has(Flaw::OneProgressForAllPartitions) {
            delta.partition = PartitionKey::whole();
        }
        self.check(&delta)?;
        let counts = if self.has(Flaw::RowsBeforeState) { Counts::default() } else { self.rows(batch) };
        if !self.has(Flaw::RejectsBeforeRows) {
            self.store.put_rejects(batch, self.target);
        }
        self.store.put_state(&delta, self.target);
        let known_types = self.store.schemas.entry(self.target.stream.clone()).or_default();
        *known_types = TableSchema::clone(&batch.record_schema);
        self.store.tables_of.insert(self.target.stream.clone(), self.target.table.clone());
        let (rows, known) = before.map_or((0, 0), |before| (before.rows, before.known));
        Ok(Committed { rows: rows + counts.rows, known: known + counts.known, progress: delta.to, changes: Vec::new() })
    }

    /// Puts the new table, with its children, in the old one's place.
    pub(super) fn swap(&mut self) {
        let new = staging(&self.target.table);
        if self.has(Flaw::ReplacesEarly) {
            return;
        }
        let old = self.store.tables.get(&self.target.table).cloned();
        self.store.drop_table(&self.target.table);
        if let Some(old) = old {
            // A run without rows leaves an empty table, not none.
            self.store.tables.insert(self.target.table.clone(), StoredTable { rows: Vec::new(), ..old });
        }
        let staged: Vec<String> = self.store.tables.keys().filter(|name| self.is_staged(name, &new)).cloned().collect();
        let plain = |name: &str| name.strip_prefix(&staging("")).unwrap_or(name).to_owned();
        for name in staged {
            if let Some(mut table) = self.store.tables.remove(&name) {
                table.parent = table.parent.as_deref().map(plain);
                self.store.tables.insert(plain(&name), table);
            }
        }
    }

    fn is_staged(&self, name: &str, root: &str) -> bool {
        let parent = self.store.tables.get(name).and_then(|table| table.parent.as_deref());
        name == root || parent.is_some_and(|parent| self.is_staged(parent, root))
    }

    fn check(&self, delta: &CheckpointDelta) -> Result<(), Failure> {
        let state = self.store.states.get(&delta.stream);
        let stored = state.and_then(|state| state.checkpoint.partitions.get(&delta.partition));
        let lenient = [Flaw::ForgivesOtherWriters, Flaw::StateBeforeRows, Flaw::OneProgressForAllPartitions];
        if stored == delta.from.as_ref() || self.flaw.is_some_and(|flaw| lenient.contains(&flaw)) {
            return Ok(());
        }
        let message = format!("the stored progress is {stored:?}, and this run expected {:?}", delta.from);
        Err(Failure::new(FailureKind::StateConflict, message).in_stream(&delta.stream))
    }

    /// The rows of a batch, into the tables or their staging tables.
    pub(super) fn rows(&mut self, batch: &Batch) -> Counts {
        let staged = self.target.write == WriteMode::Replace && !self.has(Flaw::ReplacesEarly);
        let place = |name: &str| if staged { staging(name) } else { name.to_owned() };
        let mut counts = Counts::default();
        for part in &batch.tables {
            let name = place(&part.table);
            self.evolve(&name, part.parent.as_deref().map(place), part);
            let rows = cells::rows(part);
            match &part.parent {
                None => self.own_rows(&name, rows, &mut counts),
                Some(parent) => self.child_rows(&name, &place(parent), rows),
            }
        }
        counts
    }

    /// Brings a table to a batch's columns.
    fn evolve(&mut self, name: &str, parent: Option<String>, part: &TableBatch) {
        let table = self.store.tables.entry(name.to_owned()).or_default();
        table.parent = parent;
        for field in &part.schema.columns {
            match table.columns.iter_mut().find(|known| known.name == field.name) {
                None => table.columns.push(field.clone()),
                Some(known) if known.column_type == field.column_type => {}
                Some(known) => {
                    known.column_type = field.column_type.clone();
                    restate(&mut table.rows, field);
                }
            }
        }
    }

    fn own_rows(&mut self, name: &str, rows: Vec<Row>, counts: &mut Counts) {
        if self.target.write == WriteMode::Merge {
            return self.merge(name, rows, counts);
        }
        let skips = self.target.write == WriteMode::Append && self.target.skip_known && !self.has(Flaw::AddsKnownRows);
        for row in rows {
            let held = &self.store.tables[name].rows;
            if skips && held.iter().any(|held| self.key(held) == self.key(&row) && self.order(held, &row).is_eq()) {
                counts.known += 1;
            } else {
                counts.rows += 1;
                self.put(name, row);
            }
        }
    }

    /// Each row takes the place of the one with its key, unless that one has a later cursor.
    fn merge(&mut self, name: &str, rows: Vec<Row>, counts: &mut Counts) {
        let held = self.store.tables.get_mut(name).map(|table| std::mem::take(&mut table.rows)).unwrap_or_default();
        let mut places: HashMap<String, usize> = held.iter().enumerate().map(|(at, row)| (self.key(row), at)).collect();
        let mut kept: Vec<Option<Row>> = held.into_iter().map(Some).collect();
        let mut gone = Vec::new();
        for mut row in rows {
            let before =
                places.get(&self.key(&row)).and_then(|at| kept[*at].take_if(|held| self.gives_way(held, &row)));
            match before {
                Some(before) if self.has(Flaw::PatchesRows) => {
                    row = patched(before, &row);
                }
                Some(before) => gone.push(before),
                None if places.contains_key(&self.key(&row)) => continue,
                None => {}
            }
            places.insert(self.key(&row), kept.len());
            kept.push(Some(row));
            counts.rows += 1;
        }
        let rows = kept.into_iter().flatten().collect();
        if let Some(table) = self.store.tables.get_mut(name) {
            table.rows = rows;
        }
        if !self.has(Flaw::LeavesOrphans) {
            self.store.remove_children(name, &gone);
        }
    }

    fn gives_way(&self, held: &Row, row: &Row) -> bool {
        self.order(held, row).is_le() || self.has(Flaw::IgnoresTheCursor)
    }

    /// Only children whose parent's row is there: one that lost brings none.
    fn child_rows(&mut self, name: &str, parent: &str, rows: Vec<Row>) {
        let parents: BTreeSet<String> = self.store.tables.get(parent).map_or_else(BTreeSet::new, |table| {
            table.rows.iter().filter_map(|row| row.get(ROW_COLUMN)).map(Value::to_string).collect()
        });
        let everyone = self.has(Flaw::LeavesOrphans);
        for row in rows {
            if everyone || row.get(PARENT_COLUMN).is_some_and(|parent| parents.contains(&parent.to_string())) {
                self.put(name, row);
            }
        }
    }

    fn put(&mut self, name: &str, row: Row) {
        self.store.tables.entry(name.to_owned()).or_default().rows.push(row);
    }

    /// The primary key of a row, as one text.
    fn key(&self, row: &Row) -> String {
        let parts = self.target.primary_key.iter().map(|name| row.get(name).unwrap_or(&Value::Null));
        parts.map(Value::to_string).collect::<Vec<_>>().join(",")
    }

    /// How the cursor of `a` stands to that of `b`; in a stream without one, all are equal.
    fn order(&self, a: &Row, b: &Row) -> Ordering {
        let Some(cursor) = &self.target.cursor else { return Ordering::Equal };
        let value = |row: &Row| row.get(cursor).cloned().filter(|value| !value.is_null());
        match (value(a), value(b)) {
            (Some(Value::Number(a)), Some(Value::Number(b))) => a.as_i64().cmp(&b.as_i64()),
            (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(&b),
            // A row without a cursor is older than any that has one.
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }
}

/// What a flawed merge makes of two rows: the new one does not replace what it has no value for.
fn patched(before: Row, row: &Row) -> Row {
    let present = row.iter().filter(|(_, value)| !value.is_null());
    before.into_iter().chain(present.map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// Spells the values of a column that became wider as its new type does. Only decimals are spelled differently.
fn restate(rows: &mut [Row], field: &Field) {
    if let ColumnType::Decimal { scale, .. } = field.column_type {
        for value in rows.iter_mut().filter_map(|row| row.get_mut(&field.name)) {
            if let Value::Number(number) = value {
                let zeros = "0".repeat(scale.into());
                *value = Value::String(if scale == 0 { number.to_string() } else { format!("{number}.{zeros}") });
            }
        }
    }
}
