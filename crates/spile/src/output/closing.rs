//! The closing table: what came of each stream, what came of all, and where the tables are.

mod endpoints;

pub(in crate::output) use self::endpoints::cost;

use spile_engine::RunReport;
use spile_model::event::Outcome;
use spile_model::units::show_duration;
use spile_model::{ByteSize, StreamReport};
use spile_plan::DestinationPlan;

use crate::output::columns::{Column, drawn};
use crate::output::notices;
use crate::output::number::{counted, plural};
use crate::output::terminal::Terminal;

#[rustfmt::skip]
const COLUMNS: [Column<StreamReport>; 15] = [
    Column { head: "stream", value: |stream| stream.stream.to_string(), says: |_| true, number: false, goes: 0 },
    Column { head: "outcome", value: |stream| stream.outcome.as_str().to_owned(), says: |_| true, number: false, goes: 0 },
    Column { head: "rows", value: |stream| counted(stream.rows), says: |_| true, number: true, goes: 0 },
    Column { head: "known", value: |stream| counted(stream.known), says: |stream| stream.known > 0, number: true, goes: 8 },
    Column { head: "rejects", value: |stream| counted(stream.rejected), says: |stream| stream.rejected > 0, number: true, goes: 0 },
    Column { head: "pages", value: |stream| counted(stream.pages), says: |_| true, number: true, goes: 1 },
    Column { head: "unchanged", value: |stream| counted(stream.unchanged), says: |stream| stream.unchanged > 0, number: true, goes: 1 },
    Column { head: "requests", value: |stream| counted(stream.requests), says: |_| true, number: true, goes: 3 },
    Column { head: "retries", value: |stream| counted(endpoints::retries(stream)), says: |stream| endpoints::retries(stream) > 0, number: true, goes: 7 },
    Column { head: "data", value: |stream| ByteSize(stream.bytes).to_string(), says: |_| true, number: true, goes: 4 },
    Column { head: "p95", value: |stream| endpoints::time(endpoints::p95(stream)), says: |stream| endpoints::p95(stream).is_some(), number: true, goes: 2 },
    Column { head: "waited", value: |stream| show_duration(stream.waited), says: |stream| endpoints::waits(stream.waited), number: true, goes: 6 },
    Column { head: "time", value: |stream| show_duration(stream.took), says: |_| true, number: true, goes: 5 },
    Column { head: "cost", value: cost_of, says: |stream| endpoints::cost([stream].into_iter()).is_some(), number: true, goes: 10 },
    Column { head: "cursor", value: cursor, says: |stream| stream.cursor.is_some(), number: false, goes: 9 },
];

/// The columns of what a replay has none of.
const OF_REQUESTS: [&str; 2] = ["requests", "data"];

fn cost_of(stream: &StreamReport) -> String {
    endpoints::cost([stream].into_iter()).map_or_else(String::new, |cost| cost.to_string())
}

fn cursor(stream: &StreamReport) -> String {
    stream.cursor.as_ref().map_or_else(String::new, ToString::to_string)
}

/// Shows how a run ended; where `verbose`, also each endpoint.
pub(crate) fn show(report: &RunReport, destination: &DestinationPlan, verbose: bool, terminal: &Terminal) {
    terminal.say(&text(report, destination, verbose, terminal));
}

fn text(report: &RunReport, destination: &DestinationPlan, verbose: bool, terminal: &Terminal) -> String {
    let mut lines = Vec::new();
    if !report.streams.is_empty() {
        let is_told = |column: &Column<StreamReport>| !report.replayed || !OF_REQUESTS.contains(&column.head);
        let columns: Vec<_> = COLUMNS.into_iter().filter(is_told).collect();
        lines.push(format!("{}\n", drawn(&report.streams, &columns, terminal)));
    }
    if verbose && !report.streams.is_empty() && !report.replayed {
        lines.push(format!("{}\n", endpoints::table(&report.streams, terminal)));
    }
    lines.push(total(report, terminal));
    let rejected: u64 = report.streams.iter().map(|stream| stream.rejected).sum();
    if rejected > 0 {
        lines.push(format!("{} and why: table _spile_rejects", plural(rejected, "reject")));
    }
    lines.extend(notices::lines(&report.notices, terminal));
    if report.streams.iter().any(|stream| stream.rows > 0) {
        lines.push(hint(destination));
    }
    lines.join("\n")
}

fn total(report: &RunReport, terminal: &Terminal) -> String {
    let rows: u64 = report.streams.iter().map(|stream| stream.rows).sum();
    let run = report.run.map_or_else(|| "the run".to_owned(), |run| format!("run {run}"));
    let ended = match report.outcome {
        Outcome::Succeeded if report.replayed => terminal.good("was replayed"),
        Outcome::Failed if report.replayed => terminal.bad("was replayed and failed"),
        Outcome::Interrupted if report.replayed => terminal.good("was replayed as far as it went"),
        Outcome::Interrupted if !report.spent.is_empty() => {
            terminal.attention("was stopped by its budget; run again to go on")
        }
        Outcome::Succeeded => terminal.good("succeeded"),
        Outcome::Failed => terminal.bad("failed"),
        Outcome::Interrupted => terminal.attention("was interrupted; run again to go on"),
    };
    let cost = endpoints::cost(report.streams.iter()).map_or_else(String::new, |cost| format!(" for {cost}"));
    format!(
        "{run} of {} {ended}: {} in {}{cost} into {}",
        report.pipeline,
        plural(rows, "row"),
        show_duration(report.took),
        report.destination
    )
}

fn hint(destination: &DestinationPlan) -> String {
    match destination {
        DestinationPlan::DuckDb(plan) => {
            format!("to look at it: duckdb {}", shell_word(&plan.path.display().to_string()))
        }
    }
}

/// A path that can be copied into a shell.
fn shell_word(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+=:@%".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
