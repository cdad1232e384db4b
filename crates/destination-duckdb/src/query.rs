//! Reading a database file back as text: for what the demo shows and for tests.

use std::path::Path;

use duckdb::{AccessMode, Config, Connection};
use spile_model::Failure;

use crate::failure::OrExplain;

/// A query's result as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTable {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Asks `sql` of the file, which is opened for reading only. All rows are held in memory.
///
/// # Errors
/// The file cannot be opened, or the query fails.
pub fn query_text(path: &Path, sql: &str) -> Result<TextTable, Failure> {
    let read = || {
        let config = Config::default().access_mode(AccessMode::ReadOnly)?.enable_autoload_extension(false)?;
        let connection = Connection::open_with_flags(path, config)?;
        let mut names = connection.prepare(&format!("DESCRIBE {sql}"))?;
        let columns = names.query_map([], |row| row.get(0))?.collect::<duckdb::Result<Vec<String>>>()?;
        let mut statement = connection.prepare(&format!("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})"))?;
        let rows = statement.query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect())?;
        let rows = rows.collect::<duckdb::Result<Vec<Vec<Option<String>>>>>()?;
        Ok(TextTable { columns, rows })
    };
    read().or_explain(&format!("{} could not be queried", path.display()))
}
