//! Arrow to JSON: the rows of a batch as a person would write them.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, StructArray};
use serde_json::{Value, json};
use spile_columnar::TableBatch;
use spile_model::cursor::show_date;
use spile_model::{ColumnType, Field};

use super::store::Row;

pub(super) fn rows(batch: &TableBatch) -> Vec<Row> {
    let columns = &batch.schema.columns;
    let row = |index| {
        let cells = columns.iter().zip(batch.rows.columns());
        cells.map(|(field, array)| (field.name.clone(), cell(array.as_ref(), &field.column_type, index))).collect()
    };
    (0..batch.rows.num_rows()).map(row).collect()
}

fn cell(array: &dyn Array, column_type: &ColumnType, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match column_type {
        ColumnType::Null => Value::Null,
        ColumnType::Bool => json!(array.as_boolean().value(row)),
        ColumnType::Int | ColumnType::BigInt => json!(array.as_primitive::<Int64Type>().value(row)),
        ColumnType::Float => json!(array.as_primitive::<Float64Type>().value(row)),
        ColumnType::Decimal { .. } => json!(array.as_primitive::<Decimal128Type>().value_as_string(row)),
        ColumnType::Timestamp => json!(time(array.as_primitive::<TimestampMicrosecondType>().value(row)) + "Z"),
        ColumnType::LocalTimestamp => json!(time(array.as_primitive::<TimestampMicrosecondType>().value(row))),
        ColumnType::Date => json!(show_date(array.as_primitive::<Date32Type>().value(row))),
        ColumnType::Text => json!(array.as_string::<i32>().value(row)),
        ColumnType::Json => json_text(array.as_string::<i32>().value(row)),
        ColumnType::Struct(fields) if fields.is_empty() => json!({}),
        ColumnType::Struct(fields) => object(array.as_struct(), fields, row),
        ColumnType::List(inner) => {
            let elements = array.as_list::<i32>().value(row);
            (0..elements.len()).map(|index| cell(elements.as_ref(), inner, index)).collect()
        }
    }
}

/// ISO 8601 without a zone. Not by `jiff::Timestamp`, which ends a day before the year 9999 does.
fn time(micros: i64) -> String {
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let at = epoch.checked_add(jiff::SignedDuration::from_micros(micros));
    at.map_or_else(|_| format!("{micros} microseconds"), |at| at.to_string())
}

fn object(array: &StructArray, fields: &[Field], row: usize) -> Value {
    let cells = fields.iter().zip(array.columns());
    Value::Object(
        cells.map(|(field, array)| (field.name.clone(), cell(array.as_ref(), &field.column_type, row))).collect(),
    )
}

/// The value that JSON text says; the text itself where a value cannot hold it (a number beyond doubles).
fn json_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}
