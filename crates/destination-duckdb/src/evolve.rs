//! Brings a table to the columns that arrive: new columns, wider types.
//!
//! Always alone in a transaction: DuckDB cannot alter a table that holds many uncommitted rows. And only in forms that
//! it can replay from its log after a crash (measured with 1.5.6): adding a plain column, and changing a type by a
//! plain cast. A change that needs an expression (to JSON, or a moment to text) rebuilds the table and swaps it in.

use std::collections::BTreeMap;

use duckdb::Connection;
use spile_model::{ColumnType, Failure, Field, TableSchema};

use crate::catalog::Catalog;
use crate::failure::OrExplain;
use crate::sql::ident;
use crate::types::{conversion, duckdb_type};

/// What has to be done to a table, and how it is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Evolution {
    pub(crate) statements: Vec<String>,
    pub(crate) changes: Vec<String>,
    /// The types of the columns that are written anew, for all rows that are there.
    pub(crate) written: Vec<ColumnType>,
}

/// What leads from `known` to `wanted`, which holds every column of `known`. `None`: there is no such table.
/// Columns in `settled` keep the type that they have.
pub(crate) fn evolution(
    catalog: &Catalog,
    bare: &str,
    known: Option<&TableSchema>,
    wanted: &TableSchema,
    settled: &BTreeMap<String, String>,
) -> Evolution {
    let table = catalog.qualified(bare);
    let Some(known) = known else {
        let columns: Vec<String> = wanted.columns.iter().map(definition).collect();
        return Evolution {
            statements: vec![format!("CREATE TABLE {table} ({})", columns.join(", "))],
            ..Evolution::default()
        };
    };
    let mut evolution = Evolution::default();
    let mut replaced = Vec::new();
    for field in &wanted.columns {
        let Some(before) = known.column(&field.name) else {
            evolution.written.push(field.column_type.clone());
            evolution.statements.push(format!("ALTER TABLE {table} ADD COLUMN {}", definition(field)));
            evolution.changes.push(format!("new column \"{}\" {}", field.name, field.column_type.describe()));
            continue;
        };
        if before.column_type == field.column_type || settled.contains_key(&field.name) {
            continue;
        }
        let (from, to) = (&before.column_type, &field.column_type);
        let converted = conversion(&ident(&field.name), from, to);
        if converted == ident(&field.name) {
            continue; // the same DuckDB type: nothing to be done
        }
        evolution.changes.push(format!("\"{}\" {}", field.name, widening(from, to)));
        evolution.written.push(to.clone());
        if castable(from, to) {
            evolution.statements.push(format!(
                "ALTER TABLE {table} ALTER COLUMN {} TYPE {}",
                ident(&field.name),
                duckdb_type(to)
            ));
        } else {
            replaced.push(format!("{converted} AS {}", ident(&field.name)));
        }
    }
    if !replaced.is_empty() {
        evolution.written = wanted.columns.iter().map(|field| field.column_type.clone()).collect();
        evolution.statements.extend(rebuild(catalog, bare, &replaced));
    }
    evolution
}

fn definition(field: &Field) -> String {
    format!("{} {}", ident(&field.name), duckdb_type(&field.column_type))
}

fn widening(from: &ColumnType, to: &ColumnType) -> String {
    let (from, to) = (from.describe(), to.describe());
    if from == to { format!("has new fields in its {to}") } else { format!("{from} → {to}") }
}

/// The table written anew with those columns converted, under its own name, in the open transaction.
fn rebuild(catalog: &Catalog, bare: &str, replaced: &[String]) -> [String; 3] {
    let (table, rebuilt) = (catalog.qualified(bare), catalog.qualified(&format!("{bare}{REBUILT}")));
    [
        format!("CREATE TABLE {rebuilt} AS SELECT * REPLACE ({}) FROM {table}", replaced.join(", ")),
        format!("DROP TABLE {table}"),
        format!("ALTER TABLE {rebuilt} RENAME TO {}", ident(bare)),
    ]
}

/// Behind a table's name while it is written anew.
const REBUILT: &str = "__spile_rebuilt";

/// Whether a plain cast turns every value of `from` exactly into `to`, in a form that the log can replay.
fn castable(from: &ColumnType, to: &ColumnType) -> bool {
    use ColumnType::{BigInt, Decimal, Float, Int, List, Struct};
    match (from, to) {
        (a, b) if a == b => true,
        (Int | BigInt, Float | Int | BigInt | Decimal { .. }) | (Decimal { .. }, Decimal { .. }) => true,
        (Struct(from), Struct(to)) => {
            !from.is_empty()
                && to.iter().all(|field| match from.iter().find(|known| known.name == field.name) {
                    Some(known) => castable(&known.column_type, &field.column_type),
                    None => !duckdb_type(&field.column_type).contains("JSON"),
                })
        }
        (List(from), List(to)) => castable(from, to),
        _ => false,
    }
}

/// Whether there is a table or a view of that name, in whatever case, as DuckDB compares names.
pub(crate) fn exists(connection: &Connection, catalog: &Catalog, name: &str) -> Result<bool, Failure> {
    let of = |list: &str, name: &str| {
        format!(
            "SELECT {name} AS name FROM {list}() WHERE database_name = current_database() AND schema_name = $1 AND lower({name}) = lower($2)"
        )
    };
    let sql = format!(
        "SELECT count(*) > 0 FROM ({} UNION ALL {})",
        of("duckdb_tables", "table_name"),
        of("duckdb_views", "view_name")
    );
    connection.query_row(&sql, [catalog.schema(), name], |row| row.get(0)).or_explain("the tables could not be read")
}

/// The columns that the table really has, with DuckDB's names of their types; `None` where there is no such table.
///
/// `duckdb_columns()` would tell both at once, but binds every view of the database to do so; and to ask for a table
/// that is not there makes DuckDB look through all it has for a similar name.
pub(crate) fn actual_columns(
    connection: &Connection,
    catalog: &Catalog,
    table: &str,
) -> Result<Option<Vec<(String, String)>>, Failure> {
    let read = || {
        let mut statement = connection.prepare(&format!("DESCRIBE {}", catalog.qualified(table)))?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<duckdb::Result<Vec<_>>>()
    };
    let there = exists(connection, catalog, table)?;
    there.then(read).transpose().or_explain("the tables could not be read")
}

/// About how many rows a table has.
pub(crate) fn size(connection: &Connection, catalog: &Catalog, table: &str) -> Result<u64, Failure> {
    let sql = "SELECT coalesce(sum(estimated_size), 0)::UBIGINT FROM duckdb_tables() \
               WHERE database_name = current_database() AND schema_name = ? AND table_name = ?";
    connection.query_row(sql, [catalog.schema(), table], |row| row.get(0)).or_explain("the tables could not be read")
}
