//! The story of a page: each record is put into the columns or refused, and if a column turned out to be too narrow
//! the page is put in again.

use std::ops::Range;
use std::sync::Arc;

use spile_model::{ColumnType, CursorValue, Field, Page, Reject, RunId, TableSchema};
use spile_plan::{Lists, Nested, ShapePlan, StreamPlan, WriteMode};

use crate::column::{Context, Refusal};
use crate::cursor::{self, CursorSummary};
use crate::emit::{Emitter, TableBatch};
use crate::json::Json;
use crate::name::{Names, SEPARATOR};
use crate::record::RecordBuilder;

/// Row numbers of a run start at its number shifted so far: 2^34 rows for each of 2^29 runs.
const ROW_NUMBER_BITS: u32 = 34;

/// Builds the rows of one stream during one run.
pub struct TableBuilder {
    table: String,
    shape: ShapePlan,
    run: RunId,
    cursor: Option<String>,
    /// Keys without which a record is refused.
    required: Vec<String>,
    root: RecordBuilder,
    names: Names,
    columns: usize,
    next_row: i64,
}

/// Whether a record is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// It becomes a row.
    Load,
    /// The table has it already; it is left out and counted.
    Known,
}

/// What a part of a page became.
#[derive(Debug)]
pub struct Built {
    /// The rows: the stream's own table, then its child tables, each behind its parent.
    pub tables: Vec<TableBatch>,
    /// What is known of the records by now.
    pub record_schema: Arc<TableSchema>,
    /// Records that did not fit, and those that could not be kept whole.
    pub rejects: Vec<Reject>,
    /// Rows of the stream's own table.
    pub rows: u64,
    /// Records left out because the table has them.
    pub known: u64,
    /// Their cursor values; `None` where no row has one.
    pub cursor: Option<CursorSummary>,
    /// Rows that have no cursor value, or one of a type that cannot be a cursor.
    pub without_cursor: u64,
    /// The type of the cursor's column, where it cannot be a cursor.
    pub unusable_cursor: Option<String>,
}

impl TableBuilder {
    /// A builder that starts from what is known of the stream's records, so that its rows fit their table.
    pub fn new(stream: &StreamPlan, run: RunId, known: Option<&TableSchema>) -> Self {
        let shape = stream.shape.clone();
        let known = known.map(|schema| adapted(&schema.columns, &shape, true)).unwrap_or_default();
        let mut names = Names::of_table();
        let columns = register(&known, "", &mut names);
        let mut root = RecordBuilder::root(&known);
        for (key, column_type) in &shape.columns {
            root.declare(key, column_type);
        }
        let required = if stream.write == WriteMode::Merge { stream.primary_key.clone() } else { Vec::new() };
        Self {
            table: stream.table.clone(),
            cursor: stream.cursor.as_ref().map(|cursor| cursor.field.clone()),
            next_row: run.0 << ROW_NUMBER_BITS,
            shape,
            run,
            required,
            root,
            names,
            columns,
        }
    }

    /// Builds some of a page's records (see [`Page::parts`]). `admit` decides on each record by its cursor value and
    /// text; it may be asked twice about the same record. The page's own rejects come with its first part.
    pub fn build(&mut self, page: &Page, part: Range<usize>, admit: &dyn Fn(&CursorValue, &[u8]) -> Admit) -> Built {
        let mut built = loop {
            let (built, widened) = self.put_all(page, part.clone(), admit);
            if !widened {
                break built;
            }
            self.root.restart();
        };
        if part.start == 0 {
            built.rejects.extend(page.rejects.iter().cloned());
        }
        built
    }

    fn put_all(
        &mut self,
        page: &Page,
        part: Range<usize>,
        admit: &dyn Fn(&CursorValue, &[u8]) -> Admit,
    ) -> (Built, bool) {
        let mut context = Context {
            shape: &self.shape,
            names: std::mem::take(&mut self.names),
            flatten: self.shape.nested == Nested::Flatten,
            prefix: String::new(),
            columns: self.columns,
            widened: false,
            altered: Vec::new(),
            surrogate: false,
        };
        let mut rejects = Vec::new();
        let mut records = Vec::with_capacity(part.len());
        let mut known = 0;
        for index in part {
            let text = page.record(index);
            match put(&mut self.root, text, &self.required, &mut context) {
                Err(reason) => {
                    self.root.truncate(records.len());
                    rejects.push(reject(&reason, text, false));
                    context.altered.clear();
                    context.surrogate = false;
                }
                Ok(()) if is_known(&self.root, self.cursor.as_deref(), text, admit) => {
                    self.root.truncate(records.len());
                    known += 1;
                    context.altered.clear();
                    context.surrogate = false;
                }
                Ok(()) => {
                    records.push(index);
                    note_altered(&mut context, text, &mut rejects);
                }
            }
        }
        let widened = context.widened;
        (self.names, self.columns) = (context.names, context.columns);
        let built = if widened { Built::nothing() } else { self.emit(page, &records, rejects, known) };
        (built, widened)
    }

