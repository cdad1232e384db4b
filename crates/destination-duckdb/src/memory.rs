//! How much DuckDB keeps in memory.
//!
//! A load should take no more than it must, and never fail for want of a block. DuckDB has one limit for a whole
//! database: what comes near it is written to disk as far as it can be, and what must be in memory beyond it is an error
//! that takes the transaction along. So the limit is set above all that the streams under way can need, and what they do
//! not need is taken back every now and then, by a limit that holds only for that moment: nobody works at it meanwhile, and
//! where it cannot be kept, nothing happens.
//!
//! While rows are appended, DuckDB holds a block of every part of a column, and a load goes faster while the row group
//! that it fills stays in memory too; what else it would keep brings nothing. All this is known only as rows come, so both
//! limits follow them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use duckdb::Connection;
use spile_model::{ByteSize, ColumnType, TableSchema};

/// Enough to open a file, to join keys and to write a table anew without spilling in the usual case.
const WORKING: ByteSize = ByteSize::mib(1024);

/// What is kept for all that is not counted below.
const BASE: u64 = 4_000_000;

/// DuckDB's block: each part of a column that is appended to holds one.
const BLOCK: u64 = 256 << 10;

/// The rows of a row group, which is written, and its memory freed, when it is full.
const ROW_GROUP: u64 = 122_880;

/// More of the row groups that are being filled waits on disk.
const ROW_GROUPS: u64 = 128_000_000;

/// The rows that DuckDB goes through at once, all of whose texts are then in memory (`STANDARD_VECTOR_SIZE`).
const VECTOR: u64 = 2048;

/// So many bytes of rows are handed over between two looks at what DuckDB holds.
const LOOK: u64 = 4_000_000;

/// After so many a look waits for the other streams, at which DuckDB may be at work.
const PATIENCE: u64 = 16 * LOOK;

/// The memory of one database. All clones are the same.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Shared>);

struct Shared {
    given: Option<ByteSize>,
    /// Held by everyone for whom DuckDB works; alone, by who takes memory back.
    at_work: RwLock<()>,
    settings: Mutex<Settings>,
}

struct Settings {
    /// One of its own: a limit that cannot be set spoils the transaction in which it was tried.
    connection: Connection,
    limit: u64,
    /// What the streams under way need, by their numbers.
    needs: BTreeMap<u64, Need>,
    next: u64,
}

#[derive(Clone, Copy, Default)]
struct Need {
    /// What is worth to be kept.
    kept: u64,
    /// What it can come to for a moment.
    most: u64,
}

impl Memory {
    /// `connection` is to the database in question; `given` is the pipeline's limit, if it has one.
    pub(crate) fn new(connection: Connection, given: Option<ByteSize>) -> Self {
        let settings = Settings { connection, limit: Self::working(given).0, needs: BTreeMap::new(), next: 0 };
        Self(Arc::new(Shared { given, at_work: RwLock::new(()), settings: Mutex::new(settings) }))
    }

    /// The limit where no stream needs more.
    pub(crate) fn working(given: Option<ByteSize>) -> ByteSize {
        given.unwrap_or(WORKING)
    }

    /// Does something with the database. Whatever works there is inside one of these, and none inside another.
    pub(crate) fn at_work<T>(&self, action: impl FnOnce() -> T) -> T {
        let _at_work = self.0.at_work.read().unwrap_or_else(PoisonError::into_inner);
        action()
    }

