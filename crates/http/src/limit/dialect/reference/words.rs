//! What is read, and what came of it, as people read it.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use spile_model::units::show_duration;

use super::Reads;
use crate::limit::dialect::row::{Row, Window};
use crate::limit::dialect::{Reading, Unit, fields, read};

/// When the answers of the pages came: 2026-01-01T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_767_268_800, 0);

/// What the headers of an answer tell, one for each limit.
pub(crate) fn of_headers(answer: &str) -> Vec<String> {
    read(&headers(answer), NOW).iter().map(of_reading).collect()
}

/// The headers of an answer that stands in a page; what is no header there is left out.
pub(crate) fn headers(lines: &str) -> HeaderMap {
    let parsed = lines.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    parsed.collect()
}

/// What is told of one limit.
pub(crate) fn of_reading(reading: &Reading) -> String {
    let Reading { name, unit, limit, remaining, reset, window, restore, precision: _ } = reading;
    let unit = match unit {
        Unit::Requests => "requests",
        Unit::Concurrent => "requests at once",
        Unit::Cost => "points",
    };
    let amount = match (limit, remaining) {
        (Some(limit), Some(left)) => Some(format!("{left} of {limit} {unit} left")),
        (Some(limit), None) => Some(format!("{limit} {unit} allowed")),
        (None, Some(left)) => Some(format!("{left} {unit} left")),
        (None, None) => None,
    };
    let parts = [
        amount,
        window.map(|window| format!("in a window of {}", show_duration(window))),
        restore.map(|restore| format!("{restore} coming back in each second")),
        reset.map(|reset| format!("all of it there again in {}", show_duration(reset))),
    ];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if name.is_empty() { parts } else { format!("`{name}`: {parts}") }
}

pub(super) fn table(reads: &Reads) -> String {
    match reads {
        Reads::Fields(fields) => {
            let rows: String = fields.iter().map(|(field, tells)| format!("| `{field}` | {tells} |\n")).collect();
            format!("| where | what it tells |\n|---|---|\n{rows}")
        }
        Reads::Rows(limits) => rows(limits),
        Reads::Family(beginning) => {
            let rows: String =
                fields::told().map(|(ends, tells)| format!("| {} | {tells} |\n", named(beginning, &ends))).collect();
            format!("| where | what it tells |\n|---|---|\n{rows}")
        }
    }
}

/// A row for each limit.
pub(super) fn rows(limits: &[Row]) -> String {
    let rows: String = limits.iter().map(row).collect();
    format!("| limit | where | what it tells |\n|---|---|---|\n{rows}")
}

fn row(row: &Row) -> String {
    let (window, known) = match row.window {
        Window::Milliseconds(header) => (Some(header), None),
        Window::Of(window) => (None, Some(window)),
        Window::Unknown => (None, None),
    };
    let told = [
        (row.named_by, "which limit it is"),
        (row.limit, "how much is allowed"),
        (row.remaining, "how much is left"),
        (row.reset, "when all of it is there again"),
        (row.restore, "how much comes back in each second"),
        (window, "the window's length in milliseconds"),
    ];
    let name = if row.name.is_empty() { "the only one".to_owned() } else { format!("`{}`", row.name) };
    let name = known.map_or(name.clone(), |window| format!("{name}, of {}", show_duration(window)));
    let told = told.into_iter().filter_map(|(header, tells)| Some(format!("| {name} | `{}` | {tells} |\n", header?)));
    told.collect()
}

/// The names that tell the same.
fn named(beginning: &str, ends: &[&str]) -> String {
    let names = ends
        .iter()
        .map(|end| if end.is_empty() { format!("`{beginning}`") } else { format!("`{beginning}-{}`", shown(end)) });
    names.collect::<Vec<_>>().join(", ")
}

/// A part of a header's name as people write it.
fn shown(name: &str) -> String {
    let part = |part: &str| match part.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + rest,
        None => String::new(),
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}
