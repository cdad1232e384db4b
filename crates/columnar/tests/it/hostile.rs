//! One bad record never costs its page, and no input breaks the room.

use std::num::NonZeroUsize;

use proptest::prelude::*;
use spile_columnar::{Admit, TableBuilder};
use spile_model::{ColumnType, CursorValue, RunId};
use spile_plan::{CursorOrder, CursorPlan, Lookback, ShapePlan, WriteMode};

use crate::show::{build, builder, columns, page, stream};

#[test]
fn what_is_not_an_object_is_rejected_and_the_rest_stays() {
    let built = build(&mut builder(ShapePlan::default()), &[r#"{"x":1}"#, "5", "[1]", "null", r#"{"x":2}"#]);
    assert_eq!(columns(&built), ["x int: 1 | 2"]);
    assert_eq!(built.rejects.len(), 3);
    assert_eq!(built.rejects[0].reason, "a record must be a JSON object");
    assert_eq!(built.rejects[0].record, "5");
}

#[test]
fn a_duplicate_key_loads_the_last_value_and_keeps_the_record() {
    let built = build(&mut builder(ShapePlan::default()), &[r#"{"x":1,"x":2}"#, r#"{"x":3}"#]);
    assert_eq!(columns(&built), ["x int: 2 | 3"]);
    assert_eq!(built.rejects.len(), 1);
    assert!(built.rejects[0].loaded);
    assert_eq!(built.rejects[0].reason, "the key `x` occurs more than once; its last value was loaded");
    assert_eq!(built.rejects[0].record, r#"{"x":1,"x":2}"#);
}

#[test]
fn a_duplicate_key_inside_objects_and_lists_is_seen_too() {
    let built = build(&mut builder(ShapePlan::default()), &[r#"{"o":[{"x":1,"x":2}]}"#, r#"{"o":{"a":1},"o":[]}"#]);
    assert_eq!(columns(&built), [r#"o json: [{"x":1,"x":2}] | []"#]);
    assert_eq!(built.rejects.len(), 1, "the first is kept whole as JSON: {:?}", built.rejects);
}

#[test]
fn a_lone_surrogate_is_loaded_as_its_escape_and_kept() {
    let built = build(&mut builder(ShapePlan::default()), &[r#"{"x":"\ud800"}"#]);
    assert_eq!(columns(&built), [r"x text: \ud800"]);
    assert!(built.rejects[0].loaded && built.rejects[0].reason.contains("surrogate"));
}

#[test]
fn a_merge_refuses_records_without_their_key() {
    let mut plan = stream(ShapePlan::default());
    plan.write = WriteMode::Merge;
    plan.primary_key = vec!["id".to_owned()];
    let mut builder = TableBuilder::new(&plan, RunId(1), None);
    let built = build(&mut builder, &[r#"{"x":1}"#, r#"{"id":null}"#, r#"{"id":1,"x":2}"#]);
    assert_eq!(columns(&built), ["x int: 2", "id int: 1"]);
    assert_eq!(built.rejects[0].reason, "its primary key `id` is missing or null");
    assert_eq!(built.rejects.len(), 2);
}

#[test]
fn too_many_columns_reject_the_record_that_brings_them() {
    let shape = ShapePlan { max_columns: NonZeroUsize::new(3).unwrap(), ..ShapePlan::default() };
    let built = build(&mut builder(shape), &[r#"{"a":1,"b":2}"#, r#"{"a":9,"c":1,"d":1,"e":1}"#, r#"{"b":3}"#]);
    assert_eq!(columns(&built), ["a int: 1 | null", "b int: 2 | 3", "c int: null | null"]);
    assert!(built.rejects[0].reason.contains("beyond 3 columns"), "{}", built.rejects[0].reason);
}

#[test]
fn a_refused_record_leaves_nothing_behind_in_nested_columns() {
    let shape = ShapePlan { max_columns: NonZeroUsize::new(4).unwrap(), ..ShapePlan::default() };
    let built = build(
        &mut builder(shape),
        &[r#"{"l":[1],"o":{"x":1}}"#, r#"{"l":[2,3],"o":{"x":2,"y":1,"z":1}}"#, r#"{"l":[4],"o":{"x":3}}"#],
    );
    assert_eq!(columns(&built), ["l list of int: [1] | [4]", "o struct: {x=1,y=null} | {x=3,y=null}"]);
}

#[test]
fn nesting_beyond_the_limit_stays_json() {
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let shape = ShapePlan { max_depth: NonZeroUsize::new(2).unwrap(), ..ShapePlan::default() };
    let built = build(&mut builder(shape), &[&deep]);
    assert!(columns(&built)[0].starts_with("x list of list of json: [[[[["), "{}", &columns(&built)[0][..40]);
}

#[test]
fn a_declared_type_takes_what_clearly_is_one_and_rejects_the_rest() {
    let mut shape = ShapePlan::default();
    shape.columns.insert("price".to_owned(), ColumnType::Decimal { precision: 10, scale: 2 });
    shape.columns.insert("note".to_owned(), ColumnType::Text);
    shape.columns.insert("at".to_owned(), ColumnType::Timestamp);
    let built = build(
        &mut builder(shape),
        &[
            r#"{"price":"12.50","note":5,"at":"2025-01-01"}"#,
            r#"{"price":0.1,"note":{"a":1},"at":null}"#,
            r#"{"price":1.234}"#,
            r#"{"price":"12,50"}"#,
            r#"{"at":"later"}"#,
        ],
    );
    assert_eq!(
        columns(&built),
        ["price decimal(10,2): 12.50 | 0.10", r#"note text: 5 | {"a":1}"#, "at timestamp: 2025-01-01T00:00:00Z | null",]
    );
    let reasons: Vec<&str> = built.rejects.iter().map(|reject| reject.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "1.234 is not a value of the declared type decimal(10,2)",
            r#""12,50" is not a value of the declared type decimal(10,2)"#,
            r#""later" is not a value of the declared type timestamp"#,
        ]
    );
}

fn incremental() -> TableBuilder {
    let mut plan = stream(ShapePlan::default());
    plan.cursor = Some(CursorPlan {
        field: "at".to_owned(),
        inject: None,
        format: None,
        start: None,
        lookback: Lookback::None,
        order: CursorOrder::Unordered,
    });
    TableBuilder::new(&plan, RunId(1), None)
}

#[test]
fn the_cursor_of_a_page_is_summed_up() {
    let built =
        build(&mut incremental(), &[r#"{"at":3}"#, r#"{"at":5}"#, r#"{"at":null}"#, r#"{"at":1}"#, r#"{"at":5}"#]);
    let summary = built.cursor.unwrap();
    assert_eq!((summary.min, summary.max), (CursorValue::Int(1), CursorValue::Int(5)));
    assert_eq!(summary.at_max, [1, 4]);
    assert!(!summary.ascending);
    assert_eq!(built.without_cursor, 1);
    let built = build(&mut incremental(), &[r#"{"at":1.5}"#]);
    assert_eq!(built.unusable_cursor.as_deref(), Some("float"));
}

#[test]
fn records_that_the_table_has_are_left_out() {
    let records = [r#"{"at":1}"#, r#"{"at":2}"#, r#"{"at":"x"}"#];
    let admit = |value: &CursorValue, _: &[u8]| if *value < CursorValue::Int(2) { Admit::Known } else { Admit::Load };
    let built = incremental().build(&page(&records[..2]), 0..2, &admit);
    assert_eq!((built.rows, built.known), (1, 1));
    assert_eq!(columns(&built), ["at int: 2"]);
}

proptest! {
    #[test]
    fn no_text_breaks_the_builder(records in prop::collection::vec("[\\[\\]{}\":,a0-9.eE+ntf\\\\u \\-]{0,40}", 0..6)) {
        let mut builder = builder(ShapePlan::default());
        let texts: Vec<&str> = records.iter().map(String::as_str).collect();
        build(&mut builder, &texts);
        build(&mut builder, &[r#"{"sound":1}"#]);
    }
}