    fn emit(&mut self, page: &Page, records: &[usize], rejects: Vec<Reject>, known: u64) -> Built {
        let column = self.cursor.as_ref().and_then(|key| self.root.column(key));
        let (cursor, without_cursor) = match self.cursor {
            Some(_) => cursor::summarise(column, records),
            None => (None, 0),
        };
        let cursor_type = column.map(crate::column::Column::column_type);
        let mut emitter = Emitter {
            shape: &self.shape,
            run: self.run.0,
            at: page.received_at.as_microsecond(),
            next_row: &mut self.next_row,
            tables: Vec::new(),
        };
        emitter.record(&mut self.root, &self.table);
        Built {
            tables: emitter.tables,
            record_schema: Arc::new(TableSchema { columns: self.root.schema() }),
            rejects,
            rows: records.len() as u64,
            known,
            cursor,
            without_cursor,
            unusable_cursor: cursor_type.filter(|known| !can_be_cursor(known)).map(|known| known.describe()),
        }
    }
}

impl Built {
    fn nothing() -> Self {
        Self {
            tables: Vec::new(),
            record_schema: Arc::default(),
            rejects: Vec::new(),
            rows: 0,
            known: 0,
            cursor: None,
            without_cursor: 0,
            unusable_cursor: None,
        }
    }
}

fn put(root: &mut RecordBuilder, text: &[u8], required: &[String], context: &mut Context<'_>) -> Result<(), Refusal> {
    let mut json = Json::new(text);
    if json.peek() != b'{' {
        return Err("a record must be a JSON object".into());
    }
    let row = root.rows;
    root.put(&mut json, context, 0)?;
    for key in required {
        if !root.column(key).is_some_and(|column| column.is_valid(row) || context.widened) {
            return Err(format!("its primary key `{key}` is missing or null").into());
        }
    }
    Ok(())
}

fn is_known(
    root: &RecordBuilder,
    cursor: Option<&str>,
    text: &[u8],
    admit: &dyn Fn(&CursorValue, &[u8]) -> Admit,
) -> bool {
    let value = cursor.and_then(|key| root.column(key)).and_then(|column| column.cursor_value(root.rows - 1));
    value.is_some_and(|value| admit(&value, text) == Admit::Known)
}

/// A row that could not keep all of its record is loaded, and the whole record is kept beside it.
fn note_altered(context: &mut Context<'_>, text: &[u8], rejects: &mut Vec<Reject>) {
    if std::mem::take(&mut context.surrogate) {
        context
            .altered
            .push("a text holds half of a surrogate pair, which no text can; it was loaded as its escape".to_owned());
    }
    if !context.altered.is_empty() {
        rejects.push(reject(&std::mem::take(&mut context.altered).join("; "), text, true));
    }
}

fn reject(reason: &str, text: &[u8], loaded: bool) -> Reject {
    Reject { reason: reason.to_owned(), record: String::from_utf8_lossy(text).into_owned(), loaded }
}

fn can_be_cursor(column_type: &ColumnType) -> bool {
    use ColumnType::{BigInt, Date, Int, LocalTimestamp, Null, Text, Timestamp};
    matches!(column_type, Null | Int | BigInt | Timestamp | LocalTimestamp | Date | Text)
}

/// What is known, under the present shape: what is kept as JSON from now on is JSON.
fn adapted(fields: &[Field], shape: &ShapePlan, root: bool) -> Vec<Field> {
    let adapt = |field: &Field| {
        let declared = root.then(|| shape.columns.get(&field.source)).flatten();
        let column_type = declared.cloned().unwrap_or_else(|| adapted_type(&field.column_type, shape));
        Field { column_type, ..field.clone() }
    };
    fields.iter().map(adapt).collect()
}

fn adapted_type(column_type: &ColumnType, shape: &ShapePlan) -> ColumnType {
    match column_type {
        ColumnType::Struct(_) if shape.nested == Nested::Json => ColumnType::Json,
        ColumnType::List(_) if shape.lists == Lists::Json => ColumnType::Json,
        ColumnType::Struct(fields) => ColumnType::Struct(adapted(fields, shape, false)),
        ColumnType::List(inner) => ColumnType::List(Box::new(adapted_type(inner, shape))),
        other => other.clone(),
    }
}

/// Takes the names that flattened columns have, and counts columns.
fn register(fields: &[Field], prefix: &str, names: &mut Names) -> usize {
    fields
        .iter()
        .map(|field| {
            let name = format!("{prefix}{}", field.name);
            names.take(&name);
            match &field.column_type {
                ColumnType::Struct(inner) => 1 + register(inner, &format!("{name}{SEPARATOR}"), names),
                _ => 1,
            }
        })
        .sum()
}
