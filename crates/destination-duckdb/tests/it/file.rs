//! What is DuckDB's own: its lock, its log, its types.

use std::sync::Arc;

use serde_json::{Value, json};
use spile_destination::{Destination, RunStart, StreamTarget};
use spile_destination_duckdb::{DuckDb, query_text};
use spile_model::{FailureKind, StreamName, SystemClock};
use spile_plan::{CommitPlan, WriteMode};
use spile_testkit::destination_contract::{Session, stream};

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
    assert!(destination.states().await.unwrap().is_empty());
}

/// Custom fields that an account gets when its history is long.
#[tokio::test]
async fn many_columns_may_come_late_to_many_rows() {
    let file = File::new(CommitPlan::default());
    let rows: Vec<Value> = (0..130_000).map(|id| json!({"id": id})).collect();
    let fields = (0..300).map(|n| (format!("c{n}"), json!({"n": n})));
    let late: Value = std::iter::once(("id".to_owned(), json!(-1))).chain(fields).collect();
    Session::whole_run(&file, &stream("items"), json!(rows), 1).await;
    Session::whole_run(&file, &stream("items"), json!([late]), 2).await;
    let sql = "SELECT count(*), count(c0), max(c299.n) FROM items";
    let counts = query_text(&file.path(), sql).unwrap().rows;
    assert_eq!(counts, [["130001", "1", "299"].map(|count| Some(count.to_owned()))]);
}

#[tokio::test]
async fn a_view_or_a_table_in_other_letters_is_not_written_into() {
    for statement in ["CREATE VIEW items AS SELECT 1 AS id", "CREATE TABLE Items (id INT)"] {
        let file = File::new(CommitPlan::default());
        duckdb::Connection::open(file.path()).unwrap().execute_batch(statement).unwrap();
        let destination = file.duckdb().await;
        let start = RunStart { started_at: jiff::Timestamp::UNIX_EPOCH, version: "1".to_owned(), replays: None };
        let run = destination.begin_run(&start).await.unwrap();
        let target = StreamTarget {
            run,
            stream: StreamName::new("items"),
            table: "items".to_owned(),
            write: WriteMode::Append,
            primary_key: Vec::new(),
            cursor: None,
            skip_known: false,
            discard: None,
        };
        let failure = destination.open_stream(target).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::DestinationSchema, "{statement}");
        assert!(failure.message.contains("table or view `items`"), "{failure}");
    }
}
