//! Column types as DuckDB has them, in both directions.

use spile_model::{ColumnType, Field};

use crate::sql::{ident, text as sql_text};

/// The DuckDB type of a column.
///
/// A type that is not fully known yet has a stand-in that holds what can be there so far: `VARCHAR[]` for lists that
/// never had an element, `JSON` for objects that never had a field.
pub(crate) fn duckdb_type(column_type: &ColumnType) -> String {
    match column_type {
        ColumnType::Null | ColumnType::Text => "VARCHAR".to_owned(),
        ColumnType::Bool => "BOOLEAN".to_owned(),
        ColumnType::Int | ColumnType::BigInt => "BIGINT".to_owned(),
        ColumnType::Float => "DOUBLE".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        ColumnType::Timestamp => "TIMESTAMP WITH TIME ZONE".to_owned(),
        ColumnType::LocalTimestamp => "TIMESTAMP".to_owned(),
        ColumnType::Date => "DATE".to_owned(),
        ColumnType::Json => "JSON".to_owned(),
        ColumnType::Struct(fields) if fields.is_empty() => "JSON".to_owned(),
        ColumnType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{} {}", ident(&field.name), duckdb_type(&field.column_type)))
                .collect();
            format!("STRUCT({})", fields.join(", "))
        }
        ColumnType::List(inner) => format!("{}[]", duckdb_type(inner)),
    }
}

/// SQL that turns `value`, of type `from`, into type `to`, which holds every value of `from`.
pub(crate) fn conversion(value: &str, from: &ColumnType, to: &ColumnType) -> String {
    use ColumnType::{Json, List, Null, Struct, Text};
    if duckdb_type(from) == duckdb_type(to) && !holds_placeholder(from) {
        return value.to_owned();
    }
    let target = duckdb_type(to);
    match (from, to) {
        (Null, _) => format!("NULL::{target}"),
        (Struct(fields), Struct(_)) if fields.is_empty() => empty_object(value, to),
        (Struct(from), Struct(to)) => convert_fields(value, from, to),
        (List(from), List(to)) => {
            let element = conversion("element", from, to);
            format!("CAST(list_transform({value}, lambda element: {element}) AS {target})")
        }
        (Json, Json) => value.to_owned(),
        (_, Json) => format!("CAST({} AS JSON)", json_text(value, from)),
        (ColumnType::Timestamp | ColumnType::LocalTimestamp | ColumnType::Date, Text) => moment_text(value, from),
        _ => format!("CAST({value} AS {target})"),
    }
}

/// Whether a type has a stand-in somewhere inside, so that equal DuckDB types may mean different things.
fn holds_placeholder(column_type: &ColumnType) -> bool {
    match column_type {
        ColumnType::Null => true,
        ColumnType::Struct(fields) => {
            fields.is_empty() || fields.iter().any(|field| holds_placeholder(&field.column_type))
        }
        ColumnType::List(inner) => holds_placeholder(inner),
        _ => false,
    }
}

fn empty_object(value: &str, to: &ColumnType) -> String {
    let ColumnType::Struct(fields) = to else { return value.to_owned() };
    if fields.is_empty() {
        return value.to_owned();
    }
    format!("CASE WHEN {value} IS NULL THEN NULL ELSE {} END", pack(fields, |_| None, ""))
}

fn convert_fields(value: &str, from: &[Field], to: &[Field]) -> String {
    let known = |field: &Field| {
        from.iter().find(|known| known.name.eq_ignore_ascii_case(&field.name)).map(|known| &known.column_type)
    };
    format!("CASE WHEN {value} IS NULL THEN NULL ELSE {} END", pack(to, known, value))
}

/// A struct of the fields `to`, each converted from what `known` says it is in `value`, or null.
fn pack<'f>(to: &[Field], known: impl Fn(&Field) -> Option<&'f ColumnType>, value: &str) -> String {
    let parts: Vec<String> = to
        .iter()
        .map(|field| {
            let inner = known(field).map_or_else(
                || format!("NULL::{}", duckdb_type(&field.column_type)),
                |from| {
                    conversion(&format!("struct_extract({value}, {})", sql_text(&field.name)), from, &field.column_type)
                },
            );
            format!("{} := {inner}", ident(&field.name))
        })
        .collect();
    format!("struct_pack({})", parts.join(", "))
}

