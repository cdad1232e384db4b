//! Where tables live.

use std::path::PathBuf;
use std::time::Duration;

use spile_model::ByteSize;

/// A destination, by kind.
#[derive(Clone, Debug)]
pub enum DestinationPlan {
    /// A DuckDB file.
    DuckDb(DuckDbPlan),
}

impl DestinationPlan {
    /// The destination in a few words, without credentials.
    pub fn describe(&self) -> String {
        match self {
            Self::DuckDb(plan) => format!("duckdb:{}", plan.path.display()),
        }
    }
}

/// A DuckDB file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuckDbPlan {
    /// The file; it is created where there is none.
    pub path: PathBuf,
    /// The schema that holds the tables, created where there is none.
    pub schema: String,
    /// What DuckDB may keep in memory; beyond it, it works on disk. `None`: little for loading, more while rows meet
    /// older ones with their keys or a table is written anew.
    pub memory: Option<ByteSize>,
    /// When rows are committed.
    pub commit: CommitPlan,
}

/// When rows are committed: as soon as one of these is reached, and at a stream's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitPlan {
    /// So many rows.
    pub rows: u64,
    /// So much text.
    pub bytes: ByteSize,
    /// So long after the first of them.
    pub age: Duration,
}

impl Default for CommitPlan {
    fn default() -> Self {
        // DuckDB writes rows once, compressed, if a commit holds at least one of its row groups of 122,880 rows, and
        // twice otherwise; two of them cost the least. A slow API's rows should not wait for longer than half a
        // minute, and what a crash makes read again stays below half a gibibyte.
        Self { rows: 2 * 122_880, bytes: ByteSize::mib(512), age: Duration::from_secs(30) }
    }
}
