//! Values come back as they went in, at the limits of their types and in numbers beyond any internal vector.

use serde_json::{Value, json};

use super::session::{Session, stream, up_to};
use super::{Subject, table};

/// More rows than a database's internal vectors hold (DuckDB's hold 2048), and not a multiple of them.
const MANY: usize = 2500;

/// The ends of each type, by JSON text.
pub async fn numbers_survive_at_their_limits(subject: &dyn Subject) {
    let long = "12345678901234567890123456789012345678";
    let records = [
        r#"{"id": 1, "int": -9223372036854775808, "float": -1.7976931348623157e308, "fine": 5e-324}"#.to_owned(),
        r#"{"id": 2, "int": 9223372036854775807, "float": 1.7976931348623157e308, "fine": 0.1}"#.to_owned(),
        r#"{"id": 3, "int": 0, "float": 2.5, "fine": null}"#.to_owned(),
        format!(r#"{{"id": 4, "whole": {long}}}"#),
        format!(r#"{{"id": 5, "whole": -{long}}}"#),
    ];
    write_texts(subject, &records).await;
    let rows = table(subject, "items").await;
    let int = rows.only(&["id", "int"]);
    assert_eq!(int[0], json!([1, i64::MIN]));
    assert_eq!(int[1], json!([2, i64::MAX]));
    for (index, float, fine) in [(0, f64::MIN, Some(5e-324)), (1, f64::MAX, Some(0.1)), (2, 2.5, None)] {
        let row = &rows.only(&["id", "float", "fine"])[index];
        assert_eq!((row[1].as_f64(), row[2].as_f64()), (Some(float), fine), "{row}");
    }
    let whole = rows.only(&["id", "whole"]);
    assert_eq!((&whole[3][1], &whole[4][1]), (&json!(long), &json!(format!("-{long}"))));
}

/// Empty, long, in every script, with the characters that break things.
pub async fn text_survives_whatever_it_holds(subject: &dyn Subject) {
    let long = "long ".repeat(20_000);
    let texts = [
        "",
        " ",
        "null",
        "NULL",
        "\\N",
        "\u{0}",
        "a\u{0}b",
        "\r\n\t",
        "'",
        "\"",
        "\\",
        "%",
        "$1",
        "{{ x }}",
        "\u{feff}bom",
        "\u{1F468}\u{200D}\u{1F469}",
        "e\u{301} \u{e9}",
        "\u{202e}right to left",
        "\u{10ffff}",
        &long,
    ];
    let records: Vec<Value> =
        texts.iter().enumerate().map(|(id, text)| json!({"id": id, "t": text, "l": [text]})).collect();
    Session::whole_run(subject, &stream("items"), json!(records), 1).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.len(), texts.len());
    for (id, text) in texts.iter().enumerate() {
        let row = rows.rows().iter().find(|row| row.get("id") == Some(&json!(id)));
        let row = row.unwrap_or_else(|| panic!("{text:?} is gone"));
        assert_eq!((&row["t"], &row["l"]), (&json!(text), &json!([text])));
    }
}

/// Hundreds of columns, nested ones among them: a destination that holds memory for each must have enough.
pub async fn wide_rows_are_stored(subject: &dyn Subject) {
    let record = |id: usize| -> Value {
        let fields = (0..300).map(|n| (format!("c{n}"), json!({"text": format!("{id}/{n}"), "list": [n]})));
        std::iter::once(("id".to_owned(), json!(id))).chain(fields).collect()
    };
    Session::whole_run(subject, &stream("items"), (0..20).map(record).collect(), 1).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.len(), 20);
    for row in rows.rows() {
        let id = row["id"].as_u64().expect("every row has its number");
        assert_eq!(row["c299"], json!({"text": format!("{id}/299"), "list": [299]}));
    }
}

/// A document or an image in one value.
pub async fn a_text_of_many_megabytes_is_stored(subject: &dyn Subject) {
    let text = "0123456789abcdef".repeat(5 << 20);
    Session::whole_run(subject, &stream("items"), json!([{"id": 1, "t": text}, {"id": 2, "t": "short"}]), 1).await;
    let rows = table(subject, "items").await;
    let row = rows.rows().iter().find(|row| row["id"] == json!(1)).expect("the row is there");
    assert!(row["t"] == json!(text), "the text is another");
    assert_eq!(rows.len(), 2);
}

/// Documents, of which one commit holds many.
pub async fn many_long_texts_are_committed_at_once(subject: &dyn Subject) {
    let text = "0123456789abcdef".repeat(12_500);
    let session = Session::begin(subject).await;
    let mut writing = session.open(&stream("items")).await;
    for page in 0..20 {
        let records: Vec<Value> = (0..50).map(|n| json!({"id": page * 50 + n, "t": text})).collect();
        writing.write(json!(records), up_to(page + 1)).await.expect("texts can be written");
    }
    writing.finish(true).await.expect("they can be committed together");
    session.end().await;
    assert_eq!(table(subject, "items").await.len(), 1000);
}

