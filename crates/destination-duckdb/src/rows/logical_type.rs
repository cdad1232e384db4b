//! Column types as DuckDB's interface has them; the same types as [`duckdb_type`](crate::types::duckdb_type) writes.

use duckdb::core::{LogicalTypeHandle, LogicalTypeId};
use spile_model::ColumnType;

pub(super) fn logical_type(column_type: &ColumnType) -> LogicalTypeHandle {
    match column_type {
        ColumnType::Null | ColumnType::Text => LogicalTypeId::Varchar.into(),
        ColumnType::Bool => LogicalTypeId::Boolean.into(),
        ColumnType::Int | ColumnType::BigInt => LogicalTypeId::Bigint.into(),
        ColumnType::Float => LogicalTypeId::Double.into(),
        ColumnType::Decimal { precision, scale } => LogicalTypeHandle::decimal(*precision, *scale),
        ColumnType::Timestamp => LogicalTypeId::TimestampTZ.into(),
        ColumnType::LocalTimestamp => LogicalTypeId::Timestamp.into(),
        ColumnType::Date => LogicalTypeId::Date.into(),
        ColumnType::Json => json(),
        ColumnType::Struct(fields) if fields.is_empty() => json(),
        ColumnType::Struct(fields) => {
            let types: Vec<LogicalTypeHandle> = fields.iter().map(|field| logical_type(&field.column_type)).collect();
            let named: Vec<(&str, LogicalTypeHandle)> =
                fields.iter().map(|field| field.name.as_str()).zip(types).collect();
            LogicalTypeHandle::struct_type(&named)
        }
        ColumnType::List(inner) => LogicalTypeHandle::list(&logical_type(inner)),
    }
}

/// Text under another name; under its own, DuckDB would parse what has been checked already.
fn json() -> LogicalTypeHandle {
    let mut text = LogicalTypeHandle::from(LogicalTypeId::Varchar);
    text.set_alias("JSON");
    text
}
