use std::path::PathBuf;
use std::time::Duration;

use spile_engine::RunReport;
use spile_model::event::Outcome;
use spile_model::{CursorValue, RunId, StreamName, StreamReport};
use spile_plan::{CommitPlan, DestinationPlan, DuckDbPlan};

use super::{shell_word, text};
use crate::output::terminal::Terminal;

fn stream(name: &str) -> StreamReport {
    StreamReport {
        stream: StreamName::new(name),
        outcome: Outcome::Succeeded,
        table: name.to_owned(),
        rows: 12_345,
        known: 0,
        rejected: 0,
        pages: 13,
        requests: 14,
        bytes: 5_400_000,
        waited: Duration::ZERO,
        took: Duration::from_millis(3_210),
        cursor: None,
        error: None,
        remedy: None,
    }
}

fn report(outcome: Outcome, streams: Vec<StreamReport>) -> RunReport {
    RunReport {
        pipeline: "shop".to_owned(),
        run: Some(RunId(3)),
        destination: "duckdb:shop.duckdb".to_owned(),
        outcome,
        streams,
        failures: Vec::new(),
        took: Duration::from_millis(4_500),
    }
}

fn shown(report: &RunReport) -> String {
    let path = PathBuf::from("shop.duckdb");
    let plan = DestinationPlan::DuckDb(DuckDbPlan {
        path,
        schema: "main".to_owned(),
        memory: None,
        commit: CommitPlan::default(),
    });
    text(report, &plan, &Terminal::plain())
}

#[test]
fn a_first_run_says_what_came() {
    insta::assert_snapshot!(shown(&report(Outcome::Succeeded, vec![stream("customers"), stream("orders")])));
}

#[test]
fn columns_appear_where_they_say_something() {
    let orders = StreamReport {
        rows: 10,
        known: 3,
        rejected: 1,
        cursor: Some(CursorValue::Timestamp(1_735_689_600_000_000)),
        ..stream("orders")
    };
    let failed = StreamReport { outcome: Outcome::Failed, rows: 0, pages: 0, bytes: 0, ..stream("refunds") };
    insta::assert_snapshot!(shown(&report(Outcome::Failed, vec![orders, failed])));
}

#[test]
fn a_narrow_terminal_shows_fewer_columns_and_wraps_none() {
    let narrow = Terminal { table_width: Some(60), ..Terminal::plain() };
    let cursor = Some(CursorValue::Timestamp(1_735_689_600_000_000));
    let shown = super::streams(&[StreamReport { cursor, ..stream("orders") }], &narrow);
    insta::assert_snapshot!(shown);
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    insta::assert_snapshot!(shown(&report(Outcome::Interrupted, Vec::new())));
}

#[test]
fn a_path_is_quoted_where_a_shell_would_not_take_it() {
    assert_eq!(shell_word("a/b-1.duckdb"), "a/b-1.duckdb");
    assert_eq!(shell_word("my shop's.duckdb"), r"'my shop'\''s.duckdb'");
}
