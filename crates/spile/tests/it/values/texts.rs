//! Text arrives byte by byte, whatever is in it.

use super::{load, load_as};

#[test]
fn nul_and_control_characters_are_kept() {
    let loaded = load(&[r#"[{"v": "A\u0000B"}, {"v": "\u0000"}, {"v": "\u0001\u001f\u007f"}, {"v": "after"}]"#]);
    // Read as bytes in hexadecimal: what prints text may stop at a NUL.
    assert_eq!(loaded.rows("hex(encode(v))"), ["410042", "00", "011F7F", "6166746572"]);
    assert_eq!(loaded.rejects(), [] as [&str; 0]);
}

/// Text cannot hold half a character. Its escape stays, and the whole record is kept beside it.
#[test]
fn a_lone_surrogate_becomes_its_escape_and_the_record_is_kept() {
    let loaded = load(&[r#"[{"v": "a\uD800b"}, {"v": "\uDC00\uD800"}, {"v": "\uD83D\uDE00"}, {"v": "plain"}]"#]);
    assert_eq!(loaded.rows("v"), [r"a\uD800b", r"\uDC00\uD800", "😀", "plain"]);
    let rejects = loaded.rejects();
    assert_eq!(rejects.len(), 2, "{rejects:?}");
    assert!(rejects[0].starts_with("loaded: ") && rejects[0].ends_with(r#"|{"v": "a\uD800b"}"#), "{}", rejects[0]);
}

/// DuckDB's JSON functions refuse a text with such an escape, and the whole column with it. So it must not get there.
#[test]
fn lone_surrogates_inside_json_columns_do_not_spoil_the_column() {
    for settings in ["", ", nested: json, lists: json"] {
        let loaded = load_as(
            settings,
            &[
                r#"[{"v": {"k": "a\uD800b", "\uDC00": 1}}, {"v": ["\uD800"]}, {"v": "\uDEAD"}, {"v": {"k": "fine"}}, {"v": 1e999}, {"v": "A\u0000B"}]"#,
            ],
        );
        assert_eq!(loaded.type_of("v"), "JSON");
        assert_eq!(loaded.rows("json_valid(v)"), ["true"; 6]);
        assert_eq!(loaded.rows("json_extract_string(v, '$.k')")[3], "fine");
        assert_eq!(loaded.rows("json_type(v)")[..3], ["OBJECT", "ARRAY", "VARCHAR"]);
        assert_eq!(loaded.rejects().len(), 3, "each with its record as it came: {:?}", loaded.rejects());
    }
}

/// Bytes that are not UTF-8 cannot be kept as text: their record is rejected, the others stay.
#[test]
fn broken_utf8_costs_its_record_and_no_other() {
    let mut page = br#"[{"id": 1, "v": "before"}, {"id": 2, "v": "br"#.to_vec();
    page.extend([0xff, 0xfe]);
    page.extend(br#"oken"}, {"id": 3, "v": "after"}]"#);
    let api = super::serving(vec![page]);
    let place = crate::place::Place::with_pipeline(
        &api.url(),
        "  records: { path: /records, pagination: page_number, write: append }",
    );
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    assert_eq!(place.query("test.duckdb", "SELECT id, v FROM records"), ["1|before", "3|after"]);
    let rejects = place.query("test.duckdb", "SELECT loaded, reason, record FROM _spile_rejects");
    assert_eq!(rejects.len(), 1);
    assert!(
        rejects[0].starts_with("false|") && rejects[0].contains("UTF-8") && rejects[0].contains("\"id\": 2"),
        "{rejects:?}"
    );
}

#[test]
fn escapes_mean_their_characters_and_normalisation_is_nobodys_business() {
    let composed = "\u{e9}"; // and the same letter in two characters:
    let decomposed = "e\u{301}";
    let mark = "\u{feff}";
    let loaded = load(&[&format!(
        r#"[{{"v": "\"\\\/\b\f\n\r\t"}}, {{"v": "{composed}"}}, {{"v": "{decomposed}"}}, {{"v": "\u00e9"}}, {{"v": "{mark}"}}, {{"v": ""}}]"#
    )]);
    assert_eq!(loaded.rows("hex(encode(v))"), ["225C2F080C0A0D09", "C3A9", "65CC81", "C3A9", "EFBBBF", ""]);
}

/// Each looks a little like a date and is not one, or is one that its type could not give back.
#[test]
fn text_that_looks_like_a_date_is_not_changed() {
    let texts = [
        "2024-02-30",
        "2024-1-2",
        "0000-00-00",
        "20240102",
        "2024-01-01T25:00:00Z",
        "2024-01-01T00:00:60Z",
        "12:30",
        "2024",
        "2024-W01-1",
        "+12024-01-01",
        "2024-01-01T00:00:00.123456789Z",
        " 2024-01-01",
        "infinity",
        "epoch",
    ];
    let records: Vec<String> =
        texts.iter().enumerate().map(|(at, text)| format!("{{\"v{at}\": \"{text}\"}}")).collect();
    let loaded = load(&[&format!("[{}]", records.join(","))]);
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(loaded.type_of(&format!("v{at}")), "VARCHAR", "{text}");
        assert_eq!(loaded.query(&format!("SELECT v{at} FROM records WHERE v{at} IS NOT NULL")), [*text]);
    }
}

#[test]
fn a_duplicate_key_loads_its_last_value_and_keeps_the_record() {
    let loaded = load(&[r#"[{"id": 1, "v": 1, "v": 2}, {"id": 2, "v": {"a": 1, "a": 1}}, {"id": 3, "v": 3}]"#]);
    assert_eq!(loaded.rows("id, v"), ["1|2", r#"2|{"a": 1, "a": 1}"#, "3|3"]);
    let rejects = loaded.rejects();
    assert!(
        rejects[0].starts_with("loaded: the key `v` occurs more than once") && rejects[0].contains(r#""v": 1, "v": 2"#),
        "{rejects:?}"
    );
}

/// Nesting that no type holds is kept as its text; the depth costs no stack.
#[test]
fn deep_nesting_is_kept_as_json() {
    let depth = 100_000;
    let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}null{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let page =
        format!(r#"[{{"id": 1, "v": 1}}, {{"id": 2, "v": {deep}}}, {{"id": 3, "w": {objects}}}, {{"id": 4, "v": 4}}]"#);
    let loaded = load_as(", nested: json, lists: json", &[&page]);
    assert_eq!(loaded.rows("id"), ["1", "2", "3", "4"]);
    assert_eq!(loaded.query("SELECT v FROM records WHERE id = 2"), [deep.as_str()]);
    assert_eq!(loaded.query("SELECT w FROM records WHERE id = 3"), [objects.as_str()]);
    // In the default shape the outer levels are lists, and the rest below them is text.
    let loaded = load(&[&page]);
    assert_eq!(loaded.rows("id"), ["1", "2", "3", "4"]);
}
