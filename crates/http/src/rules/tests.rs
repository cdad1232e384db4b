use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use proptest::prelude::*;
use spile_plan::{Pattern, RetryRule, WaitPlan};
use spile_testkit::plan::path;

use super::*;

fn rule(when: Vec<Matcher>) -> ResponseRule {
    ResponseRule { when, then: Treatment::Empty }
}

fn is(texts: &[&str]) -> TextMatch {
    TextMatch::Is(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn contains(text: &str) -> TextMatch {
    TextMatch::Contains(vec![text.to_owned()])
}

fn matches(matcher: Matcher, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> bool {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    let body = Bytes::copy_from_slice(body.as_bytes());
    first(&[rule(vec![matcher])], StatusCode::from_u16(status).unwrap(), &headers.collect(), &body).is_some()
}

#[test]
fn a_status_is_in_one_of_the_ranges() {
    let ranges = || Matcher::Status(vec![(404, 404), (500, 599)]);
    for (status, expected) in [(404, true), (403, false), (500, true), (599, true), (200, false)] {
        assert_eq!(matches(ranges(), status, &[], ""), expected, "{status}");
    }
}

#[test]
fn a_header_is_there_or_has_a_value_whatever_the_case_of_its_name() {
    let headers = [("X-Error", "none"), ("x-error", "quota spent")];
    assert!(matches(Matcher::Header("X-ERROR".to_owned(), None), 200, &headers, ""));
    assert!(matches(Matcher::Header("X-Error".to_owned(), Some(contains("quota"))), 200, &headers, ""));
    assert!(!matches(Matcher::Header("X-Error".to_owned(), Some(is(&["quota"]))), 200, &headers, ""));
    assert!(!matches(Matcher::Header("X-Other".to_owned(), None), 200, &headers, ""));
}

#[test]
fn something_stands_in_the_body_unless_it_is_null_false_or_empty() {
    for (body, expected) in [
        (r#"{"error": "no"}"#, true),
        (r#"{"error": {"code": 1}}"#, true),
        (r#"{"error": 0}"#, true),
        (r#"{"error": true}"#, true),
        (r#"{"a": 1, "error": [null]}"#, true),
        (r#"{"error": null}"#, false),
        (r#"{"error": false}"#, false),
        (r#"{"error": ""}"#, false),
        (r#"{"error": []}"#, false),
        (r#"{"error": {}}"#, false),
        (r#"{"errors": 1}"#, false),
        (r#"["error"]"#, false),
        (r#"{"error": "no""#, false),
        ("error", false),
        ("", false),
    ] {
        assert_eq!(matches(Matcher::Body(path("$.error"), None), 200, &[], body), expected, "{body}");
    }
    assert!(matches(Matcher::Body(path("$.error"), None), 200, &[], "\u{feff}{\"error\": 1}"));
}

#[test]
fn a_value_in_the_body_is_found_by_every_kind_of_path_and_compared_as_it_is_written() {
    let body = r#"{"a": {"b": [{"code": 17, "ok": true}, {"code": "x1"}]}}"#;
    for (at, wanted, expected) in [
        ("$.a.b[0].code", is(&["16", "17"]), true),
        ("$.a.b[0].ok", is(&["true"]), true),
        ("$.a.b[1].code", contains("1"), true),
        ("$.a.b[*].code", is(&["x1"]), true),
        ("$.a.b[*].code", is(&["1"]), false),
        ("$..code", is(&["x1"]), true),
        ("$.a.b[?@.code == 17].ok", is(&["true"]), true),
        ("$.a.b[?@.code == 18].ok", is(&["true"]), false),
        ("$.a.b[2].code", contains(""), false),
        ("$.a.b", contains("code"), false),
        ("$.a.b[1].code", TextMatch::Pattern(Pattern::new("^x[0-9]$").unwrap()), true),
    ] {
        assert_eq!(matches(Matcher::Body(path(at), Some(wanted.clone())), 200, &[], body), expected, "{at} {wanted:?}");
    }
}

#[test]
fn a_text_is_looked_for_where_messages_stand() {
    assert!(matches(Matcher::Text(contains("busy")), 500, &[], "the server is busy"));
    let far = format!("{}busy", " ".repeat(SEARCHED));
    assert!(!matches(Matcher::Text(contains("busy")), 500, &[], &far));
}

#[test]
fn all_that_a_rule_says_must_hold_and_the_first_rule_decides() {
    let rules = [
        rule(vec![Matcher::Status(vec![(500, 500)]), Matcher::Text(contains("busy"))]),
        rule(vec![Matcher::Status(vec![(500, 599)])]),
        rule(vec![Matcher::Status(vec![(500, 500)])]),
    ];
    let which = |status: u16, body: &'static str| {
        let found = first(
            &rules,
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            &Bytes::from_static(body.as_bytes()),
        );
        found.map(|found| rules.iter().position(|rule| std::ptr::eq(rule, found)).unwrap())
    };
    assert_eq!(which(500, "busy"), Some(0));
    assert_eq!(which(500, "broken"), Some(1));
    assert_eq!(which(404, "busy"), None);
}

#[test]
fn a_page_of_many_records_is_looked_at_without_a_document_of_it() {
    let records = vec![r#"{"id": 1, "name": "somebody"}"#; 200_000].join(",");
    let body = format!(r#"{{"records": [{records}], "status": {{"code": "partial"}}}}"#);
    assert!(matches(Matcher::Body(path("$.status.code"), Some(is(&["partial"]))), 200, &[], &body));
    assert!(matches(Matcher::Body(path("$.records"), None), 200, &[], &body));
    assert!(matches(Matcher::Body(path("$.records[199999].id"), Some(is(&["1"]))), 200, &[], &body));
    assert!(!matches(Matcher::Body(path("$..code"), None), 200, &[], &body), "beyond what a document is built of");
}

#[test]
fn a_wait_is_the_header_s_or_the_body_s_then_the_rule_s() {
    let now: Timestamp = "2025-03-01T12:00:00Z".parse().unwrap();
    let plan = |place, pattern: Option<&str>| WaitPlan {
        place,
        pattern: pattern.map(|text| Pattern::new(text).unwrap()),
        milliseconds: false,
        at_least: Duration::from_secs(5),
    };
    let header = || WaitPlace::Header("X-Wait".to_owned());
    let asked = |after: WaitPlan, value: &'static str| {
        let rule = RetryRule { after: Some(after), wait: Some(Duration::from_secs(77)), ..RetryRule::default() };
        let headers = HeaderMap::from_iter([("x-wait".parse().unwrap(), HeaderValue::from_static(value))]);
        let body = Bytes::from(format!(r#"{{"error": {{"retry_in": "{value}"}}}}"#));
        asked_by(&rule, &headers, &body, now).unwrap().as_secs()
    };
    assert_eq!(asked(plan(header(), None), "30"), 30);
    assert_eq!(asked(plan(header(), None), "1"), 5);
    assert_eq!(asked(plan(header(), None), "soon"), 77);
    assert_eq!(asked(plan(header(), Some("in ([0-9]+) s")), "again in 41 s"), 41);
    assert_eq!(asked(plan(header(), Some("in ([0-9]+) s")), "41"), 77);
    assert_eq!(asked(plan(WaitPlace::Body(path("$.error.retry_in")), None), "2025-03-01T12:00:30Z"), 30);
    assert_eq!(asked(plan(WaitPlace::Body(path("$.error.other")), None), "30"), 77);
}

proptest! {
    #[test]
    fn no_body_makes_looking_at_it_fail(body in ".{0,200}", at in prop::sample::select(vec!["$", "$.a", "$[0]", "$[*].a", "$..a"])) {
        let body = Bytes::from(body);
        let looked = Looked::at(&body);
        let found = looked.has(&path(at), Some(&contains("")));
        prop_assert!(looked.scalar(&path(at)).is_some() == found || found);
    }
}
