//! Builders to Arrow: the columns of a page leave as record batches, by table, and the builders are empty again.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field as ArrowField, Fields, Schema, TimeUnit};
use spile_model::{ColumnType, Field, TableSchema};
use spile_plan::{Lists, Nested, ShapePlan};

use crate::column::{Column, Data, ListData};
use crate::name::{SEPARATOR, child_table};
use crate::record::RecordBuilder;
use crate::{AT_COLUMN, INDEX_COLUMN, PARENT_COLUMN, ROW_COLUMN, RUN_COLUMN, VALUE_COLUMN};

/// The rows of one table.
#[derive(Clone, Debug)]
pub struct TableBatch {
    /// The table's name.
    pub table: String,
    /// The table that it is a child of, if it holds the lists of another's rows.
    pub parent: Option<String>,
    /// Its columns, those of Spile included, in the order of `rows`. None is of type [`ColumnType::Null`].
    pub schema: TableSchema,
    /// The rows; each column has the type that [`arrow_type`] tells.
    pub rows: RecordBatch,
}

/// The Arrow type in which a column of that type travels.
///
/// What has no type of its own yet travels as text: the elements of a list that never held one, and an object that
/// never had a field (always `{}`).
pub fn arrow_type(column_type: &ColumnType) -> DataType {
    match column_type {
        ColumnType::Null | ColumnType::Text | ColumnType::Json => DataType::Utf8,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int | ColumnType::BigInt => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(*precision, scale.cast_signed()),
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::LocalTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Date => DataType::Date32,
        ColumnType::Struct(fields) if fields.is_empty() => DataType::Utf8,
        ColumnType::Struct(fields) => DataType::Struct(fields.iter().map(arrow_field).collect()),
        ColumnType::List(inner) => DataType::List(list_field(inner)),
    }
}

fn arrow_field(field: &Field) -> ArrowField {
    ArrowField::new(&field.name, arrow_type(&field.column_type), true)
}

fn list_field(inner: &ColumnType) -> Arc<ArrowField> {
    Arc::new(ArrowField::new("item", arrow_type(inner), true))
}

/// Takes the rows out of the builders.
pub(crate) struct Emitter<'a> {
    pub(crate) shape: &'a ShapePlan,
    pub(crate) run: i64,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    /// The number of the next row, for tables with children.
    pub(crate) next_row: &'a mut i64,
    pub(crate) tables: Vec<TableBatch>,
}

type NamedColumn = (Field, ArrayRef);

/// The rows that a builder's columns belong to, where lists become tables of their own.
struct Owner<'o> {
    table: &'o str,
    rows: &'o [i64],
}

