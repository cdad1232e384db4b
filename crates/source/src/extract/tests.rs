use std::fs;

use bytes::Bytes;
use spile_http::{HeaderMap, HeaderValue, Url};
use spile_testkit::plan::path;

use super::*;

/// Nothing is secret here.
const AS_IS: Clean<'_> = &|text| text.to_owned();

fn extractor(records: &str, values: &[&str]) -> Extractor {
    Extractor::new(&path(records), values.iter().map(|text| path(text)).collect(), MissingRecords::Fail)
}

fn response(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: body.into(),
        url: Url::parse("http://a.test/").unwrap(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        bill: spile_http::Bill::default(),
        from_memory: false,
        ends: false,
        receipt: None,
    }
}

fn json(body: impl Into<Bytes>) -> Response {
    response(200, "application/json", body)
}

/// The records' texts.
fn records(records: &str, body: &str) -> Vec<String> {
    texts(&extractor(records, &[]).extract(&json(body.to_owned()), AS_IS).unwrap())
}

fn texts(extracted: &Extracted) -> Vec<String> {
    let text = std::str::from_utf8(&extracted.body).unwrap();
    extracted.records.iter().map(|range| text[range.start as usize..range.end as usize].to_owned()).collect()
}

fn failure(records: &str, body: &[u8]) -> Failure {
    extractor(records, &[]).extract(&json(body.to_vec()), AS_IS).unwrap_err()
}

