//! Everything in the place: tables, progress, runs and rejects, as one value that can be copied.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};
use spile_columnar::{PARENT_COLUMN, ROW_COLUMN, RUN_COLUMN};
use spile_destination::{Batch, ReplayedRun, RunEnd, StreamState, StreamTarget, StreamTotals};
use spile_model::event::Outcome;
use spile_model::{CheckpointDelta, Field, RunId, StreamName, TableSchema, Usage};

use super::WRITTEN_AT;

pub(super) type Row = Map<String, Value>;

#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) tables: BTreeMap<String, StoredTable>,
    pub(super) states: BTreeMap<StreamName, StreamState>,
    /// What is known of each stream's records.
    pub(super) schemas: BTreeMap<StreamName, TableSchema>,
    /// Each stream's own table.
    pub(super) tables_of: BTreeMap<StreamName, String>,
    pub(super) runs: Vec<Row>,
    pub(super) rejects: Vec<Row>,
    /// What requests came to, by run, stream and endpoint.
    pub(super) requests: Vec<Row>,
}

#[derive(Clone, Default)]
pub(super) struct StoredTable {
    pub(super) parent: Option<String>,
    pub(super) columns: Vec<Field>,
    pub(super) rows: Vec<Row>,
}

/// The name under which the new rows of a replaced table, or of its child, are gathered.
pub(super) fn staging(table: &str) -> String {
    format!("_spile_staging_{table}")
}

pub(super) fn object(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        other => Row::from_iter([("value".to_owned(), other)]),
    }
}

pub(super) fn totals(totals: &StreamTotals) -> Value {
    json!({
        "stream": totals.stream, "outcome": totals.outcome.as_str(), "rows": totals.rows, "rejected": totals.rejected,
        "pages": totals.pages, "requests": totals.requests, "bytes": totals.bytes, "error": totals.error,
        "seconds": totals.took.as_secs_f64(),
    })
}

/// Of a run that was replayed, what its streams had asked for, and what its other streams came to.
pub(super) fn keep_what_was_asked(recorded: &Row, streams: &mut Vec<Value>) {
    for stream in recorded.get("streams").and_then(Value::as_array).into_iter().flatten() {
        match streams.iter_mut().find(|again| again["stream"] == stream["stream"]) {
            Some(again) => {
                again["requests"] = stream["requests"].clone();
                again["bytes"] = stream["bytes"].clone();
            }
            None => streams.push(stream.clone()),
        }
    }
}

/// How a run ended, and why: by `streams`, where more are recorded of it than were replayed.
pub(super) fn outcome(end: &RunEnd, streams: &[Value]) -> (Outcome, Option<String>) {
    if streams.len() == end.streams.len() {
        return (end.outcome, end.error.clone());
    }
    let parts = streams.iter().filter_map(|stream| serde_json::from_value(stream["outcome"].clone()).ok());
    let errors: Vec<&str> = streams.iter().filter_map(|stream| stream["error"].as_str()).collect();
    (Outcome::together(parts.chain([end.outcome])), (!errors.is_empty()).then(|| errors.join("\n")))
}

/// A row of `_spile_requests`, with the columns that every destination has.
pub(super) fn requests(run: RunId, usage: &Usage) -> Row {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let tightest = usage.tightest_quota();
    object(json!({
        "run": run, "pipeline": "contract", "stream": usage.stream, "endpoint": usage.endpoint,
        "requests": usage.requests, "bytes": usage.bytes, "status_2xx": usage.statuses.status_2xx,
        "status_3xx": usage.statuses.status_3xx, "status_4xx": usage.statuses.status_4xx,
        "status_5xx": usage.statuses.status_5xx, "unanswered": usage.statuses.unanswered,
        "retries": usage.retries, "rate_limited": usage.rate_limited, "p50_seconds": seconds(usage.latency.p50),
        "p95_seconds": seconds(usage.latency.p95), "p99_seconds": seconds(usage.latency.p99),
        "waited_seconds": usage.waited.as_secs_f64(), "backoff_seconds": usage.backoff.as_secs_f64(),
        "quota_left": tightest.map(|quota| quota.left), "quota_limit": tightest.and_then(|quota| quota.limit),
        "quotas": usage.quotas, "cost": usage.cost.as_ref().map(|cost| format!("{:.18}", cost.amount)),
        "currency": usage.cost.as_ref().map(|cost| &cost.currency),
    }))
}

