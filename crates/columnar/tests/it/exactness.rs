//! Values survive: the same values that a reference parser reads, whatever the order of pages.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use proptest::prelude::*;
use serde_json::{Value, json};
use spile_model::{ColumnType, Field};
use spile_plan::ShapePlan;

use crate::show::{build, builder, columns};

#[test]
fn numbers_that_no_type_holds_are_kept_as_their_text() {
    let built = build(&mut builder(ShapePlan::default()), &[r#"{"x":1E-999}"#, r#"{"x":1e400}"#, r#"{"x":1}"#]);
    assert_eq!(columns(&built), ["x json: 1E-999 | 1e400 | 1"]);
    let long = format!(r#"{{"x":{}}}"#, "1".repeat(60));
    let built = build(&mut builder(ShapePlan::default()), &[&long]);
    assert_eq!(columns(&built), [format!("x json: {}", "1".repeat(60))]);
}

#[test]
fn a_nul_in_a_text_is_kept() {
    let built = build(&mut builder(ShapePlan::default()), &[r#"{"x":"a\u0000b"}"#]);
    assert_eq!(columns(&built), ["x text: a\0b"]);
}

/// What a row says, read back from Arrow as JSON, in the terms of the column's type.
fn read_back(field: &Field, array: &arrow_array::ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match &field.column_type {
        ColumnType::Bool => json!(array.as_boolean().value(row)),
        ColumnType::Int | ColumnType::BigInt => json!(array.as_primitive::<Int64Type>().value(row)),
        ColumnType::Float => json!(array.as_primitive::<Float64Type>().value(row)),
        ColumnType::Text => json!(array.as_string::<i32>().value(row)),
        ColumnType::Json => serde_json::from_str(array.as_string::<i32>().value(row)).unwrap(),
        ColumnType::Struct(fields) if fields.is_empty() => json!({}),
        ColumnType::Struct(fields) => {
            let inner = array.as_struct();
            fields
                .iter()
                .zip(inner.columns())
                .map(|(field, column)| (field.source.clone(), read_back(field, column, row)))
                .collect()
        }
        ColumnType::List(element) => {
            let inner = array.as_list::<i32>().value(row);
            let field = Field { name: String::new(), source: String::new(), column_type: (**element).clone() };
            (0..inner.len()).map(|at| read_back(&field, &inner, at)).collect()
        }
        other => panic!("not generated: {other:?}"),
    }
}

/// Without members that are null, which a table cannot tell from absent ones, and with numbers as doubles.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, member)| !is_nothing(member))
            .map(|(key, member)| (key.clone(), canonical(member)))
            .collect(),
        Value::Array(elements) => elements.iter().map(canonical).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null()
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        (-1000_i64..1000).prop_map(|n| json!(n as f64 / 8.0)),
        "[a-z\"\\\\\n\u{e9}\u{1F600}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn any_record() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", any_value(), 0..5).prop_map(|members| members.into_iter().collect())
}

/// An all-null object inside a struct column reads back as an object of nulls: `{}`.
fn loaded_pages(pages: &[Vec<Value>]) -> Vec<Value> {
    let mut builder = builder(ShapePlan::default());
    let mut rows = Vec::new();
    for page in pages {
        let texts: Vec<String> = page.iter().map(Value::to_string).collect();
        let built = build(&mut builder, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(built.rejects.is_empty());
        let table = &built.tables[0];
        for row in 0..table.rows.num_rows() {
            let record: Value = table
                .schema
                .columns
                .iter()
                .zip(table.rows.columns())
                .filter(|(field, _)| !field.name.starts_with("_spile"))
                .map(|(field, array)| (field.source.clone(), read_back(field, array, row)))
                .collect();
            rows.push(record);
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn every_record_reads_back_as_it_was(pages in prop::collection::vec(prop::collection::vec(any_record(), 0..5), 0..4)) {
        let expected: Vec<Value> = pages.iter().flatten().map(canonical).collect();
        let loaded: Vec<Value> = loaded_pages(&pages).iter().map(canonical).collect();
        prop_assert_eq!(loaded, expected);
    }
}
