//! The closing table: what came of each stream, what came of all, and where the tables are.

use spile_engine::RunReport;
use spile_model::event::Outcome;
use spile_model::units::show_duration;
use spile_model::{ByteSize, StreamReport};
use spile_plan::DestinationPlan;

use crate::output::number::{counted, plural};
use crate::output::table;
use crate::output::terminal::Terminal;

/// A column of the table.
struct Column {
    head: &'static str,
    value: fn(&StreamReport) -> String,
    /// Whether the column says something about this stream; a column that says nothing about any is left out.
    says: fn(&StreamReport) -> bool,
    number: bool,
    /// Where the terminal is too narrow, columns go in this order; 0 stays.
    goes: u8,
}

#[rustfmt::skip]
const COLUMNS: [Column; 10] = [
    Column { head: "stream", value: |stream| stream.stream.to_string(), says: |_| true, number: false, goes: 0 },
    Column { head: "outcome", value: |stream| stream.outcome.as_str().to_owned(), says: |_| true, number: false, goes: 0 },
    Column { head: "rows", value: |stream| counted(stream.rows), says: |_| true, number: true, goes: 0 },
    Column { head: "known", value: |stream| counted(stream.known), says: |stream| stream.known > 0, number: true, goes: 5 },
    Column { head: "rejects", value: |stream| counted(stream.rejected), says: |stream| stream.rejected > 0, number: true, goes: 0 },
    Column { head: "pages", value: |stream| counted(stream.pages), says: |_| true, number: true, goes: 1 },
    Column { head: "requests", value: |stream| counted(stream.requests), says: |_| true, number: true, goes: 2 },
    Column { head: "data", value: |stream| ByteSize(stream.bytes).to_string(), says: |_| true, number: true, goes: 3 },
    Column { head: "time", value: |stream| show_duration(stream.took), says: |_| true, number: true, goes: 4 },
    Column { head: "cursor", value: cursor, says: |stream| stream.cursor.is_some(), number: false, goes: 6 },
];

fn cursor(stream: &StreamReport) -> String {
    stream.cursor.as_ref().map_or_else(String::new, ToString::to_string)
}

/// Shows how a run ended.
pub(crate) fn show(report: &RunReport, destination: &DestinationPlan, terminal: &Terminal) {
    terminal.say(&text(report, destination, terminal));
}

fn text(report: &RunReport, destination: &DestinationPlan, terminal: &Terminal) -> String {
    let mut lines = Vec::new();
    if !report.streams.is_empty() {
        lines.push(format!("{}\n", streams(&report.streams, terminal)));
    }
    lines.push(total(report, terminal));
    let rejected: u64 = report.streams.iter().map(|stream| stream.rejected).sum();
    if rejected > 0 {
        lines.push(format!("{} and why: table _spile_rejects", plural(rejected, "reject")));
    }
    if report.streams.iter().any(|stream| stream.rows > 0) {
        lines.push(hint(destination));
    }
    lines.join("\n")
}

/// The table, with as many columns as there is room for.
fn streams(streams: &[StreamReport], terminal: &Terminal) -> String {
    let mut columns: Vec<&Column> = COLUMNS.iter().filter(|column| streams.iter().any(column.says)).collect();
    let boundless = Terminal { table_width: None, ..*terminal };
    let room = terminal.table_width.map_or(usize::MAX, usize::from);
    loop {
        let shown = drawn(streams, &columns, &boundless);
        let width = shown.lines().map(console::measure_text_width).max().unwrap_or(0);
        match columns.iter().map(|column| column.goes).filter(|&goes| goes > 0).min() {
            Some(first) if width > room => columns.retain(|column| column.goes != first),
            _ if width > room => return drawn(streams, &columns, terminal),
            _ => return shown,
        }
    }
}

fn drawn(streams: &[StreamReport], columns: &[&Column], terminal: &Terminal) -> String {
    let heads: Vec<&str> = columns.iter().map(|column| column.head).collect();
    let mut shown = table::new(&heads, terminal);
    for stream in streams {
        shown.add_row(columns.iter().map(|column| (column.value)(stream)));
    }
    let numbers = columns.iter().enumerate().filter(|(_, column)| column.number).map(|(index, _)| index);
    table::align_right(&mut shown, numbers);
    table::text(&shown)
}

fn total(report: &RunReport, terminal: &Terminal) -> String {
    let rows: u64 = report.streams.iter().map(|stream| stream.rows).sum();
    let run = report.run.map_or_else(|| "the run".to_owned(), |run| format!("run {run}"));
    let ended = match report.outcome {
        Outcome::Succeeded => terminal.good("succeeded"),
        Outcome::Failed => terminal.bad("failed"),
        Outcome::Interrupted => terminal.attention("was interrupted; run again to go on"),
    };
    format!(
        "{run} of {} {ended}: {} in {} into {}",
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
