//! Pages in, rows out as readable text.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use bytes::Bytes;
use spile_columnar::{Admit, Built, TableBatch, TableBuilder};
use spile_model::cursor::{show_date, show_local_timestamp, show_timestamp};
use spile_model::{Page, PartitionKey, RunId, StreamName, TableSchema};
use spile_plan::{ShapePlan, StreamPlan};

/// A stream `items` of that shape.
pub(crate) fn stream(shape: ShapePlan) -> StreamPlan {
    StreamPlan { shape, ..spile_testkit::plan::stream("items") }
}

pub(crate) fn builder(shape: ShapePlan) -> TableBuilder {
    TableBuilder::new(&stream(shape), RunId(1), None)
}

pub(crate) fn builder_knowing(shape: ShapePlan, known: &TableSchema) -> TableBuilder {
    TableBuilder::new(&stream(shape), RunId(2), Some(known))
}

/// A page of these records.
pub(crate) fn page(records: &[&str]) -> Page {
    let mut body = String::from("[");
    let mut ranges = Vec::new();
    for record in records {
        let start = u32::try_from(body.len()).unwrap();
        body.push_str(record);
        ranges.push(start..u32::try_from(body.len()).unwrap());
        body.push(',');
    }
    Page {
        stream: StreamName::new("items"),
        partition: PartitionKey::whole(),
        number: 1,
        request: "GET /items".into(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        body: Bytes::from(body),
        records: ranges,
        rejects: Vec::new(),
        last: true,
        answer: None,
        unchanged: false,
    }
}

pub(crate) fn build(builder: &mut TableBuilder, records: &[&str]) -> Built {
    let page = page(records);
    builder.build(&page, 0..records.len(), &|_, _| Admit::Load)
}

/// The columns of the stream's own table as `name type: values`, without Spile's.
pub(crate) fn columns(built: &Built) -> Vec<String> {
    table(&built.tables[0])
}

/// The columns of a table as `name type: values`, without `_spile_run` and `_spile_at`.
pub(crate) fn table(batch: &TableBatch) -> Vec<String> {
    let own = |name: &str| name == "_spile_run" || name == "_spile_at";
    let columns = batch.schema.columns.iter().zip(batch.rows.columns());
    columns
        .filter(|(field, _)| !own(&field.name))
        .map(|(field, array)| {
            assert_eq!(*array.data_type(), spile_columnar::arrow_type(&field.column_type), "{}", field.name);
            let values: Vec<String> = (0..array.len()).map(|row| value(array, row)).collect();
            format!("{} {}: {}", field.name, field.column_type.describe(), values.join(" | "))
        })
        .collect()
}

fn value(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Timestamp(_, Some(_)) => show_timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Timestamp(_, None) => {
            show_local_timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Date32 => show_date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Struct(fields) => {
            let record = array.as_struct();
            let shown = fields
                .iter()
                .zip(record.columns())
                .map(|(field, column)| format!("{}={}", field.name(), value(column, row)));
            format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
        }
        DataType::List(_) => {
            let inner = array.as_list::<i32>().value(row);
            let shown: Vec<String> = (0..inner.len()).map(|at| value(&inner, at)).collect();
            format!("[{}]", shown.join(","))
        }
        other => panic!("no such column type is built: {other}"),
    }
}