#[test]
fn an_array_stands_for_its_elements_anything_else_for_itself_and_null_for_nothing() {
    assert_eq!(records("$", " [ 1 , {\"a\" : [2]} ,\"x\" ]\n"), ["1", "{\"a\" : [2]}", "\"x\""]);
    assert_eq!(records("$", " {\"a\": 1} "), ["{\"a\": 1}"]);
    assert_eq!(records("$.data", r#"{"n":1,"data":[{"id":1},{"id":2}],"z":[[]]}"#), ["{\"id\":1}", "{\"id\":2}"]);
    assert_eq!(records("$.data", r#"{"data":{"id":1}}"#), ["{\"id\":1}"]);
    assert_eq!(records("$.data", r#"{"data":null}"#), [""; 0]);
    assert_eq!(records("$.data", r#"{"data":[]}"#), [""; 0]);
    assert_eq!(records("$", "null"), [""; 0]);
    assert_eq!(records("$", "17"), ["17"]);
}

#[test]
fn what_a_page_takes_in_memory_counts_its_ranges_and_rejects_too() {
    let weight = |body: &[u8]| extractor("$", &[]).extract(&json(body.to_vec()), AS_IS).unwrap().weight();
    assert_eq!(weight(b"[1,2,3]"), 7 + 3 * 8);
    assert_eq!(weight(b"[\"\xFF\"]"), 7 + 5, "the repaired text, and the reject's own");
}

#[test]
fn simple_paths_lead_through_objects_arrays_and_escaped_keys() {
    assert_eq!(records("$.a.b[1].c", r#"{"x":{"b":0},"a":{"b":[0,{"c":[7,8]}]}}"#), ["7", "8"]);
    assert_eq!(
        records("$.edges[*].node", r#"{"edges":[{"node":{"id":1}},{"cursor":"x","node":{"id":2}}]}"#),
        [r#"{"id":1}"#, r#"{"id":2}"#]
    );
    assert_eq!(records("$.by_id[*]", r#"{"by_id":{"7":{"a":1},"8":{"a":2}}}"#), [r#"{"a":1}"#, r#"{"a":2}"#]);
    assert_eq!(records("$['d\u{e9}']", r#"{"d\u00e9" : [1]}"#), ["1"]);
    assert_eq!(records("$.edges[*].node", r#"{"edges":[]}"#), [""; 0], "an empty list is an empty page");
    assert_eq!(records("$[*]", "{}"), [""; 0]);
    assert_eq!(records("$.data", r#"{"data":[1],"data":[2]}"#), ["1", "2"], "nothing is dropped");
}

#[test]
fn other_paths_select_in_a_document_and_keep_the_very_text() {
    let body =
        r#"{"data":[{"kind":"x","n":1.000000000000000005},{"kind":"y"}, {"kind" : "x", "n":18446744073709551616}]}"#;
    let expected = [r#"{"kind":"x","n":1.000000000000000005}"#, r#"{"kind" : "x", "n":18446744073709551616}"#];
    assert_eq!(records("$.data[?@.kind == 'x']", body), expected);
    assert_eq!(records("$..n", body), ["1.000000000000000005", "18446744073709551616"]);
    assert_eq!(records("$.data[-1]", body), [expected[1]]);
    assert_eq!(records("$.data[0:2]", body).len(), 2);
    assert_eq!(records("$.data[?@.kind == 'z']", body), [""; 0], "a filter that nothing meets leaves an empty page");
    assert_eq!(records("$.a[?@.b]", r#"{"a":[{"b":[1]}],"a":[{"b":[2]}]}"#), [r#"{"b":[2]}"#], "the last one counts");
    assert_eq!(failure("$.items[?@.kind == 'x']", body.as_bytes()).kind, FailureKind::NoRecords);
    let odd = r#" {"data":[{"kind":"x","a":"\ud800"},{"kind":"y"},{"\udfff":1e999,"kind":"x"}],"next":-1E999} "#;
    let expected = [r#"{"kind":"x","a":"\ud800"}"#, r#"{"\udfff":1e999,"kind":"x"}"#];
    assert_eq!(records("$.data[?@.kind == 'x']", odd), expected, "what no document can hold passes");
    assert_eq!(records("$..next", odd), ["-1E999"]);
}

#[test]
fn signals_are_read_in_the_same_pass_wherever_they_are() {
    let signals = |records: &str, values: &[&str], body: &str| {
        let extracted = extractor(records, values).extract(&json(body.to_owned()), AS_IS).unwrap();
        let signals =
            (0..values.len()).map(|index| extracted.signals.get(index).map(ToString::to_string)).collect::<Vec<_>>();
        (extracted.records.len(), signals)
    };
    let some = |text: &str| Some(text.to_owned());
    let body = r#"{"meta":{"next":"t\u0031","total":12345678901234567890123},"data":[{"id":1},{"id":2}],"more":false}"#;
    let expected = (2, vec![some("`\"t1\"`"), some("`12345678901234567890123`"), some("`false`"), None]);
    assert_eq!(signals("$.data", &["$.meta.next", "$.meta.total", "$.more", "$.missing"], body), expected);
    // Inside the records, at the records, and beside a wildcard.
    assert_eq!(signals("$.data", &["$.data[1].id"], body), (2, vec![some("`2`")]));
    assert_eq!(signals("$.data", &["$.data[-1].id"], body), (2, vec![some("`2`")]));
    let total = some("`12345678901234567890123`");
    assert_eq!(signals("$.data", &["$..total"], body), (2, vec![total]), "as it was written, found in a document too");
    assert_eq!(
        signals("$.data[*]", &["$.data[0].id", "$.more", "$.more"], body),
        (2, vec![some("`1`"), some("`false`"), some("`false`")])
    );
    assert_eq!(signals("$", &["$.more"], body), (1, vec![some("`false`")]));
    assert_eq!(signals("$.data", &["$.meta"], body), (2, vec![some("a list, an object or a long text")]));
}

#[test]
fn what_a_typed_reader_could_not_hold_passes_on_the_way_and_in_records() {
    let body = r#"{"odd":"\ud800","huge":1e999,"data":[{"a":"\udfff","b":-1E-999,"b":2}]}"#;
    assert_eq!(records("$.data", body), [r#"{"a":"\udfff","b":-1E-999,"b":2}"#]);
    let deep = format!("[{}1{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(records("$", &deep).len(), 1);
    assert_eq!(failure("$.odd.items", body.as_bytes()).kind, FailureKind::NoRecords);
    assert_eq!(failure("$.huge.items", body.as_bytes()).kind, FailureKind::NoRecords);
}

#[test]
fn a_body_that_is_cut_or_followed_by_anything_is_broken() {
    let body = r#"{"data":[{"id":1},{"id":2}],"next":"x"}"#;
    for cut in 0..body.len() {
        let failure = failure("$.data", &body.as_bytes()[..cut]);
        assert_eq!(failure.kind, FailureKind::BadBody, "{cut}");
    }
    for tail in ["x", "{}", ",", "]", "\0"] {
        assert_eq!(failure("$.data", format!("{body}{tail}").as_bytes()).kind, FailureKind::BadBody, "{tail}");
    }
    assert_eq!(failure("$.data", b"{\"data\":[1,]}").kind, FailureKind::BadBody);
    assert_eq!(failure("$.data", b"{\"data\":[1],\"other\":[01]}").kind, FailureKind::BadBody, "off the way too");
}

#[test]
fn what_came_instead_of_json_is_said() {
    let said = |body: &[u8]| failure("$.data", body).message;
    assert_eq!(said(b" \n"), "the body is empty (labelled application/json)");
    let page = b"\n<!doctype html><html><head><title>Sign\n in</title>";
    assert_eq!(said(page), "the body is not JSON but an HTML page titled \"Sign in\" (labelled application/json)");
    assert!(
        said(b"<Error><Code>AccessDenied").contains("HTML or XML that begins with `<Error>"),
        "{}",
        said(b"<Error>")
    );
    assert_eq!(said(b"{\"data\":[1,2"), "the JSON breaks off after 12 B; it begins with `{\"data\":[1,2`");
    let oops = said(b"Oops, later");
    assert!(
        oops.starts_with("the body is not JSON (labelled application/json): expected value at line 1 column 1"),
        "{oops}"
    );
    assert!(oops.ends_with("it begins with `Oops, later`"), "{oops}");
    assert!(said(b"\xFF\xFE[\0]\0").contains("UTF-16"));
    assert!(said(b"\0[\0]").contains("UTF-16"));
}

#[test]
fn what_the_response_holds_in_the_place_of_records_is_said() {
    let said = |body: &str| failure("$.data.items", body.as_bytes()).message;
    let prefix = "the record path `$.data.items` selects nothing: the response holds";
    let results = r#"{"results":[],"count":0,"message":"ok"}"#;
    assert_eq!(
        said(results),
        format!(
            "{prefix} an object with `results`, `count`, `message`; `message` says \"ok\"; did you mean `$.results`?"
        )
    );
    let several = r#"{"a":[],"b":[{}],"c":{"d":[]}}"#;
    assert!(said(several).ends_with("; did you mean `$.b`, `$.a` or `$.c.d`?"), "{}", said(several));
    assert_eq!(said("[1]"), format!("{prefix} an array; did you mean `$`?"));
    assert_eq!(said("{}"), format!("{prefix} an empty object"));
    assert_eq!(said("true"), format!("{prefix} `true`"));
    let many: Vec<String> = (0..20).map(|index| format!("\"k{index}\":0")).collect();
    assert!(said(&format!("{{{}}}", many.join(","))).ends_with("`k11` and 8 more"));
}

#[test]
fn a_secret_that_stands_where_a_quotation_is_cut_is_removed_whole() {
    let clean: Clean<'_> = &|text| text.replace("s3cret", "*");
    for at in 100..130 {
        let text = format!("{}s3cret", "x".repeat(at));
        let (bare, page) = (text.clone(), format!("<title>{text}</title>"));
        let (key, error) = (format!("{{\"{text}\":1}}"), format!("{{\"error\":\"{text}\"}}"));
        for body in [bare, page, key, error] {
            let message = extractor("$.data", &[]).extract(&json(body), clean).unwrap_err().message;
            assert!(!message.contains("s3"), "{message}");
        }
    }
}

#[test]
fn an_error_in_the_place_of_records_is_never_an_empty_page() {
    let said = |records: &str, body: &str| {
        let failure = extractor(records, &[]).extract(&json(body.to_owned()), AS_IS).err()?;
        assert_eq!(failure.kind, FailureKind::ErrorInBody);
        Some(failure.message)
    };
    let graphql = r#"{"data":null,"errors":[{"message":"no such field"}]}"#;
    let told = "the answer holds an error instead of records: `errors` says \"no such field\"; the record path";
    assert_eq!(said("$.data.items", graphql).unwrap(), format!("{told} `$.data.items` selects nothing"));
    assert_eq!(said("$.data", graphql).unwrap(), format!("{told} `$.data` selects no record"));
    let partial = r#"{"data":{"items":[]},"errors":[{"message":"no such field"}]}"#;
    assert_eq!(said("$.data.items", partial).unwrap(), format!("{told} `$.data.items` selects no record"));
    assert_eq!(said("$.data.items[?@.a]", partial).unwrap(), format!("{told} `$.data.items[?@.a]` selects no record"));
    assert!(
        said("$.channels", r#"{"ok":false,"error":"not_authed"}"#).unwrap().contains("`error` says \"not_authed\"")
    );
    for empty in
        [r#"{"data":[],"error":"nothing found"}"#, r#"{"data":[],"errors":[]}"#, r#"{"data":null,"error":null}"#]
    {
        assert_eq!(said("$.data", empty), None, "{empty}");
    }
    let lenient = Extractor::new(&path("$.data"), Vec::new(), MissingRecords::Empty);
    assert!(lenient.extract(&json(graphql), AS_IS).unwrap().records.is_empty(), "where it is said so");
}

#[test]
fn a_page_too_large_for_a_document_is_refused_by_the_path_that_needs_one() {
    let body = Bytes::from(format!("[1,{}2]", " ".repeat(LARGEST_DOCUMENT)));
    assert_eq!(extractor("$[*]", &[]).extract(&json(body.clone()), AS_IS).unwrap().records.len(), 2);
    let failure = extractor("$", &["$..next"]).extract(&json(body), AS_IS).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TooLarge);
    assert!(failure.message.contains("too large for the path `$..next`: beyond 64 MiB"), "{failure}");
}

#[test]
fn a_missing_path_may_mean_an_empty_page() {
    let lenient = Extractor::new(&path("$.data"), Vec::new(), MissingRecords::Empty);
    assert!(lenient.extract(&json("{}"), AS_IS).unwrap().records.is_empty());
    assert!(lenient.extract(&json("{"), AS_IS).is_err(), "but never a broken one");
}

#[test]
fn an_empty_body_is_a_page_only_where_the_status_says_so() {
    let extractor = extractor("$.data", &[]);
    assert!(extractor.extract(&response(204, "text/plain", ""), AS_IS).unwrap().records.is_empty());
    assert_eq!(extractor.extract(&response(200, "text/plain", ""), AS_IS).unwrap_err().kind, FailureKind::BadBody);
}

#[test]
fn a_byte_order_mark_is_taken_off_and_offsets_are_those_of_the_response() {
    let extracted =
        extractor("$", &[]).extract(&json(b"\xEF\xBB\xBF[{\"a\":1},{\"a\":\"\xE9\"}]".to_vec()), AS_IS).unwrap();
    assert_eq!(texts(&extracted), ["{\"a\":1}"]);
    let reject = &extracted.rejects[0];
    assert_eq!(reject.record, "{\"a\":\"\u{fffd}\"}");
    assert!(reject.reason.contains("byte 0xE9 at offset 18 of the response"), "{}", reject.reason);
    assert!(!reject.loaded);
}

#[test]
fn only_the_records_that_are_not_utf8_are_rejected() {
    let body = b"{\"data\":[{\"a\":\"\xC3\xA9\"},{\"a\":\"\xED\xA0\x80\"},{\"a\":3},{\"\xFF\":4}],\"x\":\"\xFE\"}";
    let extracted = extractor("$.data", &[]).extract(&json(body.to_vec()), AS_IS).unwrap();
    assert_eq!(texts(&extracted), ["{\"a\":\"é\"}", "{\"a\":3}"]);
    assert_eq!(extracted.rejects.len(), 2);
}

/// What becomes of the suite's bodies that a JSON reader may accept or refuse: one record, a reject, or a failure.
fn policy(name: &str) -> &'static str {
    match name {
        // Any number is JSON text, and so is any depth.
        name if name.starts_with("i_number_") => "record",
        "i_structure_500_nested_arrays.json" => "record",
        // Escapes of surrogates without their half are JSON; what they mean is decided where they are typed.
        "i_object_key_lone_2nd_surrogate.json"
        | "i_string_1st_surrogate_but_2nd_missing.json"
        | "i_string_1st_valid_surrogate_2nd_invalid.json"
        | "i_string_UTF-16_invalid_lonely_surrogate.json"
        | "i_string_incomplete_surrogate_and_escape_valid.json"
        | "i_string_incomplete_surrogate_pair.json"
        | "i_string_incomplete_surrogates_escape_valid.json"
        | "i_string_invalid_lonely_surrogate.json"
        | "i_string_invalid_surrogate.json"
        | "i_string_inverted_surrogates_U+1D11E.json"
        | "i_string_lone_second_surrogate.json" => "record",
        // A byte order mark is taken off.
        "i_structure_UTF-8_BOM_empty_object.json" => "record",
        // Wide characters are refused as a whole.
        "i_string_UTF-16LE_with_BOM.json" | "i_string_utf16BE_no_BOM.json" | "i_string_utf16LE_no_BOM.json" => {
            "failure"
        }
        // Everything else has bytes that are not UTF-8 inside a string.
        _ => "reject",
    }
}

#[test]
fn the_json_test_suite_is_accepted_and_refused_as_it_should_be() {
    let Some(suite) = spile_testkit::place::shared("data/json/test_parsing") else { return };
    let mut seen = [0; 3];
    for entry in fs::read_dir(suite).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        // Below a member, so that every body is exactly one record; an array's elements would be its records.
        let body = [b"{\"record\":[", fs::read(&file).unwrap().as_slice(), b"]}"].concat();
        let alone = extractor("$", &[]).extract(&json(fs::read(&file).unwrap()), AS_IS);
        let inside = extractor("$.record", &[]).extract(&json(body), AS_IS);
        match name.as_bytes()[0] {
            b'y' => {
                seen[0] += 1;
                assert!(alone.unwrap().rejects.is_empty(), "{name}");
                assert_eq!(inside.unwrap().records.len(), 1, "{name}");
            }
            b'n' => {
                seen[1] += 1;
                let kept = alone.map(|page| texts(&page));
                assert!(kept.is_err(), "{name}: {kept:?}");
            }
            _ => {
                seen[2] += 1;
                let outcome = match alone {
                    Err(_) => "failure",
                    Ok(page) if page.rejects.is_empty() => "record",
                    Ok(_) => "reject",
                };
                assert_eq!(outcome, policy(&name), "{name}");
            }
        }
    }
    assert_eq!(seen, [95, 188, 35]);
}

#[test]
fn the_transformations_of_the_suite_keep_their_text() {
    let Some(suite) = spile_testkit::place::shared("data/json/test_transform") else { return };
    let mut seen = 0;
    for entry in fs::read_dir(suite).unwrap() {
        let file = entry.unwrap().path();
        let bytes = fs::read(&file).unwrap();
        let body = [b"{\"record\":[", bytes.trim_ascii(), b"]}"].concat();
        let extracted = extractor("$.record", &[]).extract(&json(body), AS_IS).unwrap();
        match std::str::from_utf8(&bytes) {
            Ok(text) => assert_eq!(texts(&extracted), [text.trim()], "{file:?}"),
            Err(_) => assert_eq!(extracted.rejects.len(), 1, "{file:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 22);
}