impl Emitter<'_> {
    /// The stream's own table, and behind it those of its lists.
    pub(crate) fn record(&mut self, record: &mut RecordBuilder, table: &str) {
        let rows = record.rows;
        let numbers = self.row_numbers(rows);
        let place = self.reserve();
        let flatten = self.shape.nested == Nested::Flatten;
        let columns = self.fields(record, rows, flatten, "", "", &Owner { table, rows: &numbers });
        self.tables[place] = self.table(table, None, rows, columns, numbers);
    }

    /// Numbers for `count` rows; none where no table needs them.
    fn row_numbers(&mut self, count: usize) -> Vec<i64> {
        if self.shape.lists != Lists::ChildTables {
            return Vec::new();
        }
        let first = *self.next_row;
        *self.next_row += i64::try_from(count).unwrap_or(i64::MAX);
        (first..*self.next_row).collect()
    }

    /// Parents stand before their children: a place is kept while the children are made.
    fn reserve(&mut self) -> usize {
        self.tables.push(TableBatch {
            table: String::new(),
            parent: None,
            schema: TableSchema::default(),
            rows: RecordBatch::new_empty(Arc::new(Schema::empty())),
        });
        self.tables.len() - 1
    }

    fn fields(
        &mut self,
        record: &mut RecordBuilder,
        rows: usize,
        flatten: bool,
        prefix: &str,
        path: &str,
        owner: &Owner<'_>,
    ) -> Vec<NamedColumn> {
        record.rows = 0;
        let mut columns = Vec::with_capacity(record.slots.len());
        for slot in &mut record.slots {
            let path = if path.is_empty() { slot.name.clone() } else { format!("{path}{SEPARATOR}{}", slot.name) };
            slot.column.pad(rows);
            if let (true, Data::Struct(inner)) = (flatten, &mut slot.column.data) {
                slot.column.nulls.finish();
                let prefix = format!("{prefix}{}{SEPARATOR}", slot.name);
                columns.extend(self.fields(inner, rows, true, &prefix, &path, owner));
            } else if let Some((column_type, array)) = self.column(&mut slot.column, rows, &path, owner) {
                let name = format!("{prefix}{}", slot.name);
                columns.push((Field { name, source: slot.source.to_string(), column_type }, array));
            }
        }
        columns
    }

    /// A column's values; `None` where they have no type yet or go to a table of their own.
    fn column(
        &mut self,
        column: &mut Column,
        rows: usize,
        path: &str,
        owner: &Owner<'_>,
    ) -> Option<(ColumnType, ArrayRef)> {
        let nulls = column.nulls.finish();
        let mut column_type = column.data.column_type();
        let array: ArrayRef = match &mut column.data {
            Data::Null => return None,
            Data::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Data::Int { values, .. } => Arc::new(Int64Array::new(take(values), nulls)),
            Data::Float(values) => Arc::new(Float64Array::new(take(values), nulls)),
            Data::Decimal { values, .. } => {
                Arc::new(Decimal128Array::new(take(values), nulls).with_data_type(arrow_type(&column_type)))
            }
            Data::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::new(take(values), nulls).with_timezone("UTC"))
            }
            Data::LocalTimestamp(values) => Arc::new(TimestampMicrosecondArray::new(take(values), nulls)),
            Data::Date(values) => Arc::new(Date32Array::new(take(values), nulls)),
            Data::Text(texts) | Data::Json(texts) => Arc::new(texts.take(nulls)),
            Data::Struct(record) => {
                let columns = self.fields(record, rows, false, "", path, owner);
                if columns.is_empty() && !record.slots.is_empty() && self.shape.lists == Lists::ChildTables {
                    return None; // only lists, which went to their tables
                }
                let fields = columns.iter().map(|(field, _)| field.clone()).collect();
                column_type = ColumnType::Struct(fields);
                objects(columns, rows, nulls)
            }
            Data::List(list) if self.shape.lists == Lists::ChildTables => {
                self.child_table(list, path, owner);
                return None;
            }
            Data::List(list) => {
                let (inner, array) = self.list(list, path, owner, nulls);
                column_type = ColumnType::List(Box::new(inner));
                array
            }
        };
        Some((column_type, array))
    }

    fn list(
        &mut self,
        list: &mut ListData,
        path: &str,
        owner: &Owner<'_>,
        nulls: Option<NullBuffer>,
    ) -> (ColumnType, ArrayRef) {
        let count = list.child.len();
        let (inner, values) = self
            .column(&mut list.child, count, path, owner)
            .unwrap_or_else(|| (ColumnType::Null, Arc::new(StringArray::new_null(count))));
        let offsets = offsets(&mut list.ends);
        let array = ListArray::new(list_field(&inner), offsets, values, nulls);
        (inner, Arc::new(array))
    }

    /// The table of a list's elements: one row each, with its parent's number and its place in the list.
    fn child_table(&mut self, list: &mut ListData, path: &str, owner: &Owner<'_>) {
        let name = child_table(owner.table, path);
        let count = list.child.len();
        let (mut parents, mut places) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let offsets = offsets(&mut list.ends);
        for (&parent, length) in owner.rows.iter().zip(offsets.lengths()) {
            parents.resize(parents.len() + length, parent);
            places.extend((0_i64..).take(length));
        }
        let numbers = self.row_numbers(count);
        let place = self.reserve();
        let own = Owner { table: &name, rows: &numbers };
        let mut columns = match &mut list.child.data {
            Data::Struct(record) => {
                list.child.nulls.finish();
                self.fields(record, count, self.shape.nested == Nested::Flatten, "", "", &own)
            }
            _ => self
                .column(&mut list.child, count, VALUE_COLUMN, &own)
                .map(|(column_type, array)| (own_field(VALUE_COLUMN, column_type), array))
                .into_iter()
                .collect(),
        };
        columns.push((own_field(PARENT_COLUMN, ColumnType::BigInt), Arc::new(Int64Array::from(parents))));
        columns.push((own_field(INDEX_COLUMN, ColumnType::BigInt), Arc::new(Int64Array::from(places))));
        self.tables[place] = self.table(&name, Some(owner.table), count, columns, numbers);
    }

    fn table(
        &self,
        name: &str,
        parent: Option<&str>,
        rows: usize,
        mut columns: Vec<NamedColumn>,
        numbers: Vec<i64>,
    ) -> TableBatch {
        if self.shape.lists == Lists::ChildTables {
            columns.push((own_field(ROW_COLUMN, ColumnType::BigInt), Arc::new(Int64Array::from(numbers))));
        }
        columns.push((own_field(RUN_COLUMN, ColumnType::BigInt), Arc::new(Int64Array::from(vec![self.run; rows]))));
        let at = TimestampMicrosecondArray::from(vec![self.at; rows]).with_timezone("UTC");
        columns.push((own_field(AT_COLUMN, ColumnType::Timestamp), Arc::new(at)));
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        let schema = Arc::new(Schema::new(fields.iter().map(arrow_field).collect::<Fields>()));
        let rows = RecordBatch::try_new(schema, arrays).expect("every column was padded to the rows of its table");
        TableBatch {
            table: name.to_owned(),
            parent: parent.map(ToOwned::to_owned),
            schema: TableSchema { columns: fields },
            rows,
        }
    }
}

fn own_field(name: &str, column_type: ColumnType) -> Field {
    Field { name: name.to_owned(), source: name.to_owned(), column_type }
}

/// Objects with these columns; without any, the text `{}`.
fn objects(columns: Vec<NamedColumn>, rows: usize, nulls: Option<NullBuffer>) -> ArrayRef {
    if columns.is_empty() {
        let present = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then_some("{}");
        return Arc::new((0..rows).map(present).collect::<StringArray>());
    }
    let (fields, arrays): (Vec<ArrowField>, Vec<ArrayRef>) =
        columns.into_iter().map(|(field, array)| (arrow_field(&field), array)).unzip();
    Arc::new(StructArray::new(fields.into(), arrays, nulls))
}

/// The values as a buffer; the builder keeps room for as many again.
fn take<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let next = Vec::with_capacity(values.len());
    ScalarBuffer::from(std::mem::replace(values, next))
}

fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let offsets: Vec<i32> = std::iter::once(0).chain(ends.drain(..)).collect();
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}
