//! The two data sets: what a record looks like, column by column, as JSON and as DuckDB's types for `read_json`.
//!
//! Every record has `id` (1, 2, 3…) and `amount` (money with two decimals), by which outputs are checked.

use std::fmt::Write;

use super::draw::Draw;

/// One data set: its columns and how many records a page holds.
pub(super) struct Dataset {
    pub(super) name: &'static str,
    pub(super) records_per_page: u64,
    /// Pages for a `--pages` of 200, so that both sets are of about 80 MB.
    pages_in_200: u64,
    columns: fn() -> Vec<Column>,
}

/// 12 fields, one nested object, one list; about 390 bytes: what most APIs send.
pub(super) const FLAT: Dataset =
    Dataset { name: "flat", records_per_page: 1_000, pages_in_200: 200, columns: flat_columns };

/// 60 columns, objects six levels deep, lists of objects, long text with escapes and non-ASCII letters.
pub(super) const WIDE: Dataset =
    Dataset { name: "wide", records_per_page: 250, pages_in_200: 80, columns: wide_columns };

pub(super) struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Id,
    Money,
    Hex,
    Email,
    Status,
    Quantity,
    Ratio,
    Flag,
    Instant,
    Words(u64),
    MaybeWords(u64),
    Digits,
    Address,
    Tags,
    LongText(u64),
    Profile,
    Metrics,
    Lines,
    Settings,
}

impl Dataset {
    pub(super) fn pages(&self, asked: u64) -> u64 {
        (asked * self.pages_in_200 / 200).max(1)
    }

    pub(super) fn columns(&self) -> Vec<Column> {
        (self.columns)()
    }

    /// DuckDB's struct of all columns: `name TYPE, …`.
    pub(super) fn sql_fields(&self) -> String {
        let fields: Vec<_> =
            self.columns().iter().map(|column| format!("{} {}", column.name, column.kind.sql())).collect();
        fields.join(", ")
    }

    /// DuckDB's `columns` argument: `name: 'TYPE', …`.
    pub(super) fn sql_columns(&self) -> String {
        let columns: Vec<_> =
            self.columns().iter().map(|column| format!("{}: '{}'", column.name, column.kind.sql())).collect();
        columns.join(", ")
    }
}

fn flat_columns() -> Vec<Column> {
    let columns = [
        ("id", Kind::Id),
        ("uuid", Kind::Hex),
        ("name", Kind::Words(2)),
        ("email", Kind::Email),
        ("status", Kind::Status),
        ("amount", Kind::Money),
        ("quantity", Kind::Quantity),
        ("is_active", Kind::Flag),
        ("created_at", Kind::Instant),
        ("description", Kind::MaybeWords(12)),
        ("address", Kind::Address),
        ("tags", Kind::Tags),
    ];
    columns.map(|(name, kind)| Column { name: name.to_owned(), kind }).into()
}

fn wide_columns() -> Vec<Column> {
    let mut columns = flat_columns();
    let repeated = [
        ("count", 10, Kind::Quantity),
        ("ratio", 8, Kind::Ratio),
        ("flag", 6, Kind::Flag),
        ("label", 9, Kind::MaybeWords(3)),
        ("seen_at", 4, Kind::Instant),
        ("code", 4, Kind::Digits),
    ];
    for (name, times, kind) in repeated {
        columns.extend((1..=times).map(|number| Column { name: format!("{name}_{number:02}"), kind }));
    }
    let single = [
        ("summary", Kind::LongText(40)),
        ("body", Kind::LongText(240)),
        ("notes", Kind::LongText(90)),
        ("profile", Kind::Profile),
        ("metrics", Kind::Metrics),
        ("lines", Kind::Lines),
        ("settings", Kind::Settings),
    ];
    columns.extend(single.map(|(name, kind)| Column { name: name.to_owned(), kind }));
    columns
}

/// Writes record number `id` as one JSON object and answers its amount in cents.
pub(super) fn write_record(columns: &[Column], id: u64, draw: &mut Draw, out: &mut String) -> u64 {
    let mut cents = 0;
    for (place, column) in columns.iter().enumerate() {
        out.push(if place == 0 { '{' } else { ',' });
        push(out, format_args!("\"{}\":", column.name));
        if matches!(column.kind, Kind::Money) {
            cents = draw.between(100, 999_900);
            write_decimal(out, cents, 2);
        } else {
            column.kind.write(id, draw, out);
        }
    }
    out.push('}');
    cents
}