    /// The share of one more stream.
    pub(crate) fn share(&self) -> Share {
        let mut settings = self.settings();
        settings.next += 1;
        Share { memory: self.clone(), number: settings.next, rows: 0, bytes: 0, most: 0, unseen: 0 }
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that the limit is above all needs.
    fn need(&self, number: u64, need: Need) {
        if self.0.given.is_some() {
            return; // the limit is the pipeline's
        }
        let mut settings = self.settings();
        settings.needs.insert(number, need);
        let most = WORKING.0 + settings.needs.values().map(|need| need.most).sum::<u64>();
        if most > settings.limit {
            settings.limit = most;
            settings.apply(most);
        }
    }

    /// Takes back what is not worth keeping. What is worth it stays, even where DuckDB has freed it: the next row group
    /// goes into the same pages, and to have them anew from the system costs a load a tenth of its time.
    fn take_back(&self) {
        let settings = self.settings();
        let kept = BASE + settings.needs.values().map(|need| need.kept).sum::<u64>();
        let kept = self.0.given.map_or(kept, |given| given.0.min(kept));
        if settings.held().is_none_or(|held| held > kept) {
            settings.apply(kept);
            settings.apply(settings.limit);
        }
    }
}

impl Settings {
    /// Sets the limit, at which DuckDB brings itself below it, as far as it can, and gives freed memory back to the
    /// system. By itself its allocator keeps it for a second, in which a load frees more than it holds.
    fn apply(&self, limit: u64) {
        // Where what must be held is more, the limit stays as it was.
        let _ = self.connection.execute_batch(&format!("SET memory_limit = '{limit}B'"));
    }

    fn held(&self) -> Option<u64> {
        let mut statement =
            self.connection.prepare_cached("SELECT sum(memory_usage_bytes)::UBIGINT FROM duckdb_memory()").ok()?;
        statement.query_row([], |row| row.get(0)).ok()
    }
}

/// What one stream needs, while it is loaded.
pub(crate) struct Share {
    memory: Memory,
    number: u64,
    /// Rows so far, and the bytes that they took.
    rows: u64,
    bytes: u64,
    /// Since the last commit: the most bytes that came at once.
    most: u64,
    /// Bytes that were handed over since the last look.
    unseen: u64,
}

impl Share {
    /// So many rows, of so many bytes, go into these tables.
    pub(crate) fn make_room<'t>(&mut self, tables: impl Iterator<Item = &'t TableSchema>, rows: u64, bytes: u64) {
        self.rows += rows;
        self.bytes += bytes;
        self.unseen += bytes;
        self.most = self.most.max(bytes);
        let (mut count, mut blocks) = (0, 0);
        for table in tables {
            count += 1;
            blocks += BLOCK * table.columns.iter().map(|field| parts(&field.column_type)).sum::<u64>();
        }
        let row = self.bytes / self.rows.max(1);
        let kept = blocks + (row * ROW_GROUP * 2 / 3 * count).min(ROW_GROUPS) + 2 * self.most;
        // A commit reads what it writes; texts are in memory twice then, and a long one is by itself.
        let most = 2 * blocks + 4 * VECTOR * row + 4 * self.most;
        self.memory.need(self.number, Need { kept, most });
    }

    /// A table with so many rows gets so many new columns: until the commit all of them are in memory.
    pub(crate) fn make_room_for_columns(&self, columns: &[ColumnType], rows: u64) {
        let blocks = BLOCK * columns.iter().map(parts).sum::<u64>() * (1 + rows / ROW_GROUP);
        self.memory.need(self.number, Need { kept: 0, most: 4 * blocks });
    }

    /// What came is committed: DuckDB holds no text of before.
    pub(crate) fn committed(&mut self) {
        self.most = 0;
    }

    /// Takes memory back, where it is worth it. Not while this stream is at work.
    pub(crate) fn take_back(&mut self) {
        if self.unseen < LOOK {
            return;
        }
        let memory = self.memory.clone();
        let alone = match memory.0.at_work.try_write() {
            Err(_) if self.unseen >= PATIENCE => memory.0.at_work.write().ok(),
            outcome => outcome.ok(),
        };
        if alone.is_some() {
            memory.take_back();
            self.unseen = 0;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.settings().needs.remove(&self.number);
    }
}

/// What DuckDB stores a column in: values and their validity, of each field and element by itself.
fn parts(column_type: &ColumnType) -> u64 {
    match column_type {
        ColumnType::Struct(fields) => 1 + fields.iter().map(|field| parts(&field.column_type)).sum::<u64>(),
        ColumnType::List(inner) => 2 + parts(inner),
        _ => 2,
    }
}
