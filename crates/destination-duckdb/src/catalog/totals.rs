//! What a run came to, as `_spile_runs` tells it.

use serde_json::{Value as Json, json};
use spile_destination::{RunEnd, StreamTotals};
use spile_model::event::Outcome;

/// The sum of a run: its streams with their totals, and how it ended.
pub(super) struct RunTotals {
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    pub(super) streams: Vec<Json>,
}

impl RunTotals {
    /// Of `end`; and where a part of a run was replayed, of what is recorded of its other streams too (`before`). What a
    /// replayed stream had asked for stays, for a replay asks nothing.
    pub(super) fn of(end: &RunEnd, before: Vec<Json>) -> Self {
        let mut streams = before;
        for mut totals in end.streams.iter().map(totals) {
            match streams.iter_mut().find(|before| before["stream"] == totals["stream"]) {
                Some(before) => {
                    totals["requests"] = before["requests"].take();
                    totals["bytes"] = before["bytes"].take();
                    *before = totals;
                }
                None => streams.push(totals),
            }
        }
        if streams.len() == end.streams.len() {
            return Self { outcome: end.outcome, error: end.error.clone(), streams };
        }
        let parts = streams.iter().filter_map(|stream| serde_json::from_value(stream["status"].clone()).ok());
        let outcome = Outcome::together(parts.chain([end.outcome]));
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