impl Kind {
    fn sql(self) -> &'static str {
        match self {
            Kind::Id | Kind::Quantity => "BIGINT",
            Kind::Money | Kind::Ratio => "DOUBLE",
            Kind::Flag => "BOOLEAN",
            Kind::Instant => "TIMESTAMP",
            Kind::Address => "STRUCT(city VARCHAR, zip VARCHAR, geo STRUCT(lat DOUBLE, lon DOUBLE))",
            Kind::Tags => "VARCHAR[]",
            Kind::Profile => {
                "STRUCT(kind VARCHAR, owner STRUCT(name VARCHAR, team STRUCT(code VARCHAR, site STRUCT(city VARCHAR, \
                 floor STRUCT(number BIGINT, room STRUCT(label VARCHAR, seats BIGINT))))))"
            }
            Kind::Metrics => "STRUCT(views BIGINT, clicks BIGINT, cost DOUBLE, rate DOUBLE, best BOOLEAN)",
            Kind::Lines => {
                "STRUCT(sku VARCHAR, quantity BIGINT, price DOUBLE, options STRUCT(color VARCHAR, sizes BIGINT[]))[]"
            }
            Kind::Settings => "STRUCT(theme VARCHAR, limits BIGINT[], rules STRUCT(name VARCHAR, active BOOLEAN)[])",
            Kind::Hex
            | Kind::Email
            | Kind::Status
            | Kind::Words(_)
            | Kind::MaybeWords(_)
            | Kind::Digits
            | Kind::LongText(_) => "VARCHAR",
        }
    }

    fn write(self, id: u64, draw: &mut Draw, out: &mut String) {
        match self {
            Kind::Id => push(out, format_args!("{id}")),
            Kind::Money => write_decimal(out, draw.between(100, 999_900), 2),
            Kind::Hex => push(out, format_args!("\"{:016x}{:016x}\"", draw.bits(), draw.bits())),
            Kind::Email => push(out, format_args!("\"user{id}@example.com\"")),
            Kind::Status => push(out, format_args!("\"{}\"", draw.pick(&["active", "inactive", "pending"]))),
            Kind::Quantity => push(out, format_args!("{}", draw.below(501))),
            Kind::Ratio => write_decimal(out, draw.below(10_000_000), 7),
            Kind::Flag => out.push_str(if draw.chance(50) { "true" } else { "false" }),
            Kind::Instant => write_instant(out, draw),
            Kind::Words(count) => write_words(out, draw, count),
            Kind::MaybeWords(count) if draw.chance(90) => write_words(out, draw, count),
            Kind::MaybeWords(_) => out.push_str("null"),
            Kind::Digits => push(out, format_args!("\"{:08}\"", draw.below(100_000_000))),
            Kind::Address => write_address(out, draw),
            Kind::Tags => {
                let count = draw.below(5);
                write_list(out, count, |out| push(out, format_args!("\"{}\"", draw.word())));
            }
            Kind::LongText(words) => write_long_text(out, draw, words),
            Kind::Profile => write_profile(out, draw),
            Kind::Metrics => write_metrics(out, draw),
            Kind::Lines => write_lines(out, draw),
            Kind::Settings => write_settings(out, draw),
        }
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

/// `units` hundredths (`places` = 2) as JSON writes them: no zeros at the end, but one decimal at least.
fn write_decimal(out: &mut String, units: u64, places: u32) {
    let scale = 10_u64.pow(places);
    push(out, format_args!("{}.{:0width$}", units / scale, units % scale, width = places as usize));
    while out.ends_with('0') && !out.ends_with(".0") {
        out.pop();
    }
}

fn write_instant(out: &mut String, draw: &mut Draw) {
    let (month, day) = (draw.between(1, 12), draw.between(1, 28));
    let (hour, minute, second) = (draw.below(24), draw.below(60), draw.below(60));
    push(out, format_args!("\"2025-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\""));
}

fn write_words(out: &mut String, draw: &mut Draw, count: u64) {
    out.push('"');
    for place in 0..count {
        if place > 0 {
            out.push(' ');
        }
        out.push_str(draw.word());
    }
    out.push('"');
}

/// Prose with line breaks, quotes and letters beyond ASCII, so that unescaping is part of the work.
fn write_long_text(out: &mut String, draw: &mut Draw, words: u64) {
    out.push('"');
    for _ in 0..words {
        out.push_str(draw.word());
        out.push_str(match draw.below(40) {
            0 => "\\n",
            1 => " \\\"quoted\\\" ",
            2 => " café ",
            3 => " \\u00fcber ",
            _ => " ",
        });
    }
    out.push('"');
}

fn write_list(out: &mut String, count: u64, mut element: impl FnMut(&mut String)) {
    out.push('[');
    for place in 0..count {
        if place > 0 {
            out.push(',');
        }
        element(out);
    }
    out.push(']');
}

fn write_address(out: &mut String, draw: &mut Draw) {
    push(out, format_args!("{{\"city\":\"{}\",\"zip\":\"{:05}\",\"geo\":{{\"lat\":", draw.word(), draw.below(100_000)));
    write_signed(out, draw, 90);
    out.push_str(",\"lon\":");
    write_signed(out, draw, 180);
    out.push_str("}}");
}

fn write_signed(out: &mut String, draw: &mut Draw, bound: u64) {
    if draw.chance(50) {
        out.push('-');
    }
    write_decimal(out, draw.below(bound * 100_000), 5);
}

fn write_profile(out: &mut String, draw: &mut Draw) {
    push(
        out,
        format_args!(
            "{{\"kind\":\"{}\",\"owner\":{{\"name\":\"{}\",\"team\":{{\"code\":\"{}\",\"site\":{{\"city\":\"{}\",\"floor\":\
             {{\"number\":{},\"room\":{{\"label\":\"{}\",\"seats\":{}}}}}}}}}}}}}",
            draw.word(),
            draw.word(),
            draw.word(),
            draw.word(),
            draw.below(30),
            draw.word(),
            draw.below(12)
        ),
    );
}

fn write_metrics(out: &mut String, draw: &mut Draw) {
    push(out, format_args!("{{\"views\":{},\"clicks\":{},\"cost\":", draw.below(1_000_000), draw.below(1_000)));
    write_decimal(out, draw.below(1_000_000), 2);
    out.push_str(",\"rate\":");
    write_decimal(out, draw.below(1_000_000), 6);
    push(out, format_args!(",\"best\":{}}}", draw.chance(50)));
}

fn write_lines(out: &mut String, draw: &mut Draw) {
    let count = draw.between(1, 5);
    write_list(out, count, |out| {
        push(
            out,
            format_args!("{{\"sku\":\"{:06}\",\"quantity\":{},\"price\":", draw.below(1_000_000), draw.between(1, 9)),
        );
        write_decimal(out, draw.between(100, 99_900), 2);
        push(out, format_args!(",\"options\":{{\"color\":\"{}\",\"sizes\":", draw.word()));
        let sizes = draw.below(4);
        write_list(out, sizes, |out| push(out, format_args!("{}", draw.between(30, 60))));
        out.push_str("}}");
    });
}

fn write_settings(out: &mut String, draw: &mut Draw) {
    push(out, format_args!("{{\"theme\":\"{}\",\"limits\":", draw.word()));
    write_list(out, 4, |out| push(out, format_args!("{}", draw.below(10_000))));
    out.push_str(",\"rules\":");
    let count = draw.below(4);
    write_list(out, count, |out| {
        push(out, format_args!("{{\"name\":\"{}\",\"active\":{}}}", draw.word(), draw.chance(50)));
    });
    out.push('}');
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_record_is_json_with_every_column() {
        for dataset in [FLAT, WIDE] {
            let columns = dataset.columns();
            let mut draw = Draw::seeded(7);
            for id in 1..=200 {
                let mut text = String::new();
                let cents = write_record(&columns, id, &mut draw, &mut text);
                let record: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                assert_eq!(record.as_object().unwrap().len(), columns.len());
                assert_eq!(record["id"], id);
                assert!((record["amount"].as_f64().unwrap() * 100.0 - cents as f64).abs() < 0.001);
            }
        }
    }

    #[test]
    fn the_wide_set_has_sixty_columns() {
        assert_eq!(WIDE.columns().len(), 60);
    }

    #[test]
    fn a_decimal_ends_as_json_writers_end_it() {
        let text = |units, places| {
            let mut out = String::new();
            write_decimal(&mut out, units, places);
            out
        };
        assert_eq!((text(1250, 2), text(1200, 2), text(1205, 2)), ("12.5".into(), "12.0".into(), "12.05".into()));
    }
}
