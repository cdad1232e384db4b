//! Types follow the data, and what was learned is kept from page to page and from run to run.

use spile_plan::ShapePlan;

use crate::show::{build, builder, builder_knowing, columns};

fn one_page(records: &[&str]) -> Vec<String> {
    columns(&build(&mut builder(ShapePlan::default()), records))
}

#[test]
fn each_kind_of_value_gets_its_type() {
    let record = r#"{"n":null,"b":true,"i":1,"f":1.5,"d":12345678901234567890.5,"t":"2025-01-01T00:00:00Z","l":"2025-01-01 10:00:00","day":"2025-01-01","s":"x","o":{"a":1},"list":[1,2]}"#;
    assert_eq!(
        one_page(&[record]),
        [
            "b bool: true",
            "i int: 1",
            "f float: 1.5",
            "d decimal(21,1): 12345678901234567890.5",
            "t timestamp: 2025-01-01T00:00:00Z",
            "l local_timestamp: 2025-01-01T10:00:00",
            "day date: 2025-01-01",
            "s text: x",
            "o struct: {a=1}",
            "list list of int: [1,2]",
        ]
    );
}

#[test]
fn integers_and_fractions_make_a_float_column() {
    assert_eq!(one_page(&[r#"{"x":1}"#, r#"{"x":2.5}"#, r#"{"x":-3}"#]), ["x float: 1.0 | 2.5 | -3.0"]);
}

#[test]
fn an_integer_that_a_float_would_round_keeps_the_column_exact() {
    assert_eq!(one_page(&[r#"{"x":9007199254740993}"#, r#"{"x":2.5}"#]), ["x json: 9007199254740993 | 2.5"]);
}

#[test]
fn integers_beyond_64_bits_make_a_decimal_column_that_takes_fractions_exactly() {
    assert_eq!(
        one_page(&[r#"{"x":18446744073709551615}"#, r#"{"x":-1}"#, r#"{"x":0.25}"#]),
        ["x decimal(22,2): 18446744073709551615.00 | -1.00 | 0.25"]
    );
}

#[test]
fn mixed_kinds_keep_their_exact_json() {
    assert_eq!(
        one_page(&[r#"{"x":1}"#, r#"{"x":"1"}"#, r#"{"x":{"a": [1.50]}}"#, r#"{"x":null}"#]),
        [r#"x json: 1 | "1" | {"a": [1.50]} | null"#]
    );
}

#[test]
fn a_date_among_other_text_stays_text_as_it_was_written() {
    assert_eq!(
        one_page(&[r#"{"x":"2025-01-01T00:00:00+02:00"}"#, r#"{"x":"soon"}"#]),
        ["x text: 2025-01-01T00:00:00+02:00 | soon"]
    );
}

#[test]
fn nulls_before_the_first_value_are_kept() {
    assert_eq!(
        one_page(&[r#"{"a":1}"#, r#"{"a":2,"x":null}"#, r#"{"x":"late"}"#]),
        ["a int: 1 | 2 | null", "x text: null | null | late"]
    );
}

#[test]
fn objects_and_lists_widen_inside() {
    assert_eq!(
        one_page(&[r#"{"o":{"a":1}}"#, r#"{"o":{"b":{"c":"x"}}}"#, r#"{"o":null}"#, r#"{"o":{"a":1.5}}"#]),
        ["o struct: {a=1.0,b=null} | {a=null,b={c=x}} | null | {a=1.5,b=null}"]
    );
    assert_eq!(
        one_page(&[r#"{"l":[]}"#, r#"{"l":[1]}"#, r#"{"l":["a",null]}"#, r#"{"l":null}"#, r#"{}"#]),
        [r#"l list of json: [] | [1] | ["a",null] | null | null"#]
    );
}

#[test]
fn an_empty_object_and_an_empty_list_are_told_from_null() {
    assert_eq!(
        one_page(&[r#"{"o":{},"l":[]}"#, r#"{"o":null,"l":null}"#]),
        ["o struct: {} | null", "l list of null: [] | null"]
    );
}

#[test]
fn what_a_page_taught_holds_for_the_next() {
    let mut builder = builder(ShapePlan::default());
    assert_eq!(columns(&build(&mut builder, &[r#"{"x":1}"#])), ["x int: 1"]);
    assert_eq!(columns(&build(&mut builder, &[r#"{"x":1.5}"#])), ["x float: 1.5"]);
    assert_eq!(columns(&build(&mut builder, &[r#"{"x":2}"#])), ["x float: 2.0"]);
    assert_eq!(columns(&build(&mut builder, &["{}"])), ["x float: null"]);
}

#[test]
fn what_a_run_learned_holds_for_the_next_run() {
    let records = [r#"{"First Name":"a","o":{"x":1},"l":[],"first_name":2}"#];
    let first = build(&mut builder(ShapePlan::default()), &records);
    let json = serde_json::to_string(&*first.record_schema).unwrap();
    let known = serde_json::from_str(&json).unwrap();
    let mut again = builder_knowing(ShapePlan::default(), &known);
    let built = build(&mut again, &[r#"{"first_name":3,"First Name":null}"#]);
    assert_eq!(
        columns(&built),
        ["First_Name text: null", "o struct: null", "l list of null: null", "first_name_2 int: 3"]
    );
}

#[test]
fn a_page_without_records_has_no_rows() {
    let mut builder = builder(ShapePlan::default());
    assert_eq!(build(&mut builder, &[]).rows, 0);
    build(&mut builder, &[r#"{"x":1}"#]);
    assert_eq!(columns(&build(&mut builder, &[])), ["x int: "]);
}
