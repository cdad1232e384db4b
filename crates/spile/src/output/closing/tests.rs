use std::path::PathBuf;
use std::time::Duration;

use spile_engine::RunReport;
use spile_model::event::Outcome;
use spile_model::money::parse_amount;
use spile_model::{
    CursorValue, Failure, FailureKind, Latency, Money, Quota, RunId, Statuses, StreamName, StreamReport, Usage,
};
use spile_plan::{CommitPlan, DestinationPlan, DuckDbPlan};

use super::{COLUMNS, shell_word, text};
use crate::output::columns::drawn;
use crate::output::terminal::Terminal;

fn usage(stream: &str) -> Usage {
    Usage {
        stream: StreamName::new(stream),
        endpoint: format!("GET /{stream}").into(),
        requests: 14,
        bytes: 5_400_000,
        statuses: Statuses { status_2xx: 14, ..Statuses::default() },
        retries: 0,
        rate_limited: 0,
        latency: Latency {
            p50: Some(Duration::from_millis(80)),
            p95: Some(Duration::from_millis(150)),
            p99: Some(Duration::from_millis(1_200)),
        },
        waited: Duration::ZERO,
        backoff: Duration::ZERO,
        quotas: Vec::new(),
        cost: None,
    }
}

/// A stream whose requests had it hard, and cost something.
fn costly(name: &str) -> StreamReport {
    let usage = Usage {
        statuses: Statuses { status_2xx: 11, status_3xx: 0, status_4xx: 1, status_5xx: 1, unanswered: 1 },
        retries: 3,
        rate_limited: 1,
        waited: Duration::from_secs(60),
        backoff: Duration::from_secs(2),
        quotas: vec![Quota { name: "core".into(), left: 4_321.0, limit: Some(5_000.0), renews_at: None }],
        cost: Some(Money { amount: parse_amount("0.028").unwrap(), currency: "USD".into() }),
        ..usage(name)
    };
    StreamReport { waited: usage.waited + usage.backoff, endpoints: vec![usage], ..stream(name) }
}

fn stream(name: &str) -> StreamReport {
    StreamReport {
        stream: StreamName::new(name),
        outcome: Outcome::Succeeded,
        table: name.to_owned(),
        rows: 12_345,
        known: 0,
        rejected: 0,
        pages: 13,
        unchanged: 0,
        requests: 14,
        bytes: 5_400_000,
        waited: Duration::ZERO,
        endpoints: vec![usage(name)],
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
        replayed: false,
        destination: "duckdb:shop.duckdb".to_owned(),
        outcome,
        streams,
        failures: Vec::new(),
        notices: Vec::new(),
        spent: Vec::new(),
        took: Duration::from_millis(4_500),
    }
}

fn shown(report: &RunReport) -> String {
    shown_in_full(report, false)
}

fn shown_in_full(report: &RunReport, verbose: bool) -> String {
    let path = PathBuf::from("shop.duckdb");
    let plan = DestinationPlan::DuckDb(DuckDbPlan {
        path,
        schema: "main".to_owned(),
        memory: None,
        commit: CommitPlan::default(),
    });
    text(report, &plan, verbose, &Terminal::plain())
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
    let shown = drawn(&[StreamReport { cursor, ..stream("orders") }], &COLUMNS, &narrow);
    insta::assert_snapshot!(shown);
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    insta::assert_snapshot!(shown(&report(Outcome::Interrupted, Vec::new())));
}

#[test]
fn retries_waits_and_cost_are_told_where_there_were_any_and_the_cost_of_all() {
    insta::assert_snapshot!(shown(&report(Outcome::Succeeded, vec![costly("customers"), costly("orders")])));
}

#[test]
fn every_endpoint_is_told_in_full_where_more_is_asked_for() {
    let report = report(Outcome::Succeeded, vec![costly("customers"), stream("orders")]);
    insta::assert_snapshot!(shown_in_full(&report, true));
}

#[test]
fn a_run_whose_budget_was_spent_says_so() {
    let spent = vec![Failure::new(FailureKind::BudgetSpent, "not sent")];
    insta::assert_snapshot!(shown(&RunReport { spent, ..report(Outcome::Interrupted, Vec::new()) }));
}

#[test]
fn a_path_is_quoted_where_a_shell_would_not_take_it() {
    assert_eq!(shell_word("a/b-1.duckdb"), "a/b-1.duckdb");
    assert_eq!(shell_word("my shop's.duckdb"), r"'my shop'\''s.duckdb'");
}

#[test]
fn a_replay_says_what_it_is_and_nothing_of_requests() {
    let orders = || StreamReport { requests: 0, bytes: 0, endpoints: Vec::new(), ..stream("orders") };
    let replayed = |outcome| shown(&RunReport { replayed: true, ..report(outcome, vec![orders()]) });
    let shown = replayed(Outcome::Interrupted);
    assert!(shown.contains("run 3 of shop was replayed as far as it went: "), "{shown}");
    assert!(!shown.contains("requests") && !shown.contains("run again"), "{shown}");
    assert!(replayed(Outcome::Succeeded).contains("run 3 of shop was replayed: "));
}

#[test]
fn a_run_that_was_answered_from_what_is_remembered_says_that_it_asked_nothing() {
    let remembered = StreamReport { requests: 0, bytes: 0, endpoints: Vec::new(), ..stream("orders") };
    let shown = shown(&report(Outcome::Succeeded, vec![remembered]));
    assert!(shown.contains("requests") && shown.contains("data"), "{shown}");
}
