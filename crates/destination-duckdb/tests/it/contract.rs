//! The contract that every destination keeps.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use spile_destination::Destination;
use spile_destination_duckdb::{DuckDb, query_text};
use spile_model::SystemClock;
use spile_plan::{CommitPlan, DuckDbPlan};
use spile_testkit::destination_contract::Subject;

/// A file in a folder of its own.
pub(crate) struct File {
    folder: tempfile::TempDir,
    commit: CommitPlan,
}

impl File {
    pub(crate) fn new(commit: CommitPlan) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), commit }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("it.duckdb")
    }

    pub(crate) async fn duckdb(&self) -> DuckDb {
        DuckDb::open(&self.plan(), "contract", Arc::new(SystemClock)).await.unwrap()
    }

    pub(crate) fn plan(&self) -> DuckDbPlan {
        DuckDbPlan { path: self.path(), schema: "main".to_owned(), memory: None, commit: self.commit }
    }

    /// All rows of a query; the values as their column's type says.
    pub(crate) fn query(&self, sql: &str) -> Vec<Map<String, Value>> {
        let types =
            query_text(&self.path(), &format!("SELECT column_name, column_type FROM (DESCRIBE {sql})")).unwrap();
        let types: Vec<(String, String)> =
            types.rows.into_iter().map(|mut row| (row[0].take().unwrap(), row[1].take().unwrap())).collect();
        let columns: Vec<String> = types.iter().map(|(name, kind)| readable(name, kind)).collect();
        let read = query_text(&self.path(), &format!("SELECT {} FROM ({sql})", columns.join(", "))).unwrap();
        let value = |text: Option<String>| text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
        let row = |row: Vec<Option<String>>| {
            types.iter().map(|(name, _)| name.clone()).zip(row.into_iter().map(value)).collect()
        };
        read.rows.into_iter().map(row).collect()
    }
}

/// SQL for a column's value as JSON text.
fn readable(name: &str, kind: &str) -> String {
    let column = format!("\"{}\"", name.replace('"', "\"\""));
    match kind {
        "JSON" => column,
        "DATE" => format!("to_json(strftime({column}, '%Y-%m-%d'))"),
        "TIMESTAMP" => format!("to_json(rtrim(rtrim(strftime({column}, '%Y-%m-%dT%H:%M:%S.%f'), '0'), '.'))"),
        "TIMESTAMP WITH TIME ZONE" => {
            format!(
                "to_json(rtrim(rtrim(strftime(make_timestamp(epoch_us({column})), '%Y-%m-%dT%H:%M:%S.%f'), '0'), '.') || 'Z')"
            )
        }
        kind if kind.starts_with("DECIMAL") => format!("to_json({column}::VARCHAR)"),
        _ => format!("CASE WHEN {column} IS NULL THEN NULL ELSE to_json({column}) END"),
    }
}

#[async_trait]
impl Subject for File {
    async fn open(&self) -> Box<dyn Destination> {
        Box::new(self.duckdb().await)
    }

    async fn rows(&self, table: &str) -> Vec<Map<String, Value>> {
        if self.tables().await.iter().any(|name| name == table) {
            self.query(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))
        } else {
            Vec::new()
        }
    }

    async fn tables(&self) -> Vec<String> {
        let names = query_text(&self.path(), "SELECT table_name FROM duckdb_tables()").unwrap();
        names.rows.into_iter().map(|mut row| row[0].take().unwrap()).collect()
    }
}

mod coalescing {
    use super::*;
    spile_testkit::destination_contract!(async { File::new(CommitPlan::default()) });
}

mod committing_each_batch {
    use super::*;
    spile_testkit::destination_contract!(async { File::new(CommitPlan { rows: 0, ..CommitPlan::default() }) });
}