/// SQL for the JSON text of `value`; NULL where it is NULL.
///
/// It is put together from texts because `to_json` of a struct or a list sends decimals through a double, writes moments
/// as only DuckDB does, and calls the fields as their columns are called and not as their keys were.
fn json_text(value: &str, from: &ColumnType) -> String {
    use ColumnType::{
        BigInt, Bool, Date, Decimal, Float, Int, Json, List, LocalTimestamp, Null, Struct, Text, Timestamp,
    };
    let element = |value: &str, from| format!("coalesce({}, 'null')", json_text(value, from));
    match from {
        Null => "NULL::VARCHAR".to_owned(),
        Bool | Int | BigInt | Float | Json => format!("CAST({value} AS VARCHAR)"),
        // DuckDB writes a decimal without whole digits as `.5`, which is not JSON.
        Decimal { .. } => format!("regexp_replace(CAST({value} AS VARCHAR), '^(-?)[.]', '\\10.')"),
        Text => format!("CAST(to_json({value}) AS VARCHAR)"),
        Timestamp | LocalTimestamp | Date => format!("CAST(to_json({}) AS VARCHAR)", moment_text(value, from)),
        Struct(fields) if fields.is_empty() => format!("CAST({value} AS VARCHAR)"),
        Struct(fields) => {
            let members: Vec<String> = fields
                .iter()
                .map(|field| {
                    let key = serde_json::Value::from(field.source.as_str());
                    let inner = format!("struct_extract({value}, {})", sql_text(&field.name));
                    format!("{} || {}", sql_text(&format!("{key}:")), element(&inner, &field.column_type))
                })
                .collect();
            format!("CASE WHEN {value} IS NULL THEN NULL ELSE '{{' || {} || '}}' END", members.join(" || ',' || "))
        }
        List(inner) => {
            let elements = format!("list_transform({value}, lambda element: {})", element("element", inner));
            format!("CASE WHEN {value} IS NULL THEN NULL ELSE '[' || array_to_string({elements}, ',') || ']' END")
        }
    }
}

/// ISO 8601: an instant in UTC with `Z`; fractions of a second only where there are any.
fn moment_text(value: &str, from: &ColumnType) -> String {
    match from {
        ColumnType::Date => format!("strftime({value}, '%Y-%m-%d')"),
        ColumnType::Timestamp => format!("{} || 'Z'", local_text(&format!("make_timestamp(epoch_us({value}))"))),
        _ => local_text(value),
    }
}

fn local_text(value: &str) -> String {
    format!("replace(rtrim(rtrim(strftime({value}, '%Y-%m-%dT%H:%M:%S.%f'), '0'), '.'), ' ', 'T')")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use duckdb::Connection;

    use super::*;

    /// What DuckDB makes of a value, written in SQL, on its way from one type to JSON.
    fn to_json(value: &str, from: &ColumnType) -> Option<String> {
        let sql = format!(
            "SELECT CAST({} AS VARCHAR) FROM (SELECT CAST({value} AS {}) AS v)",
            conversion("v", from, &ColumnType::Json),
            duckdb_type(from)
        );
        Connection::open_in_memory().unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn field(name: &str, source: &str, column_type: ColumnType) -> Field {
        Field { name: name.to_owned(), source: source.to_owned(), column_type }
    }

    #[test]
    fn decimals_become_json_with_every_digit_and_a_digit_before_the_point() {
        let decimal = ColumnType::Decimal { precision: 19, scale: 19 };
        assert_eq!(to_json("'0.1234567890123456789'", &decimal).as_deref(), Some("0.1234567890123456789"));
        assert_eq!(to_json("'-0.1234567890123456789'", &decimal).as_deref(), Some("-0.1234567890123456789"));
        assert_eq!(to_json("NULL", &decimal), None);
    }

    #[test]
    fn objects_and_lists_become_json_with_their_keys_and_exact_values() {
        let inner = ColumnType::Struct(vec![
            field("a_b", "a \"b\"", ColumnType::Decimal { precision: 20, scale: 19 }),
            field("at", "at", ColumnType::Date),
            field("text", "text", ColumnType::Text),
        ]);
        let list = ColumnType::List(Box::new(inner));
        let value = r#"[{'a_b': 0.1234567890123456789, 'at': DATE '2024-02-29', 'text': 'x"y'}, NULL]"#;
        let expected = r#"[{"a \"b\"":0.1234567890123456789,"at":"2024-02-29","text":"x\"y"},null]"#;
        assert_eq!(to_json(value, &list).as_deref(), Some(expected));
        assert_eq!(to_json("[]", &list).as_deref(), Some("[]"));
        assert_eq!(to_json("NULL", &list), None);
    }
}
