//! Any text may be a key, and any text may be a value.

use serde_json::{Value, json};
use spile_testkit::place::shared;

use super::{Loaded, load};

#[test]
fn keys_that_differ_in_case_alone_are_columns_of_their_own() {
    let loaded = load(&[r#"[{"id": 1, "ID": "two", "Id": true}, {"Id": false, "id": 4}]"#]);
    let columns = columns(&loaded);
    assert_eq!(columns.len(), 3, "{columns:?}");
    assert_eq!(columns[0], "id");
    let quoted: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    assert_eq!(loaded.rows(&quoted.join(", ")), ["1|two|true", "4|NULL|false"]);
}

#[test]
fn keys_that_databases_use_themselves_are_columns_all_the_same() {
    let page = r#"[{"rowid": 7, "select": 1, "from": "a", "_spile_run": "mine", "_spile_at": "mine too", "": "empty", " ": "blank", "a.b": 1, "a\"b": 2, "a'b": 3, "\u0000": 4, "TABLE": 5}]"#;
    let loaded = load(&[page, &page.replace('7', "8")]);
    let row = |at: usize| loaded.rows("* EXCLUDE (_spile_at)")[at].clone();
    for value in ["|1|", "a", "mine", "mine too", "empty", "blank", "|2|", "|3|", "|4|", "|5"] {
        assert!(row(0).contains(value), "{value} in {}", row(0));
    }
    assert!(row(0).starts_with("7|") && row(1).starts_with("8|"), "{} {}", row(0), row(1));
    assert_eq!(
        loaded.query("SELECT DISTINCT typeof(_spile_run) FROM records"),
        ["BIGINT"],
        "Spile's own column is its own"
    );
}

/// A merge finds its new rows by DuckDB's row ids, which a column of that name would hide.
#[test]
fn a_merge_of_records_with_a_key_called_rowid_works() {
    let pages =
        [r#"[{"id": 1, "rowid": 500}, {"id": 2, "rowid": 3}]"#, r#"[{"id": 1, "rowid": 1}, {"id": 3, "rowid": 900}]"#];
    let api = super::serving(pages.iter().map(|page| page.as_bytes().to_vec()).collect());
    let place = crate::place::Place::with_pipeline(
        &api.url(),
        "  records: { path: /records, pagination: page_number, primary_key: id }",
    );
    for _ in 0..2 {
        place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
        assert_eq!(place.query("test.duckdb", "SELECT id, rowid_2 FROM records ORDER BY id"), ["1|1", "2|3", "3|900"]);
    }
}

/// The naughty strings, as values: each comes back as it was sent, in the order in which it was.
#[test]
fn naughty_strings_are_values() {
    let Some(strings) = naughty() else { return };
    let records: Vec<Value> =
        strings.iter().enumerate().map(|(at, text)| json!({ "n": at, "v": text, "o": { "v": text } })).collect();
    let loaded = load(&[&serde_json::to_string(&records).unwrap()]);
    let sent: Vec<String> = strings.iter().map(|text| hex(text)).collect();
    assert_eq!(loaded.query("SELECT hex(encode(v)) FROM records ORDER BY n"), sent);
    assert_eq!(loaded.query("SELECT hex(encode(o.v)) FROM records ORDER BY n"), sent);
    assert_eq!(loaded.rejects(), [] as [&str; 0]);
}

/// The naughty strings, as keys: each has a column with its value, whatever it is called there.
#[test]
fn naughty_strings_are_keys() {
    let Some(mut strings) = naughty() else { return };
    strings.sort();
    strings.dedup();
    let record: serde_json::Map<String, Value> =
        strings.iter().enumerate().map(|(at, text)| (text.clone(), json!(at))).collect();
    let loaded = load(&[&serde_json::to_string(&json!([record, { "last": true }])).unwrap()]);
    let columns = columns(&loaded);
    assert_eq!(columns.len(), strings.len() + 1, "a column for each key");
    let all: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let values = loaded
        .query(&format!("SELECT list_sort([{}]) FROM records WHERE last IS NULL", all[..strings.len()].join(", ")));
    let expected: Vec<String> = (0..strings.len()).map(|at| at.to_string()).collect();
    assert_eq!(values, [format!("[{}]", expected.join(", "))]);
    assert_eq!(loaded.rejects(), [] as [&str; 0]);
}

fn naughty() -> Option<Vec<String>> {
    let text = std::fs::read(shared("data/names/blns.json")?).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

/// The table's columns without Spile's own.
fn columns(loaded: &Loaded) -> Vec<String> {
    let sql = "SELECT column_name FROM duckdb_columns() WHERE table_name = 'records' AND column_name NOT IN ('_spile_run', '_spile_at') ORDER BY column_index";
    loaded.query(sql)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}
