//! How much DuckDB may keep in memory.
//!
//! A load should take no more than it must, and never fail for want of a block. While rows are appended, DuckDB holds
//! blocks of every column and each text as a whole, and it goes faster while the row group that it fills stays in
//! memory too; what else it would keep brings nothing. All this is known only as rows come, so the limit follows them.

use duckdb::Connection;
use spile_model::{ByteSize, ColumnType, Failure, TableSchema};

use crate::failure::OrExplain;

/// Enough to open a file, to join keys and to write a table anew without spilling in the usual case.
const WORKING: ByteSize = ByteSize::mib(1024);

/// For all that is not counted below.
const BASE: u64 = 20_000_000;

/// DuckDB's block: each part of a column that is appended to holds one.
const BLOCK: u64 = 256 << 10;

/// The rows of a row group, which is written, and its memory freed, when it is full.
const ROW_GROUP: u64 = 122_880;

/// More of the row groups that are being filled waits on disk.
const ROW_GROUPS: u64 = 128_000_000;

/// The limit is a multiple of this: it need not follow every row.
const STEP: u64 = 2_000_000;

/// What DuckDB may keep while a stream is loaded.
#[derive(Debug)]
pub(crate) struct Memory {
    given: Option<ByteSize>,
    limit: ByteSize,
    /// Rows so far, and the bytes that they took.
    rows: u64,
    bytes: u64,
    /// Since the last commit: the most bytes that came at once.
    most: u64,
    /// Rows since DuckDB gave memory back or committed.
    unreleased: u64,
}

impl Memory {
    /// The pipeline's limit for everything, or one that follows what comes.
    pub(crate) fn new(given: Option<ByteSize>) -> Self {
        Self { given, limit: Self::working(given), rows: 0, bytes: 0, most: 0, unreleased: 0 }
    }

    /// The limit for all but loading.
    pub(crate) fn working(given: Option<ByteSize>) -> ByteSize {
        given.unwrap_or(WORKING)
    }

    /// Makes room for so many rows, of so many bytes, which go into these tables.
    pub(crate) fn make_room<'t>(
        &mut self,
        connection: &Connection,
        tables: impl Iterator<Item = &'t TableSchema>,
        rows: u64,
        bytes: u64,
    ) {
        let first = self.rows == 0;
        self.rows += rows;
        self.bytes += bytes;
        self.most = self.most.max(bytes);
        let limit = self.given.unwrap_or_else(|| self.needed(tables));
        // A row group is written by the row that does not fit it any more.
        let written = self.unreleased > ROW_GROUP;
        if first || written || limit > self.limit {
            self.limit = limit;
            self.release(connection);
        }
        self.unreleased = if written { self.unreleased % ROW_GROUP } else { self.unreleased } + rows;
    }

    fn needed<'t>(&self, tables: impl Iterator<Item = &'t TableSchema>) -> ByteSize {
        let (mut count, mut parts) = (0, 0);
        for table in tables {
            count += 1;
            parts += table.columns.iter().map(|field| self::parts(&field.column_type)).sum::<u64>();
        }
        let row_groups = self.bytes / self.rows.max(1) * ROW_GROUP * 2 / 3 * count;
        // A long text is held twice while it is written.
        let needed = BASE + parts * BLOCK + row_groups.min(ROW_GROUPS) + 2 * self.most;
        ByteSize(needed.next_multiple_of(STEP))
    }

    /// Sets the limit, at which DuckDB also gives freed memory back to the system. By itself its allocator keeps it for a
    /// second, in which a load frees more than it holds.
    fn release(&self, connection: &Connection) {
        // Where what is held cannot be brought below it, the limit stays as it was.
        let _ = set(connection, self.limit);
    }

    /// Does something under the limit for all but loading.
    pub(crate) fn raised<T>(
        &self,
        connection: &Connection,
        action: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let working = Self::working(self.given).max(self.limit);
        set(connection, working).or_explain("DuckDB's memory limit could not be raised")?;
        let outcome = action();
        self.release(connection);
        outcome
    }

    /// What came is committed: DuckDB begins a new row group, and holds no text of before.
    pub(crate) fn committed(&mut self, connection: &Connection) {
        (self.most, self.unreleased) = (0, 0);
        self.release(connection);
    }

    /// The stream is loaded.
    pub(crate) fn end(&mut self, connection: &Connection) {
        *self = Self::new(self.given);
        self.release(connection);
    }
}

fn set(connection: &Connection, limit: ByteSize) -> duckdb::Result<()> {
    connection.execute_batch(&format!("SET memory_limit = '{}B'", limit.0))
}

/// What DuckDB stores a column in: values and their validity, of each field and element by itself.
fn parts(column_type: &ColumnType) -> u64 {
    match column_type {
        ColumnType::Struct(fields) => 1 + fields.iter().map(|field| parts(&field.column_type)).sum::<u64>(),
        ColumnType::List(inner) => 2 + parts(inner),
        _ => 2,
    }
}
