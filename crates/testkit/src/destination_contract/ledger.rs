//! What is kept about runs and about records that did not fit.

use std::time::Duration;

use serde_json::json;
use spile_destination::{ReplayedRun, StreamTotals};
use spile_model::RunId;
use spile_model::event::Outcome;
use spile_model::money::parse_amount;
use spile_model::{Latency, Money, Quota, Statuses, StreamName, Usage};

use super::session::{Session, reject, stream, up_to};
use super::{Subject, table};

/// 1, 2, 3 …, each with its end and its totals in `_spile_runs`.
pub async fn runs_are_numbered_and_recorded(subject: &dyn Subject) {
    let items = stream("items");
    let mut numbers = Vec::new();
    for (outcome, error) in [(Outcome::Succeeded, None), (Outcome::Failed, Some("the API said no"))] {
        let session = Session::begin(subject).await;
        numbers.push(session.run().0);
        let totals = StreamTotals {
            stream: items.name(),
            outcome,
            rows: 12_345,
            rejected: 1,
            pages: 2,
            requests: 3,
            bytes: 4,
            took: Duration::from_millis(1500),
            error: error.map(ToOwned::to_owned),
        };
        session.end_as(outcome, vec![totals], error).await;
    }
    assert_eq!(numbers, [1, 2]);
    let runs = table(subject, "_spile_runs").await;
    for text in ["succeeded", "failed", "the API said no"] {
        assert!(runs.rows_mentioning(text) >= 1, "{text} is not in {runs:?}");
    }
    assert!(runs.rows_mentioning("12345") >= 2, "each run's rows are told: {runs:?}");
}

/// What the requests to each endpoint came to stands in `_spile_requests`, one row for each, once the run has ended.
pub async fn what_requests_came_to_is_recorded_with_the_end_of_the_run(subject: &dyn Subject) {
    let items = usage("items");
    let others = Usage { cost: None, latency: Latency::default(), quotas: Vec::new(), ..usage("others") };
    drop(Session::begin(subject).await);
    assert!(table(subject, "_spile_requests").await.is_empty(), "a run that was killed tells nothing of its requests");
    let session = Session::begin(subject).await;
    let run = session.run().0;
    session.end_with_requests(vec![items, others]).await;
    let stored = table(subject, "_spile_requests").await;
    let counts = ["requests", "bytes", "status_2xx", "status_3xx", "status_4xx", "status_5xx", "unanswered"];
    let columns = [&["run", "stream", "endpoint"][..], &counts, &["retries", "rate_limited"]].concat();
    let counted = |stream: &str| json!([run, stream, "GET /x/{{ y }}", 10, 4_000_000_000_u64, 5, 1, 2, 1, 1, 3, 2]);
    assert_eq!(stored.only(&columns), json!([counted("items"), counted("others")]));
    let times = ["stream", "p50_seconds", "p95_seconds", "p99_seconds", "waited_seconds", "backoff_seconds"];
    let expected = json!([["items", 0.25, 0.5, 2, 60, 1.5], ["others", null, null, null, 60, 1.5]]);
    assert_eq!(stored.only(&times), expected);
    // Exactly: no binary fraction is a tenth of a cent.
    let money = json!([["items", 17, 5000, "12.001000000000000001", "USD"], ["others", null, null, null, null]]);
    assert_eq!(stored.only(&["stream", "quota_left", "quota_limit", "cost", "currency"]), money);
    assert_eq!(stored.rows_mentioning("hourly"), 1, "every limit is told: {stored:?}");
}

fn usage(stream: &str) -> Usage {
    let quota = |name: &str, left, limit| Quota { name: name.into(), left, limit, renews_at: None };
    Usage {
        stream: StreamName::new(stream),
        endpoint: "GET /x/{{ y }}".into(),
        requests: 10,
        bytes: 4_000_000_000,
        statuses: Statuses { status_2xx: 5, status_3xx: 1, status_4xx: 2, status_5xx: 1, unanswered: 1 },
        retries: 3,
        rate_limited: 2,
        latency: Latency {
            p50: Some(Duration::from_millis(250)),
            p95: Some(Duration::from_millis(500)),
            p99: Some(Duration::from_secs(2)),
        },
        waited: Duration::from_secs(60),
        backoff: Duration::from_millis(1500),
        quotas: vec![quota("hourly", 4000.0, Some(5000.0)), quota("", 17.0, Some(5000.0)), quota("x", 3.0, None)],
        cost: Some(Money {
            amount: parse_amount("12.001000000000000001").expect("it is an amount"),
            currency: "USD".into(),
        }),
    }
}

