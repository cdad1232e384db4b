//! What is known of a table while its stream is loaded.

use std::collections::BTreeMap;

use spile_model::{Field, TableSchema};

use crate::rows::Feed;
use crate::types::duckdb_type;

/// A table that a stream fills.
pub(super) struct Table {
    pub(super) parent: Option<String>,
    pub(super) columns: TableSchema,
    /// Columns whose type the user changed, and that type: they stay so, and what arrives is cast to it.
    pub(super) settled: BTreeMap<String, String>,
    /// The largest row id before the open transaction; rows above it are new.
    pub(super) rows_before: Option<i64>,
    pub(super) feed: Option<Feed>,
}

/// What is left of the known columns in the table as it really is, and which of them the user has given another type.
pub(super) fn as_it_is(mut known: TableSchema, actual: &[(String, String)]) -> (TableSchema, BTreeMap<String, String>) {
    let actual_type =
        |name: &str| actual.iter().find(|(column, _)| column.eq_ignore_ascii_case(name)).map(|(_, kind)| kind);
    known.columns.retain(|field| actual_type(&field.name).is_some());
    let changed = |field: &Field| {
        let (ours, actual) = (duckdb_type(&field.column_type), actual_type(&field.name)?);
        (!ours.contains("STRUCT") && *actual != ours).then(|| (field.name.clone(), actual.clone()))
    };
    let settled = known.columns.iter().filter_map(changed).collect();
    (known, settled)
}

/// Every column of `known`, widened or joined by those that arrive, of which so many may be new.
pub(super) fn with(known: &TableSchema, arriving: &TableSchema, most: usize) -> TableSchema {
    let mut columns = known.columns.clone();
    let most = columns.len() + most;
    for field in &arriving.columns {
        match columns.iter().position(|column| column.name == field.name) {
            Some(at) => columns[at].clone_from(field),
            None if columns.len() < most => columns.push(field.clone()),
            None => {}
        }
    }
    TableSchema { columns }
}
