//! Tables grow with what arrives: new columns, wider types, also inside structs and lists; no value is lost on the way.

use serde_json::{Value, json};
use spile_model::ColumnType;

use super::session::{Session, Stream, stream, up_to};
use super::{Subject, table};

/// Writes each list of records in a run of its own.
async fn runs(subject: &dyn Subject, stream: &Stream, batches: &[Value]) {
    for (cursor, records) in (1..).zip(batches) {
        Session::whole_run(subject, stream, records.clone(), cursor).await;
    }
}

/// In one run and in the next.
pub async fn new_columns_are_added_and_old_rows_have_nulls_in_them(subject: &dyn Subject) {
    let items = stream("items");
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    writing.write(json!([{"id": 1}]), up_to(1)).await.expect("records can be written");
    writing.write(json!([{"id": 2, "a": "x"}]), up_to(2)).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;
    Session::whole_run(subject, &items, json!([{"b": true, "id": 3}]), 3).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.only(&["id", "a", "b"]), json!([[1, null, null], [2, "x", null], [3, null, true]]));
}

/// Integers become doubles, big integers and decimals without being rounded.
pub async fn numbers_widen_and_keep_their_values(subject: &dyn Subject) {
    let big = 9_223_372_036_854_775_807_i64;
    let huge: Value = serde_json::from_str("18446744073709551615").expect("u64::MAX is JSON");
    let batches = [
        json!([{"id": 1, "float": 1, "big": 1, "decimal": 2}]),
        json!([{"id": 2, "float": 1.5, "big": big, "decimal": huge}]),
    ];
    runs(subject, &stream("items"), &batches).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.only(&["id", "float", "big"]), json!([[1, 1, 1], [2, 1.5, big]]));
    let decimals = rows.only(&["decimal"]);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let mut decimals: Vec<String> = decimals.as_array().into_iter().flatten().map(|row| text(&row[0])).collect();
    decimals.sort();
    assert_eq!(decimals, ["18446744073709551615", "2"]);
}

/// What was there is spelled out.
pub async fn times_become_text_and_anything_becomes_json(subject: &dyn Subject) {
    let time = "2024-01-31T10:00:00Z";
    let batches = [
        json!([{"id": 1, "time": time, "text": "say \"hi\"", "flag": true, "object": {"a": 1}, "list": [1, 2]}]),
        json!([{"id": 2, "time": "soon", "text": 5, "flag": "yes", "object": "none", "list": "none"}]),
    ];
    runs(subject, &stream("items"), &batches).await;
    let rows = table(subject, "items").await.only(&["id", "time", "text", "flag", "object", "list"]);
    assert_eq!(rows[0], json!([1, time, "say \"hi\"", true, {"a": 1}, [1, 2]]));
    assert_eq!(rows[1], json!([2, "soon", 5, "yes", "none", "none"]));
}

/// Fields and elements widen like columns do, at any depth.
pub async fn structs_and_lists_widen_inside(subject: &dyn Subject) {
    let batches = [
        json!([{"id": 1, "o": {"a": 1, "deep": {"x": 1}}, "l": [1, 2], "ll": [[1], []]}]),
        json!([{"id": 2, "o": {"a": 1.5, "b": "new", "deep": {"y": true}}, "l": [0.5], "ll": [[null, 2.5]]}]),
        json!([{"id": 3, "o": {"a": "text", "deep": {"x": "text"}}, "l": ["text"], "ll": []}]),
    ];
    runs(subject, &stream("items"), &batches).await;
    let rows = table(subject, "items").await.only(&["id", "o", "l", "ll"]);
    assert_eq!(rows[0], json!([1, {"a": 1, "deep": {"x": 1}}, [1, 2], [[1], []]]));
    assert_eq!(rows[1], json!([2, {"a": 1.5, "b": "new", "deep": {"y": true}}, [0.5], [[null, 2.5]]]));
    assert_eq!(rows[2], json!([3, {"a": "text", "deep": {"x": "text"}}, ["text"], []]));
}

/// Lists of objects are lists of structs, and these gain fields.
pub async fn objects_inside_lists_gain_fields(subject: &dyn Subject) {
    let batches = [
        json!([{"id": 1, "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}]),
        json!([{"id": 2, "lines": []}]),
        json!([{"id": 3, "lines": [{"sku": "c", "n": 1.5, "tags": ["x"]}]}, {"id": 4, "lines": null}]),
    ];
    runs(subject, &stream("items"), &batches).await;
    let rows = table(subject, "items").await.only(&["id", "lines"]);
    assert_eq!(
        rows,
        json!([
            [1, [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]],
            [2, []],
            [3, [{"sku": "c", "n": 1.5, "tags": ["x"]}]],
            [4, null],
        ])
    );
}

/// A column has no type, and need not exist, before its first value.
pub async fn a_column_that_held_only_nulls_comes_to_be_later(subject: &dyn Subject) {
    let batches = [
        json!([{"id": 1, "n": null, "l": [], "o": {}}]),
        json!([{"id": 2, "n": null, "l": [null], "o": {"x": null}}]),
        json!([{"id": 3, "n": "2024-01-31T10:00:00Z", "l": [7], "o": {"x": 1}}]),
    ];
    runs(subject, &stream("items"), &batches).await;
    let rows = table(subject, "items").await.only(&["id", "n", "l", "o"]);
    assert_eq!(rows[0], json!([1, null, [], {}]));
    assert_eq!(rows[1], json!([2, null, [null], {}]));
    assert_eq!(rows[2], json!([3, "2024-01-31T10:00:00Z", [7], {"x": 1}]));
}

/// The builders of the next run start from it; it is stored with the rows.
pub async fn what_is_known_of_the_records_is_handed_out_again(subject: &dyn Subject) {
    let items = stream("items");
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    assert_eq!(writing.known_schema(), None, "no table, nothing known");
    let batch = writing.batch(&json!([{"id": 1, "a b": {"x": 1.5}, "n": null}]), up_to(1));
    let written = batch.record_schema.clone();
    writing.write_batch(batch).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;

    let session = Session::begin(subject).await;
    let writing = session.open(&items).await;
    let known = writing.known_schema().expect("something is known by now");
    for column in &written.columns {
        let kept = known.columns.iter().find(|field| field.source == column.source);
        let kept = kept.unwrap_or_else(|| panic!("{} is not known any more: {known:?}", column.source));
        assert_eq!((&kept.name, &kept.column_type), (&column.name, &column.column_type));
    }
    assert_eq!(known.columns.iter().filter(|field| field.column_type == ColumnType::Null).count(), 1);
}

/// Evolution and upserts in one transaction.
pub async fn a_merged_table_widens_too(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at");
    let batches = [
        json!([{"id": 1, "at": 1, "v": 1}, {"id": 2, "at": 1, "v": 2}]),
        json!([{"id": 2, "at": 2, "v": "two", "w": [{"a": 1}]}]),
        json!([{"id": 3, "at": 3, "v": null, "w": [{"b": 1}]}]),
    ];
    runs(subject, &items, &batches).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.only(&["id", "v", "w"]), json!([[1, 1, null], [2, "two", [{"a": 1}]], [3, null, [{"b": 1}]]]));
}