impl Store {
    pub(super) fn rows(&self, table: &str) -> Vec<Row> {
        match table {
            "_spile_runs" => self.runs.clone(),
            "_spile_rejects" => self.rejects.clone(),
            "_spile_requests" => self.requests.clone(),
            _ => self.tables.get(table).map(|table| table.rows.clone()).unwrap_or_default(),
        }
    }

    pub(super) fn table_names(&self) -> Vec<String> {
        let own = ["_spile_runs", "_spile_rejects", "_spile_requests", "_spile_state"].map(ToOwned::to_owned);
        self.tables.keys().cloned().chain(own).collect()
    }

    /// Drops a table with its children.
    pub(super) fn drop_table(&mut self, table: &str) {
        self.tables.remove(table);
        for child in self.children(table) {
            self.drop_table(&child);
        }
    }

    /// Drops a stream's tables and what was known of its records.
    pub(super) fn forget(&mut self, stream: &StreamName, table: &str) {
        self.drop_table(table);
        self.schemas.remove(stream);
        self.tables_of.remove(stream);
    }

    pub(super) fn children(&self, table: &str) -> Vec<String> {
        let is_child = |stored: &StoredTable| stored.parent.as_deref() == Some(table);
        self.tables.iter().filter(|(_, stored)| is_child(stored)).map(|(name, _)| name.clone()).collect()
    }

    /// Removes the rows of a table that a run brought, with their children.
    pub(super) fn remove_run(&mut self, table: &str, run: RunId) {
        self.remove_where(table, &|row| row.get(RUN_COLUMN) == Some(&json!(run)));
    }

    /// The run that last read the stream to its end, if it was killed or stopped before its own end.
    pub(super) fn broken_off(&self, stream: &StreamName) -> Option<RunId> {
        let finished = self.states.get(stream)?.checkpoint.partitions.values().filter_map(|progress| progress.finished);
        let broken_off = |run: &RunId| {
            self.runs
                .iter()
                .any(|row| row["run"] == json!(run) && (row["outcome"] == "killed" || row["outcome"] == "interrupted"))
        };
        finished.filter(broken_off).max()
    }

    fn remove_where(&mut self, table: &str, goes: &dyn Fn(&Row) -> bool) {
        let Some(stored) = self.tables.get_mut(table) else { return };
        let gone: Vec<Row> = stored.rows.extract_if(.., |row| goes(row)).collect();
        self.remove_children(table, &gone);
    }

    /// Removes all that belongs to rows of `table` that are gone.
    pub(super) fn remove_children(&mut self, table: &str, gone: &[Row]) {
        let numbers: BTreeSet<String> =
            gone.iter().filter_map(|row| row.get(ROW_COLUMN)).map(Value::to_string).collect();
        if numbers.is_empty() {
            return;
        }
        let belongs = |row: &Row| row.get(PARENT_COLUMN).is_some_and(|parent| numbers.contains(&parent.to_string()));
        for child in self.children(table) {
            self.remove_where(&child, &belongs);
        }
    }

    pub(super) fn put_state(&mut self, delta: &CheckpointDelta, target: &StreamTarget) {
        let state = self.states.entry(target.stream.clone()).or_insert_with(|| StreamState {
            stream: target.stream.clone(),
            checkpoint: spile_model::Checkpoint::default(),
            updated_at: WRITTEN_AT,
            run: target.run,
        });
        state.run = target.run;
        state.checkpoint.partitions.insert(delta.partition.clone(), delta.to.clone());
    }

    /// Takes up what is recorded of a run that is replayed, if anything is.
    pub(super) fn begin_again(&mut self, replayed: &ReplayedRun) -> bool {
        let streams: Vec<Value> = replayed.streams.iter().map(|stream| json!(stream)).collect();
        self.rejects.retain(|reject| reject["run"] != json!(replayed.run) || !streams.contains(&reject["stream"]));
        let recorded = self.runs.iter_mut().find(|run| run["run"] == json!(replayed.run));
        let is_there = recorded.is_some();
        if let Some(run) = recorded {
            run.insert("outcome".to_owned(), json!("running"));
            run.remove("error");
        }
        is_there
    }

    pub(super) fn put_rejects(&mut self, batch: &Batch, target: &StreamTarget) {
        self.rejects.extend(batch.rejects.iter().map(|reject| {
            object(json!({
                "run": target.run, "stream": target.stream, "request": &*batch.request,
                "reason": reject.reason, "record": reject.record, "loaded": reject.loaded,
            }))
        }));
    }
}
