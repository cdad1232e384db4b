use std::time::Duration;

use spile_model::event::Outcome;
use spile_model::{CursorValue, RunEvent, RunId, StreamName, StreamReport};
use tokio::time::Instant;

use super::Told;

fn story() -> Vec<(u64, RunEvent)> {
    let stream = || StreamName::new("orders");
    let page = |page| RunEvent::PageRead {
        stream: stream(),
        page,
        rows: 1_000,
        known: 0,
        rejected: 0,
        bytes: 650_000,
        unchanged: false,
    };
    let responded =
        || RunEvent::Responded { stream: stream(), status: 200, bytes: 650_000, took: Duration::from_millis(80) };
    let report = StreamReport {
        stream: stream(),
        outcome: Outcome::Succeeded,
        table: "orders".to_owned(),
        rows: 2_000,
        known: 0,
        rejected: 0,
        pages: 2,
        unchanged: 0,
        requests: 3,
        bytes: 1_300_000,
        waited: Duration::from_secs(3),
        endpoints: Vec::new(),
        took: Duration::from_secs(14),
        cursor: Some(CursorValue::Int(7)),
        error: None,
        remedy: None,
    };
    vec![
        (
            0,
            RunEvent::RunStarted {
                pipeline: "shop".to_owned(),
                run: RunId(3),
                streams: vec![stream()],
                destination: "duckdb:shop.duckdb".to_owned(),
            },
        ),
        (0, RunEvent::StreamStarted { stream: stream(), cursor: Some(CursorValue::Int(5)) }),
        (1, responded()),
        (1, page(1)),
        (
            2,
            RunEvent::Waiting {
                stream: stream(),
                reason: "the API asked for it (Retry-After)".to_owned(),
                wait: Duration::from_secs(3),
                until: "2025-01-01T00:00:00Z".parse().expect("a timestamp"),
            },
        ),
        (5, RunEvent::Retrying { stream: stream(), attempt: 2, reason: "429 Too Many Requests".to_owned() }),
        (12, responded()),
        (12, page(2)),
        (
            12,
            RunEvent::SchemaChanged {
                stream: stream(),
                table: "orders".to_owned(),
                change: "new column \"tier\" text".to_owned(),
            },
        ),
        (13, RunEvent::Committed { stream: stream(), rows: 2_000, cursor: Some(CursorValue::Int(7)) }),
        (14, RunEvent::StreamFinished(report)),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_run_is_told_in_few_lines() {
    let began = Instant::now();
    let mut told = Told::default();
    let lines: Vec<String> = story()
        .into_iter()
        .filter_map(|(second, event)| told.line(&event, began + Duration::from_secs(second)))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
