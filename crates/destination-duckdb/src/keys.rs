//! Rows that meet rows with the same key: the last write wins under `merge`, the first stays under `append`.
//!
//! New rows are appended to the table first and told from the older ones by their row ids; then the losers of each key
//! are removed, in the same transaction. Nothing is copied, and there is no index to keep: measured at a fifth of the
//! cost of `MERGE INTO`, and a fiftieth of that of a primary key.

use duckdb::{Connection, OptionalExt, params};
use spile_columnar::{PARENT_COLUMN, ROW_COLUMN};
use spile_destination::StreamTarget;
use spile_model::{Failure, FailureKind, TableSchema};
use spile_plan::WriteMode;

use crate::catalog::Catalog;
use crate::evolve::exists;
use crate::failure::OrExplain;
use crate::sql::ident;

/// A table that the open transaction has written.
pub(crate) struct Written {
    pub(crate) name: String,
    pub(crate) parent: Option<String>,
    pub(crate) columns: TableSchema,
    pub(crate) rows_before: i64,
}

/// Whether rows of this stream can meet others with their key.
pub(crate) fn needed(target: &StreamTarget) -> bool {
    match target.write {
        WriteMode::Merge => true,
        WriteMode::Append => target.skip_known && !target.primary_key.is_empty(),
        WriteMode::Replace => false,
    }
}

/// The largest row id of a table as it was committed; -1 where it is empty.
pub(crate) fn largest_row_id(connection: &Connection, table: &str) -> Result<i64, Failure> {
    connection
        .query_row(&format!("SELECT coalesce(max(rowid), -1) FROM {table}"), [], |row| row.get(0))
        .or_explain("the table could not be read")
}

/// Removes the losers. Returns how many new rows the table had already (under `append`).
pub(crate) fn settle(
    connection: &Connection,
    catalog: &Catalog,
    target: &StreamTarget,
    tables: &[Written],
) -> Result<u64, Failure> {
    let Some(main) = tables.iter().find(|table| table.name == target.table) else { return Ok(0) };
    let Some(keys) = columns(&main.columns, &target.primary_key) else { return Ok(0) };
    let cursor = target.cursor.as_ref().and_then(|key| columns(&main.columns, std::slice::from_ref(key)));
    let cursor = cursor.and_then(|columns| columns.into_iter().next());
    let losers = losers(&catalog.qualified(&main.name), target.write, &keys, cursor.as_deref(), main);
    let run = |sql: &str| connection.execute(sql, []).or_explain("rows with the same key could not be settled");
    run(&format!("CREATE OR REPLACE TEMP TABLE _spile_losers AS {losers}"))?;
    for child in tables.iter().filter(|table| table.parent.as_ref() == Some(&main.name)) {
        remove_children(&run, catalog, tables, child, "SELECT row_number FROM temp._spile_losers")?;
    }
    let removed = run(&format!(
        "DELETE FROM {} WHERE rowid IN (SELECT id FROM temp._spile_losers)",
        catalog.qualified(&main.name)
    ))?;
    run("DROP TABLE temp._spile_losers")?;
    Ok(if target.write == WriteMode::Append { removed as u64 } else { 0 })
}

/// The rows that give way: their row ids, and their own numbers where they have children.
fn losers(table: &str, write: WriteMode, keys: &[String], cursor: Option<&str>, main: &Written) -> String {
    let mut key = keys.to_vec();
    let keep = match write {
        WriteMode::Merge => {
            // A row without a cursor is older than any that has one.
            let order = cursor
                .map_or_else(|| "rowid".to_owned(), |cursor| format!("row({cursor} IS NOT NULL, {cursor}, rowid)"));
            format!("arg_max(rowid, {order})")
        }
        WriteMode::Append | WriteMode::Replace => {
            key.extend(cursor.map(ToOwned::to_owned));
            "min(rowid)".to_owned()
        }
    };
    let list = key.join(", ");
    let same: Vec<String> = key.iter().map(|column| format!("t.{column} IS NOT DISTINCT FROM d.{column}")).collect();
    let number =
        if main.columns.column(ROW_COLUMN).is_some() { format!("t.{ROW_COLUMN}") } else { "NULL::BIGINT".to_owned() };
    let touched: Vec<String> = keys.iter().map(|column| format!("n.{column} = o.{column}")).collect();
    format!(
        "SELECT t.rowid AS id, {number} AS row_number FROM {table} t JOIN (\
             SELECT {list}, {keep} AS keep FROM (\
                 SELECT o.rowid AS rowid, o.* FROM {table} o SEMI JOIN (SELECT * FROM {table} WHERE rowid > {before}) n ON {touched}\
             ) GROUP BY ALL HAVING count(*) > 1\
         ) d ON {same} WHERE t.rowid <> d.keep",
        before = main.rows_before,
        touched = touched.join(" AND "),
        same = same.join(" AND "),
    )
}

/// Removes the rows of a child table whose parents go, those below them first.
fn remove_children(
    run: &dyn Fn(&str) -> Result<usize, Failure>,
    catalog: &Catalog,
    tables: &[Written],
    child: &Written,
    parents: &str,
) -> Result<(), Failure> {
    let table = catalog.qualified(&child.name);
    let gone = format!("SELECT {ROW_COLUMN} FROM {table} WHERE {PARENT_COLUMN} IN ({parents})");
    for grandchild in tables.iter().filter(|table| table.parent.as_ref() == Some(&child.name)) {
        remove_children(run, catalog, tables, grandchild, &gone)?;
    }
    run(&format!("DELETE FROM {table} WHERE {PARENT_COLUMN} IN ({parents})")).map(|_| ())
}

/// The quoted columns that hold these keys; `None` where one has no column (no row ever had a value for it).
fn columns(schema: &TableSchema, keys: &[String]) -> Option<Vec<String>> {
    let column =
        |key: &String| schema.columns.iter().find(|field| field.source == *key).map(|field| ident(&field.name));
    keys.iter().map(column).collect()
}

/// Refuses to write into `table` if another stream or pipeline fills it, or somebody else made it.
pub(crate) fn refuse_foreign_table(
    connection: &Connection,
    catalog: &Catalog,
    target: &StreamTarget,
    table: &str,
) -> Result<(), Failure> {
    let sql = format!(
        "SELECT pipeline, stream FROM {} WHERE lower(table_name) = lower(?)",
        catalog.qualified("_spile_tables")
    );
    let owner: Option<(String, String)> = connection
        .query_row(&sql, params![table], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .or_explain("what is known of the tables could not be read")?;
    let problem = match owner {
        Some((pipeline, stream)) if pipeline != catalog.pipeline() || stream != target.stream.as_str() => {
            format!(
                "table `{table}` belongs to the stream `{stream}` of the pipeline `{pipeline}`; give this one another `table`"
            )
        }
        None if exists(connection, catalog, table)? => {
            format!("there is a table or view `{table}` that Spile did not make")
        }
        _ => return Ok(()),
    };
    Err(Failure::new(FailureKind::DestinationSchema, problem).in_stream(&target.stream))
}
