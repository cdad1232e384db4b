//! `spile_rows`: a table function through which DuckDB reads Arrow batches where they lie.
//!
//! Enters: batches of one table. Leaves: its rows, inserted. Invariant: every batch of a feed has the types that the
//! statement was bound to. The appender would copy each text twice on its way and look again whether it is UTF-8, and
//! plan its insertion anew each time (measured: a tenth of a load).

mod fill;
mod logical_type;

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use duckdb::Connection;
use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vtab::{BindInfo, InitInfo, TableFunctionInfo, VTab};
use spile_columnar::TableBatch;
use spile_model::TableSchema;

use crate::sql::ident;

use self::fill::fill;
use self::logical_type::logical_type;

const FUNCTION: &str = "spile_rows";

/// The feeds of a database, by their numbers.
#[derive(Clone, Default)]
pub(crate) struct Feeds {
    feeds: Arc<Mutex<HashMap<u64, Arc<Feeding>>>>,
    next: Arc<AtomicU64>,
}

/// What an insertion reads.
struct Feeding {
    schema: TableSchema,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// They stay until the insertion ends: what DuckDB was handed points into them.
    batches: Vec<RecordBatch>,
    /// The next row to read: the number of its batch, and its place in it.
    next: (usize, usize),
}

/// Where batches of one table and of one schema go through.
pub(crate) struct Feed {
    feeds: Feeds,
    number: u64,
    feeding: Arc<Feeding>,
}

impl Feeds {
    /// Makes the function known to the database of that connection.
    pub(crate) fn register(connection: &Connection) -> duckdb::Result<Self> {
        let feeds = Self::default();
        connection.register_table_function_with_extra_info::<Rows, Self>(FUNCTION, &feeds)?;
        Ok(feeds)
    }

    /// A feed of batches with these columns.
    pub(crate) fn feed(&self, schema: &TableSchema) -> Feed {
        let feeding = Arc::new(Feeding { schema: schema.clone(), queue: Mutex::default() });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Arc::clone(&feeding));
        Feed { feeds: self.clone(), number, feeding }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Feeding>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    pub(crate) fn schema(&self) -> &TableSchema {
        &self.feeding.schema
    }

    /// Inserts the batches' rows, in their order, into a table whose name is quoted already.
    pub(crate) fn insert(&self, connection: &Connection, table: &str, batches: &[TableBatch]) -> duckdb::Result<()> {
        let columns: Vec<String> = self.schema().columns.iter().map(|field| ident(&field.name)).collect();
        let sql = format!("INSERT INTO {table} ({}) SELECT * FROM {FUNCTION}({})", columns.join(", "), self.number);
        let mut statement = connection.prepare_cached(&sql)?;
        *self.feeding.queue() =
            Queue { batches: batches.iter().map(|batch| batch.rows.clone()).collect(), next: (0, 0) };
        let outcome = statement.execute([]);
        *self.feeding.queue() = Queue::default();
        outcome.map(|_| ())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.feeds.lock().remove(&self.number);
    }
}

impl Feeding {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The next rows, all of one batch: at most `most`, and none for none.
    fn take(&mut self, most: usize) -> Option<RecordBatch> {
        let (batch, row) = &mut self.next;
        while let Some(current) = self.batches.get(*batch) {
            let left = current.num_rows() - *row;
            if left > 0 {
                let part = current.slice(*row, left.min(most));
                *row += part.num_rows();
                return Some(part).filter(|part| part.num_rows() > 0);
            }
            (*batch, *row) = (*batch + 1, 0);
        }
        None
    }
}

/// The table function.
struct Rows;

impl VTab for Rows {
    type InitData = ();
    type BindData = Arc<Feeding>;

    fn parameters() -> Option<Vec<LogicalTypeHandle>> {
        Some(vec![LogicalTypeId::Bigint.into()])
    }

    fn bind(bind: &BindInfo) -> Result<Self::BindData, Box<dyn Error>> {
        let number = u64::try_from(bind.get_parameter(0).to_int64())?;
        #[expect(unsafe_code, reason = "the library hands out its registered state by pointer only")]
        // SAFETY: the function was registered with a `Feeds`, which lives as long as the function.
        let feeds = unsafe { &*bind.get_extra_info::<Feeds>() };
        let feeding = feeds.lock().get(&number).map(Arc::clone).ok_or("there are no rows of that number")?;
        for field in &feeding.schema.columns {
            bind.add_result_column(&field.name, logical_type(&field.column_type));
        }
        Ok(feeding)
    }

    fn init(_: &InitInfo) -> Result<Self::InitData, Box<dyn Error>> {
        Ok(())
    }

    fn func(info: &TableFunctionInfo<Self>, output: &mut DataChunkHandle) -> Result<(), Box<dyn Error>> {
        let mut queue = info.get_bind_data().queue();
        let mut filled = 0;
        while let Some(part) = queue.take(fill::VECTOR_ROWS - filled) {
            #[expect(unsafe_code, reason = "vectors are filled in place")]
            // SAFETY: a batch of this feed has the types that `bind` declared, and the rows fit the chunk behind those
            // that are there; the batch outlives the statement, in the queue.
            unsafe {
                fill(output, &part, filled);
            }
            filled += part.num_rows();
        }
        output.set_len(filled);
        Ok(())
    }
}
