//! Whole tables as they are compared: by column name, as multisets of rows, without what tells runs apart.

use std::collections::BTreeMap;
use std::path::Path;

use spile_destination_duckdb::query_text;

pub(crate) const ITEMS: &str = "SELECT * FROM items";
pub(super) const OTHERS: &str = "SELECT * FROM others";

/// Children with the key of their parent in the place of its row number: an orphan shows as a NULL.
pub(super) const LINES: &str = "SELECT items.id AS parent, items__lines.* FROM items__lines \
     LEFT JOIN items ON items__lines._spile_parent = items._spile_row";
pub(super) const NOTES: &str = "SELECT items__lines.sku AS parent, items__lines__notes.* FROM items__lines__notes \
     LEFT JOIN items__lines ON items__lines__notes._spile_parent = items__lines._spile_row";

/// What differs from run to run although nothing is wrong.
const PER_RUN: [&str; 4] = ["_spile_run", "_spile_at", "_spile_row", "_spile_parent"];

/// Tables at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(Vec<Table>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    query: String,
    /// With their types.
    columns: Vec<(String, String)>,
    /// How often each row is there.
    rows: BTreeMap<Row, usize>,
}

type Row = Vec<Option<String>>;

/// The results of these queries.
#[track_caller]
pub(crate) fn snapshot(database: &Path, queries: &[&str]) -> Snapshot {
    Snapshot(queries.iter().map(|query| table(database, query)).collect())
}

#[track_caller]
fn table(database: &Path, query: &str) -> Table {
    let described = query_text(database, &format!("SELECT * FROM (DESCRIBE {query})")).unwrap();
    let mut columns: Vec<(String, String)> = described
        .rows
        .into_iter()
        .map(|row| (row[0].clone().unwrap_or_default(), row[1].clone().unwrap_or_default()))
        .filter(|(name, _)| !PER_RUN.contains(&name.as_str()))
        .collect();
    columns.sort();
    let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let found = query_text(database, &format!("SELECT {} FROM ({query})", names.join(", "))).unwrap();
    let mut rows = BTreeMap::new();
    for row in found.rows {
        *rows.entry(row.into_iter().map(|cell| cell.map(by_value)).collect()).or_default() += 1;
    }
    Table { query: query.to_owned(), columns, rows }
}

/// A number in its shortest form: an integer that was a float for a while before its column became JSON is written
/// `5.0`, and one that was read into the JSON column `5`.
fn by_value(text: String) -> String {
    text.parse::<f64>().map_or(text, |number| number.to_string())
}

impl Snapshot {
    /// The same tables with every row so many times.
    pub(super) fn times(&self, copies: usize) -> Self {
        let mut many = self.clone();
        many.0.iter_mut().flat_map(|table| table.rows.values_mut()).for_each(|count| *count *= copies);
        many
    }

    /// How many rows the first table has.
    pub(crate) fn rows(&self) -> usize {
        self.0.first().map_or(0, |table| table.rows.values().sum())
    }

    /// What is different in `found`, in words; none where they are equal.
    pub(crate) fn difference(&self, found: &Self) -> Option<String> {
        let different = |(expected, found): (&Table, &Table)| expected.difference(found);
        let differences: Vec<String> = self.0.iter().zip(&found.0).filter_map(different).collect();
        (!differences.is_empty()).then(|| differences.join("\n"))
    }
}

impl Table {
    fn difference(&self, found: &Self) -> Option<String> {
        if (&self.columns, &self.rows) == (&found.columns, &found.rows) {
            return None;
        }
        let mut text = format!("`{}` differs", self.query);
        if self.columns != found.columns {
            text += &format!("\n  columns: {:?}\n  instead of: {:?}", found.columns, self.columns);
        }
        let amount = |table: &Self, row: &Row| table.rows.get(row).copied().unwrap_or_default();
        let changed = self.rows.keys().chain(found.rows.keys()).filter(|row| amount(self, row) != amount(found, row));
        let lines: Vec<String> = changed
            .map(|row| format!("\n  {} times instead of {}: {}", amount(found, row), amount(self, row), shown(row)))
            .collect();
        text += &format!("\n  {} rows:{}", lines.len(), lines.iter().take(6).map(String::as_str).collect::<String>());
        Some(text)
    }
}

/// A row as far as a person reads it.
fn shown(row: &Row) -> String {
    format!("{row:?}").chars().take(300).collect()
}
