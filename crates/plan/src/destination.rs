//! Where tables live.

use std::path::PathBuf;

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
    /// What DuckDB may keep in memory; beyond it, it works on disk. `None`: what suits a machine shared with others.
    pub memory: Option<ByteSize>,
}
