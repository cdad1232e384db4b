//! `docs/events.md` describes every event with exactly the fields that it has.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use spile_model::{
    Failure, FailureKind, Latency, Notice, NoticeKind, Quota, Statuses, StreamName, StreamReport, Usage,
};

use super::*;

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");

fn usage() -> Usage {
    Usage {
        stream: StreamName::new("a"),
        endpoint: "GET /a".into(),
        requests: 1,
        bytes: 1,
        statuses: Statuses::default(),
        retries: 0,
        rate_limited: 0,
        latency: Latency::default(),
        waited: Duration::ZERO,
        backoff: Duration::ZERO,
        quotas: vec![Quota { name: "".into(), left: 1.0, limit: None, renews_at: None }],
        cost: None,
    }
}

fn stream_report() -> StreamReport {
    StreamReport {
        stream: StreamName::new("a"),
        outcome: Outcome::Failed,
        table: "a".to_owned(),
        rows: 1,
        known: 0,
        rejected: 0,
        pages: 1,
        unchanged: 0,
        requests: 1,
        bytes: 1,
        waited: Duration::ZERO,
        endpoints: vec![usage()],
        took: Duration::ZERO,
        cursor: None,
        error: None,
        remedy: None,
    }
}

/// The event that comes after `event`; it knows every one, so that a new one cannot be forgotten.
fn after(event: Option<&RunEvent>) -> Option<RunEvent> {
    let stream = StreamName::new("a");
    let (table, change, reason, message) = (String::new(), String::new(), String::new(), String::new());
    Some(match event {
        None => RunEvent::RunStarted {
            pipeline: String::new(),
            run: RunId(1),
            streams: Vec::new(),
            destination: String::new(),
        },
        Some(RunEvent::RunStarted { .. }) => RunEvent::StreamStarted { stream, cursor: None },
        Some(RunEvent::StreamStarted { .. }) => {
            RunEvent::Responded { stream, status: 200, bytes: 1, took: Duration::ZERO }
        }
        Some(RunEvent::Responded { .. }) => {
            RunEvent::Waiting { stream, reason, wait: Duration::ZERO, until: Timestamp::UNIX_EPOCH }
        }
        Some(RunEvent::Waiting { .. }) => RunEvent::Retrying { stream, attempt: 2, reason },
        Some(RunEvent::Retrying { .. }) => {
            RunEvent::PageRead { stream, page: 1, rows: 1, known: 0, rejected: 0, bytes: 1, unchanged: false }
        }
        Some(RunEvent::PageRead { .. }) => RunEvent::SchemaChanged { stream, table, change },
        Some(RunEvent::SchemaChanged { .. }) => RunEvent::Committed { stream, rows: 1, cursor: None },
        Some(RunEvent::Committed { .. }) => {
            let notice = Notice { kind: NoticeKind::Sunset, date: None, message, link: None };
            RunEvent::Notice { stream, endpoint: String::new(), notice }
        }
        Some(RunEvent::Notice { .. }) => RunEvent::Warning { stream: None, message },
        Some(RunEvent::Warning { .. }) => RunEvent::StreamFinished(stream_report()),
        Some(RunEvent::StreamFinished(_)) => return None,
    })
}

fn failed_run() -> RunReport {
    RunReport {
        pipeline: "p".to_owned(),
        run: None,
        replayed: false,
        destination: "d".to_owned(),
        outcome: Outcome::Failed,
        streams: vec![stream_report()],
        failures: vec![Failure::new(FailureKind::Timeout, "too late")],
        notices: Vec::new(),
        spent: Vec::new(),
        took: Duration::ZERO,
    }
}

fn fields(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().filter(|key| *key != "event").cloned().collect()
}

/// The fields that a section's table names.
fn described(section: &str) -> BTreeSet<String> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(field, _)| field.to_owned()).collect()
}

#[test]
fn the_manual_describes_every_event_with_its_fields() {
    let manual = std::fs::read_to_string(MANUAL).unwrap();
    let events = std::iter::successors(after(None), |event| after(Some(event)));
    let finished = failed_run();
    let told: Vec<Value> = events
        .map(|event| serde_json::to_value(event).unwrap())
        .chain([serde_json::to_value(super::finished(&finished)).unwrap()])
        .collect();
    for event in &told {
        let name = event["event"].as_str().unwrap();
        let (_, behind) = manual.split_once(&format!("\n## `{name}`\n")).unwrap_or_else(|| panic!("{name} lacks"));
        let section = behind.split("\n## ").next().unwrap();
        let mut parts = section.split("\nEach of the `");
        assert_eq!(described(parts.next().unwrap()), fields(event), "{name}");
        let mut holder = event.clone();
        for part in parts {
            let list = part.split('`').next().unwrap();
            let one = holder[list].get(0).unwrap_or_else(|| panic!("{name} has no {list}")).clone();
            assert_eq!(described(part), fields(&one), "{list}");
            holder = one;
        }
    }
    assert_eq!(manual.matches("\n## `").count(), told.len(), "an event is described that does not exist");
}