/// From year 1 to year 9999, before and after 1970.
pub async fn times_survive_to_the_microsecond(subject: &dyn Subject) {
    let times =
        ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2024-02-29T12:34:56.000001Z", "9999-12-31T23:59:59Z"];
    let records: Vec<Value> = times
        .iter()
        .enumerate()
        .map(|(id, time)| json!({"id": id, "at": time, "local": time.trim_end_matches('Z'), "day": &time[..10]}))
        .collect();
    Session::whole_run(subject, &stream("items"), json!(records), 1).await;
    let rows = table(subject, "items").await.only(&["id", "at", "local", "day"]);
    for (id, time) in times.iter().enumerate() {
        assert_eq!(rows[id], json!([id, time, time.trim_end_matches('Z'), &time[..10]]));
    }
}

/// Whatever its values are, each row has its own.
pub async fn json_columns_keep_their_text_as_a_value(subject: &dyn Subject) {
    let values = json!([1, "text", true, {"a": [1, {"b": null}]}, [], [1, "x"], "1", -0.5, {}, "{\"a\": 1}"]);
    let values = values.as_array().expect("it is a list");
    let records: Vec<Value> = values.iter().enumerate().map(|(id, value)| json!({"id": id, "j": value})).collect();
    Session::whole_run(subject, &stream("items"), json!(records), 1).await;
    let rows = table(subject, "items").await;
    for (id, value) in values.iter().enumerate() {
        let row = rows.rows().iter().find(|row| row.get("id") == Some(&json!(id)));
        assert_eq!(row.and_then(|row| row.get("j")), Some(value), "row {id}");
    }
}

/// In one batch and over several, with nulls and nesting at every place.
pub async fn thousands_of_rows_arrive_whole(subject: &dyn Subject) {
    let record = |id: usize| match id % 3 {
        0 => {
            json!({"id": id, "t": format!("row {id}, a text longer than twelve bytes"), "o": {"n": id, "l": [id, null]}, "l": [{"k": id}]})
        }
        1 => json!({"id": id, "t": null, "o": null, "l": []}),
        _ => json!({"id": id, "o": {"n": null}, "l": null}),
    };
    let session = Session::begin(subject).await;
    let mut writing = session.open(&stream("items")).await;
    for (cursor, range) in [(1, 0..MANY), (2, MANY..MANY + 10), (3, MANY + 10..2 * MANY)] {
        let records: Vec<Value> = range.map(record).collect();
        writing.write(json!(records), up_to(cursor)).await.expect("records can be written");
    }
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;

    let expected = |id: usize| match id % 3 {
        0 => json!([id, format!("row {id}, a text longer than twelve bytes"), {"n": id, "l": [id, null]}, [{"k": id}]]),
        1 => json!([id, null, null, []]),
        _ => json!([id, null, {}, null]),
    };
    let mut rows = match table(subject, "items").await.only(&["id", "t", "o", "l"]) {
        Value::Array(rows) => rows,
        other => panic!("not a list of rows: {other}"),
    };
    rows.sort_by_key(|row| row[0].as_u64());
    assert_eq!(rows.len(), 2 * MANY);
    for (id, row) in rows.iter().enumerate() {
        assert_eq!(*row, expected(id));
    }
}

/// A third of them new, a third newer, a third as they were.
pub async fn thousands_of_rows_are_merged(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at");
    let records = |ids: std::ops::Range<usize>, at: usize| -> Value {
        ids.map(|id| json!({"id": format!("key {id}"), "n": id, "at": at})).collect()
    };
    Session::whole_run(subject, &items, records(0..MANY, 1), 1).await;
    Session::whole_run(subject, &items, records(MANY / 2..MANY + MANY / 2, 2), 2).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.len(), MANY + MANY / 2);
    for row in rows.rows() {
        let n = row["n"].as_u64().and_then(|n| usize::try_from(n).ok()).expect("every row has its number");
        let at = if n < MANY / 2 { 1 } else { 2 };
        assert_eq!((&row["id"], &row["at"]), (&json!(format!("key {n}")), &json!(at)));
    }
}

async fn write_texts(subject: &dyn Subject, records: &[String]) {
    let session = Session::begin(subject).await;
    let mut writing = session.open(&stream("items")).await;
    let batch = writing.batch_of_texts(records, up_to(1));
    assert_eq!(batch.rejects, [], "these records fit");
    writing.write_batch(batch).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;
}
