//! How much DuckDB may keep in memory.

use duckdb::Connection;
use spile_model::{ByteSize, Failure};

use crate::failure::OrExplain;

/// Enough to load any number of rows: beyond it DuckDB writes to disk, and a larger cache brings nothing to a load.
const LOADING: ByteSize = ByteSize(52_000_000);

/// Enough to join keys and to write a table anew without spilling in the usual case.
const JOINING: ByteSize = ByteSize::mib(1024);

/// DuckDB is made to give freed memory back after so many rows: a row group, which is freed when it is written.
pub(crate) const ROWS_BETWEEN_RELEASES: usize = 122_880;

/// The limit while loading, and the higher one for statements that need more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryLimit {
    loading: ByteSize,
    joining: ByteSize,
}

impl MemoryLimit {
    /// The pipeline's limit for everything, or the usual ones.
    pub(crate) fn new(limit: Option<ByteSize>) -> Self {
        Self { loading: limit.unwrap_or(LOADING), joining: limit.unwrap_or(JOINING) }
    }

    pub(crate) fn while_loading(self) -> String {
        format!("{}B", self.loading.0)
    }

    /// Gives memory that was freed back to the system. DuckDB's allocator keeps it for a second, in which a load frees
    /// more than it holds; to set the limit, even to what it is, makes it let go.
    pub(crate) fn release(self, connection: &Connection) {
        // Where this fails, memory stays a little longer.
        let _ = set(connection, self.loading);
    }

    /// Does something under the higher limit.
    pub(crate) fn raised<T>(
        self,
        connection: &Connection,
        action: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        set(connection, self.joining).or_explain("DuckDB's memory limit could not be raised")?;
        let outcome = action();
        // Where memory cannot be given back at once, the higher limit stays, which does no harm.
        let _ = set(connection, self.loading);
        outcome
    }
}

fn set(connection: &Connection, limit: ByteSize) -> duckdb::Result<()> {
    connection.execute_batch(&format!("SET memory_limit = '{}B'", limit.0))
}
