//! `--json`: every event as one line on stdout; the last line is the run's end. `docs/events.md` describes them.

use serde::Serialize;
use spile_engine::RunReport;
use spile_model::event::Outcome;
use spile_model::{Money, RunEvent, RunId};

use crate::output::{closing, stdout};

/// The last line.
#[derive(Serialize)]
#[serde(tag = "event", rename = "run_finished")]
struct RunFinished<'r> {
    pipeline: &'r str,
    run: Option<RunId>,
    outcome: Outcome,
    rows: u64,
    requests: u64,
    seconds: f64,
    cost: Option<Money>,
    stopped_by: Option<String>,
    errors: Vec<Error>,
}

#[derive(Serialize)]
struct Error {
    stream: Option<String>,
    page: Option<u64>,
    message: String,
    causes: Vec<String>,
    remedy: &'static str,
}

/// An event, as it comes.
pub(super) fn event(event: &RunEvent) {
    write_line(event);
}

/// The run's end.
pub(super) fn report(report: &RunReport) {
    write_line(&finished(report));
}

fn finished(report: &RunReport) -> RunFinished<'_> {
    RunFinished {
        pipeline: &report.pipeline,
        run: report.run,
        outcome: report.outcome,
        rows: report.streams.iter().map(|stream| stream.rows).sum(),
        requests: report.streams.iter().map(|stream| stream.requests).sum(),
        cost: closing::cost(report.streams.iter()),
        stopped_by: report.spent.first().map(ToString::to_string),
        seconds: report.took.as_secs_f64(),
        errors: report
            .failures
            .iter()
            .map(|failure| Error {
                stream: failure.stream.as_ref().map(ToString::to_string),
                page: failure.page,
                message: failure.message.clone(),
                causes: failure.causes(),
                remedy: failure.kind.remedy(),
            })
            .collect(),
    }
}

fn write_line(value: &impl Serialize) {
    // Events hold text and numbers only, which can always be written.
    if let Ok(line) = serde_json::to_string(value) {
        stdout::write_line(&line);
    }
}

#[cfg(test)]
mod tests;