/// The number is taken again, what is recorded of the replayed streams gives way, and the next new run has the number
/// behind the last.
pub async fn a_replayed_run_has_the_number_of_the_recorded_one(subject: &dyn Subject) {
    let replayed = Session::begin_as(subject, Some(replay_of(7, &["items"]))).await;
    assert_eq!(replayed.run(), RunId(7));
    replayed.end_as(Outcome::Failed, Vec::new(), Some("the first time")).await;
    let again = Session::begin_as(subject, Some(replay_of(7, &["items"]))).await;
    assert_eq!(again.run(), RunId(7));
    again.end().await;
    assert_eq!(table(subject, "_spile_runs").await.rows_mentioning("the first time"), 0);
    let next = Session::begin(subject).await;
    assert_eq!(next.run(), RunId(8));
    next.end().await;
}

/// What a run asked for is told once, however often it is replayed, and what its other streams came to stays; rejects of
/// the replayed stream are those of the replay.
pub async fn a_replay_where_the_run_ran_doubles_nothing_that_is_told_of_it(subject: &dyn Subject) {
    let items = stream("items");
    let spent = Some("the budget is spent");
    let totals = |name: &str, requests, outcome, error: Option<&str>| StreamTotals {
        stream: StreamName::new(name),
        outcome,
        rows: 11,
        rejected: 1,
        pages: 1,
        requests,
        bytes: requests * 1000,
        took: Duration::ZERO,
        error: error.map(ToOwned::to_owned),
    };
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let mut batch = writing.batch(&json!([{"id": 1}]), up_to(1));
    batch.rejects = vec![reject("the reason", "{}")];
    writing.write_batch(batch).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    let run = session.run();
    let others = totals("others", 815, Outcome::Interrupted, spent);
    session.end_as(Outcome::Interrupted, vec![totals("items", 4711, Outcome::Succeeded, None), others], spent).await;
    let destination = subject.open().await;
    destination.reset(&items.name(), true).await.expect("a stream can be reset");
    drop(destination);

    let again = Session::begin_as(subject, Some(replay_of(run.0, &["items"]))).await;
    let mut writing = again.open(&items).await;
    let mut batch = writing.batch(&json!([{"id": 1}]), up_to(1));
    batch.rejects = vec![reject("the reason", "{}")];
    writing.write_batch(batch).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    again.end_as(Outcome::Succeeded, vec![totals("items", 0, Outcome::Succeeded, None)], None).await;
    assert_eq!(table(subject, "_spile_rejects").await.len(), 1);
    let runs = table(subject, "_spile_runs").await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    for told in ["4711", "815", "others"] {
        assert_eq!(runs.rows_mentioning(told), 1, "{told} is not in {runs:?}");
    }
    for told in ["interrupted", "the budget is spent"] {
        assert_eq!(runs.rows_with(&json!(told)), 1, "the run ended as the least fortunate of its streams: {runs:?}");
    }
}

fn replay_of(run: i64, streams: &[&str]) -> ReplayedRun {
    ReplayedRun { run: RunId(run), streams: streams.iter().map(|stream| StreamName::new(*stream)).collect() }
}

/// A run without an end shows as such only until the next one begins.
pub async fn a_run_that_was_killed_is_no_longer_running_when_the_next_begins(subject: &dyn Subject) {
    drop(Session::begin(subject).await);
    let running = json!("running");
    assert!(table(subject, "_spile_runs").await.rows_with(&running) >= 1);
    Session::begin(subject).await.end().await;
    let runs = table(subject, "_spile_runs").await;
    assert_eq!(runs.rows_with(&running), 0, "{runs:?}");
    assert!(runs.rows_with(&json!("succeeded")) >= 1, "{runs:?}");
}

/// Rejects stand in `_spile_rejects` with reason, record and request, committed with the rows of their page.
pub async fn rejects_are_kept_with_their_rows_or_not_at_all(subject: &dyn Subject) {
    let items = stream("items");
    let record = r#"{"id": [1, "it's"], "n": 1e999}"#;
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let mut batch = writing.batch(&json!([{"id": 1}]), up_to(1));
    batch.rejects = vec![reject("the reason", record), reject("another", "{}")];
    writing.write_batch(batch).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;
    let rejects = table(subject, "_spile_rejects").await;
    assert_eq!(rejects.len(), 2);
    for text in ["the reason", "GET /items?page=1", "items"] {
        assert!(rejects.rows_mentioning(text) >= 1, "{text} is not in {rejects:?}");
    }
    let as_text = rejects.rows_with(&json!(record));
    assert_eq!(as_text, 1, "the record is kept as it came: {rejects:?}");

    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let mut batch = writing.batch(&json!([{"id": 2}]), up_to(2));
    batch.rejects = vec![reject("never committed", "{}")];
    batch.delta.from = None;
    let refused = match writing.write_batch(batch).await {
        Err(failure) => Err(failure),
        Ok(_) => writing.flush().await,
    };
    refused.expect_err("a batch that starts elsewhere is refused");
    drop(writing);
    drop(session);
    assert_eq!(table(subject, "_spile_rejects").await.len(), 2);
}
