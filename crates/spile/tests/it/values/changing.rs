//! What a column holds changes from page to page, when the earlier ones are committed already.

use super::load;

#[test]
fn integers_then_text_become_json_with_both() {
    let loaded = load(&[
        r#"[{"v": 1}, {"v": 9223372036854775807}]"#,
        r#"[{"v": "two"}, {"v": "3"}]"#,
        r#"[{"v": null}, {"v": true}]"#,
    ]);
    assert_eq!(loaded.type_of("v"), "JSON");
    assert_eq!(loaded.rows("v"), ["1", "9223372036854775807", r#""two""#, r#""3""#, "NULL", "true"]);
    assert_eq!(loaded.rows("json_type(v)"), ["UBIGINT", "UBIGINT", "VARCHAR", "VARCHAR", "NULL", "BOOLEAN"]);
}

#[test]
fn integers_then_fractions_then_long_decimals_stay_exact() {
    let loaded = load(&[r#"[{"v": 1}]"#, r#"[{"v": 0.5}]"#]);
    assert_eq!(
        (loaded.type_of("v"), loaded.rows("v")),
        ("DOUBLE".to_owned(), vec!["1.0".to_owned(), "0.5".to_owned()])
    );
    let loaded = load(&[r#"[{"v": 9007199254740993}]"#, r#"[{"v": 0.1}]"#, r#"[{"v": 18446744073709551615}]"#]);
    let plain: Vec<String> = loaded.rows("v").iter().map(|text| text.trim_end_matches('0').to_owned()).collect();
    assert_eq!(plain, ["9007199254740993", "0.1", "18446744073709551615"]);
}

#[test]
fn moments_then_other_text_become_text() {
    let first = r#"[{"at": "2024-01-02T03:04:05Z", "day": "2024-02-29", "local": "2024-01-02T03:04:05.120"}, {"at": "2024-01-02T03:04:05.123456Z"}]"#;
    let loaded = load(&[first, r#"[{"at": "later", "day": "someday", "local": "tonight"}]"#]);
    for column in ["at", "day", "local"] {
        assert_eq!(loaded.type_of(column), "VARCHAR");
    }
    assert_eq!(loaded.rows("\"at\""), ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.123456Z", "later"]);
    assert_eq!(loaded.rows("day"), ["2024-02-29", "NULL", "someday"]);
    assert_eq!(loaded.rows("local")[2], "tonight");
    assert_eq!(loaded.rejects(), [] as [&str; 0]);
}

#[test]
fn objects_then_scalars_become_json_with_both() {
    let loaded = load(&[
        r#"[{"v": {"a": 1, "b": "x", "big": 18446744073709551615, "at": "2024-01-02T03:04:05Z", "list": [1, null]}}]"#,
        r#"[{"v": 5}]"#,
        r#"[{"v": [1, 2]}, {"v": "text"}]"#,
    ]);
    assert_eq!(loaded.type_of("v"), "JSON");
    assert_eq!(
        loaded.rows("v"),
        [
            r#"{"a":1,"b":"x","big":18446744073709551615,"at":"2024-01-02T03:04:05Z","list":[1,null]}"#,
            "5",
            "[1, 2]",
            r#""text""#
        ]
    );
}

#[test]
fn lists_widen_inside() {
    let loaded = load(&[
        r#"[{"v": [1, 2]}, {"v": []}, {"v": null}]"#,
        r#"[{"v": [0.5]}]"#,
        r#"[{"v": ["a"]}, {"v": {"k": 1}}]"#,
    ]);
    assert_eq!(loaded.type_of("v"), "JSON");
    let values = loaded.rows("v");
    assert_eq!(values[3..], ["[0.5]", r#"["a"]"#, r#"{"k": 1}"#].map(str::to_owned));
    assert_eq!(values[1..3], ["[]", "NULL"]);
    assert!(["[1,2]", "[1.0,2.0]"].contains(&values[0].as_str()), "{}", values[0]);
}

#[test]
fn objects_get_fields_and_lose_none() {
    let loaded = load(&[
        r#"[{"v": {"a": 1}}]"#,
        r#"[{"v": {"b": {"c": "x"}}}]"#,
        r#"[{"v": {}}, {"v": null}, {"v": {"a": 0.5}}]"#,
    ]);
    assert_eq!(
        loaded.rows("v.a, v.b.c, v IS NULL"),
        ["1.0|NULL|false", "NULL|x|false", "NULL|NULL|false", "NULL|NULL|true", "0.5|NULL|false"]
    );
}

#[test]
fn records_that_are_not_objects_are_rejected_and_the_others_stay() {
    let loaded = load(&[r#"[{"id": 1}, 5, "text", [1], null, {"id": 2}, {}]"#]);
    assert_eq!(loaded.rows("id"), ["1", "2", "NULL"]);
    assert_eq!(loaded.query("SELECT record FROM _spile_rejects"), ["5", r#""text""#, "[1]", "null"]);
    assert_eq!(
        loaded.query("SELECT DISTINCT loaded, reason FROM _spile_rejects"),
        ["false|a record must be a JSON object"]
    );
}

/// Digits and moments inside objects and lists survive the way into JSON too.
#[test]
fn decimals_and_moments_inside_become_json_with_every_digit() {
    let first = r#"[{"v": {"a-b": 0.1234567890123456789, "c": [1.000000000000000005, -0.1234567890123456789], "d": [{"at": "2024-02-29"}, null], "t": "x\"y"}}]"#;
    let loaded = load(&[first, r#"[{"v": 1}]"#]);
    assert_eq!(
        loaded.rows("v"),
        [
            r#"{"a-b":0.1234567890123456789,"c":[1.0000000000000000050,-0.1234567890123456789],"d":[{"at":"2024-02-29"},null],"t":"x\"y"}"#,
            "1"
        ]
    );
    let loaded = load(&[r#"[{"v": 0.1234567890123456789}, {"v": -0.1234567890123456789}]"#, r#"[{"v": "text"}]"#]);
    assert_eq!(loaded.rows("v"), ["0.1234567890123456789", "-0.1234567890123456789", r#""text""#]);
}
