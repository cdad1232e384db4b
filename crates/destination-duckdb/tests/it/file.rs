//! What is DuckDB's own: its lock, its log, its types.

use std::sync::Arc;

use spile_destination_duckdb::{DuckDb, query_text};
use spile_model::{FailureKind, SystemClock};
use spile_plan::CommitPlan;

use crate::contract::File;

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let file = File::new(CommitPlan::default());
    let mut plan = file.plan();
    plan.path = plan.path.join("no").join("such.duckdb");
    let failure = DuckDb::open(&plan, "p", Arc::new(SystemClock)).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DestinationMissing);
    assert!(failure.to_string().contains("such.duckdb"), "{failure}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let file = File::new(CommitPlan::default());
    std::fs::write(file.path(), "id,name\n1,Ann\n".repeat(1000)).unwrap();
    let failure = DuckDb::open(&file.plan(), "p", Arc::new(SystemClock)).await.err().unwrap();
    assert_eq!(failure.kind, FailureKind::DestinationForeign);
    assert!(failure.causes()[0].contains("not a valid DuckDB database"), "{:?}", failure.causes());
}

#[tokio::test]
async fn a_query_tells_its_columns_and_rows() {
    let file = File::new(CommitPlan::default());
    drop(file.duckdb().await);
    let table = query_text(&file.path(), "SELECT 1 AS one, NULL AS nothing, 'x' AS \"a name\"").unwrap();
    assert_eq!(table.columns, ["one", "nothing", "a name"]);
    assert_eq!(table.rows, [vec![Some("1".to_owned()), None, Some("x".to_owned())]]);
}

#[tokio::test]
async fn a_file_whose_creation_was_cut_short_is_made_anew() {
    let file = File::new(CommitPlan::default());
    std::fs::write(file.path(), "").unwrap();
    let destination = DuckDb::open(&file.plan(), "p", Arc::new(SystemClock)).await.unwrap();
    assert!(spile_destination::Destination::states(&destination).await.unwrap().is_empty());
}
