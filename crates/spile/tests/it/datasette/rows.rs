//! Rows of both sides in one form, so that equal means: the same columns, the same rows, each value the same.
//!
//! Numbers are equal when they are the same number, whatever type holds them; nothing is rounded on the way. Text is
//! equal byte by byte, and a date is equal to the text that it came as.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use spile_destination_duckdb::query_text;

/// All rows of a table, in one order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rows(pub(crate) Vec<Row>);

/// The values of a row that are not null, by column: a column of nulls alone need not be in the table.
pub(crate) type Row = BTreeMap<String, Cell>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Int(i64),
    /// The bits of a double that is not a whole number, or is minus zero.
    Float(u64),
    Text(String),
}

impl Rows {
    fn sorted(mut rows: Vec<Row>) -> Self {
        rows.sort();
        Self(rows)
    }

    /// A table of the origin's dump.
    pub(crate) fn of_origin(table: &Value) -> Self {
        let columns: Vec<&str> = list(&table["columns"]).iter().map(|name| name.as_str().unwrap()).collect();
        let row = |row: &Value| {
            let cells = columns.iter().zip(list(row));
            cells.filter_map(|(name, value)| Some(((*name).to_owned(), cell(value)?))).collect()
        };
        Self::sorted(list(&table["rows"]).iter().map(row).collect())
    }

    /// A table of the destination, without Spile's own columns.
    pub(crate) fn of_destination(file: &Path, table: &str, condition: &str) -> Self {
        let described = query_text(
            file,
            &format!("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table}'"),
        );
        let types: BTreeMap<String, String> = described
            .unwrap()
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(Option::unwrap))
            .map(|mut row| (row.next().unwrap(), row.next().unwrap()))
            .collect();
        let table =
            query_text(file, &format!("SELECT * EXCLUDE (_spile_run, _spile_at) FROM {table} WHERE {condition}"))
                .unwrap();
        let row = |values: Vec<Option<String>>| {
            let cells = table.columns.iter().zip(values);
            cells.filter_map(|(name, value)| Some((key(name), typed(&types[name], value?)))).collect()
        };
        Self::sorted(table.rows.into_iter().map(row).collect())
    }
}

/// The key of a column. `rowid` is DuckDB's own name for something else, so its column is called `rowid_2`.
fn key(column: &str) -> String {
    column.strip_suffix("_2").filter(|key| *key == "rowid").unwrap_or(column).to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn cell(value: &Value) -> Option<Cell> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cell::Text(text.clone())),
        Value::Number(number) => Some(Cell::Int(number.as_i64().unwrap())),
        // As text, because serde_json may read a double one bit away from the number that was written.
        Value::Object(double) => Some(float(double["double"].as_str().unwrap().parse().unwrap())),
        other => panic!("SQLite has no {other}"),
    }
}

fn typed(column_type: &str, text: String) -> Cell {
    match column_type {
        "BIGINT" => Cell::Int(text.parse().unwrap()),
        "DOUBLE" => float(text.parse().unwrap()),
        "VARCHAR" | "DATE" => Cell::Text(text),
        other => panic!("none of these data sets should need a column of type {other} ({text})"),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a whole double below 2^63 is a 64-bit integer")]
fn float(value: f64) -> Cell {
    let whole = value.fract() == 0.0 && value.abs() < 9.2e18 && !(value == 0.0 && value.is_sign_negative());
    if whole { Cell::Int(value as i64) } else { Cell::Float(value.to_bits()) }
}
