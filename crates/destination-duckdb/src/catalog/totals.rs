//! What a run came to, as `_spile_runs` tells it.

use serde_json::{Value as Json, json};
use spile_destination::{RunEnd, StreamTotals};
use spile_model::event::Outcome;

/// The sum of a run: its streams with their totals, and how it ended.
pub(super) struct RunTotals {
    pub(super) outcome: &'static str,
    pub(super) error: Option<String>,
    pub(super) streams: Vec<Json>,
}

impl RunTotals {
    /// Of `end`; and where a part of a run was replayed, of what is recorded of its other streams too (`before`). What a
    /// replayed stream had asked for stays, for a replay asks nothing.
    pub(super) fn of(end: &RunEnd, before: Vec<Json>) -> Self {
        let outcome = end.outcome.as_str();
        let mut streams: Vec<Json> = end.streams.iter().map(totals).collect();
        let mut others = Vec::new();
        for stream in before {
            match streams.iter_mut().find(|again| again["stream"] == stream["stream"]) {
                Some(again) => {
                    again["requests"] = stream["requests"].clone();
                    again["bytes"] = stream["bytes"].clone();
                }
                None => others.push(stream),
            }
        }
        if others.is_empty() {
            return Self { outcome, error: end.error.clone(), streams };
        }
        streams.append(&mut others);
        let worst = [Outcome::Failed, Outcome::Interrupted].map(Outcome::as_str);
        let ended =
            |outcome: &str| end.outcome.as_str() == outcome || streams.iter().any(|one| one["status"] == outcome);
        let outcome = worst.into_iter().find(|outcome| ended(outcome)).unwrap_or(outcome);
        let errors: Vec<&str> = streams.iter().filter_map(|stream| stream["error"].as_str()).collect();
        let error = (!errors.is_empty()).then(|| errors.join("\n"));
        Self { outcome, error, streams }
    }
}

fn totals(totals: &StreamTotals) -> Json {
    json!({
        "stream": totals.stream, "status": totals.outcome.as_str(), "rows": totals.rows,
        "rejected": totals.rejected, "pages": totals.pages, "requests": totals.requests,
        "bytes": totals.bytes, "seconds": totals.took.as_secs_f64(), "error": totals.error,
    })
}
