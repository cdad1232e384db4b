//! What is kept about runs and about records that did not fit.

use std::time::Duration;

use serde_json::json;
use spile_destination::StreamTotals;
use spile_model::event::Outcome;

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
