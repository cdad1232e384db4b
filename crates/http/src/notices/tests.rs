use http::HeaderValue;
use proptest::prelude::*;
use spile_model::Secret;

use super::*;

fn version(value: &str, told_in: &[&str]) -> ApiVersionPlan {
    ApiVersionPlan { value: value.to_owned(), told_in: told_in.iter().map(|name| (*name).to_owned()).collect() }
}

fn heard_with(headers: &[(&'static str, &str)], version: Option<&ApiVersionPlan>) -> Vec<Notice> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let redactor = Redactor::knowing(vec![Secret::new("s3cret")], ["key".to_owned()].into());
    let url = Url::parse("https://api.test/v1/items").unwrap();
    let now = "2025-03-01T12:00:00Z".parse().unwrap();
    Heard { headers: &all, url: &url, version, redactor: &redactor, now }.notices()
}

fn heard(headers: &[(&'static str, &str)]) -> Vec<Notice> {
    heard_with(headers, None)
}

fn messages(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.message.as_str()).collect()
}

#[test]
fn deprecation_is_read_as_the_standard_and_its_drafts_have_it() {
    for (value, expected) in [
        ("@1688169599", Some("deprecated since 2023-06-30")),
        ("@1767225600", Some("deprecated from 2026-01-01 on")),
        ("Sun, 11 Nov 2018 23:59:59 GMT", Some("deprecated since 2018-11-11")),
        ("true", Some("deprecated")),
        ("True", Some("deprecated")),
        ("?1", Some("deprecated")),
        ("false", None),
        ("?0", None),
        ("soon", None),
        ("@99999999999999999", None),
        ("@", None),
        ("", None),
    ] {
        assert_eq!(messages(&heard(&[("deprecation", value)])).first().copied(), expected, "{value}");
    }
}

#[test]
fn links_say_where_more_is_said_and_what_comes_next() {
    let notices = heard(&[
        ("deprecation", "@1688169599"),
        ("sunset", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("link", r#"</docs/old?key=abc>; rel="deprecation", <https://api.test/v2/items>; rel="successor-version""#),
        ("link", r#"<https://docs.test/end>; rel="sunset""#),
    ]);
    assert_eq!(notices.len(), 2);
    assert_eq!(notices[0].message, "will stop working on 2026-01-01");
    assert_eq!(notices[0].date.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(notices[0].link.as_deref(), Some("https://docs.test/end"));
    assert_eq!(notices[1].message, "deprecated since 2023-06-30; its successor is https://api.test/v2/items");
    assert_eq!(notices[1].link.as_deref(), Some("https://api.test/docs/old?key=[redacted]"));
}

#[test]
fn an_end_that_has_passed_is_told_as_such_and_one_that_cannot_be_read_is_not() {
    let passed = heard(&[("sunset", "Wed, 01 Jan 2025 00:00:00 GMT")]);
    assert_eq!(messages(&passed), ["was to stop working on 2025-01-01, and may at any time"]);
    for value in ["2026-01-01", "never", "@1767225600"] {
        assert!(heard(&[("sunset", value)]).is_empty(), "{value}");
    }
}

#[test]
fn what_vendors_say_is_read() {
    let reason = heard(&[("x-shopify-api-deprecated-reason", "https://shopify.test/changelog/17")]);
    assert_eq!(messages(&reason), ["the request uses what is deprecated"]);
    assert_eq!(reason[0].link.as_deref(), Some("https://shopify.test/changelog/17"));
    let words = heard(&[("x-shopify-api-deprecated-reason", "use `status` instead")]);
    assert_eq!(messages(&words), ["the request uses what is deprecated: use `status` instead"]);
    let asp = [("api-deprecated-versions", "0.9, 1.0"), ("api-supported-versions", "2.0, 3.0")];
    let told = heard_with(&asp, Some(&version("1.0", &[])));
    assert_eq!(messages(&told), ["version 1.0 of the API is deprecated; supported are 2.0, 3.0"]);
    assert!(heard_with(&asp, Some(&version("2.0", &[]))).is_empty());
    assert!(heard(&asp).is_empty(), "no version was asked for");
    assert_eq!(messages(&heard(&[("warning", "299 - \"use v2\"")])), ["use v2"]);
}

#[test]
fn another_version_than_was_asked_for_is_told() {
    let asked = version("2025-01", &["X-Shopify-API-Version"]);
    let told = heard_with(&[("x-shopify-api-version", "2025-04")], Some(&asked));
    assert_eq!(messages(&told), ["version 2025-04 of the API answers, and 2025-01 was asked for"]);
    assert_eq!(told[0].kind, NoticeKind::Version);
    assert!(heard_with(&[("x-shopify-api-version", "2025-01")], Some(&asked)).is_empty());
    assert!(heard_with(&[], Some(&asked)).is_empty());
}

#[test]
fn hostile_values_are_bounded_and_hold_no_secret_and_no_line_break() {
    let long = format!("299 - \"{} s3cret\"", "a\tb ".repeat(4_000));
    let told = heard(&[("warning", &long), ("warning", "299 - \"token s3cret\"")]);
    assert!(told[0].message.chars().count() <= SHOWN + 1);
    assert_eq!(told[1].message, "token [redacted]");
    let link = format!("<https://a.test/{}>; rel=deprecation", "x".repeat(5_000));
    let told = heard(&[("deprecation", "true"), ("link", &link)]);
    assert_eq!(told[0].link, None);
    let told = heard(&[("deprecation", "true"), ("link", "<javascript:alert(1)>; rel=deprecation")]);
    assert_eq!(told[0].link, None);
}

#[test]
fn each_notice_is_told_once_for_each_stream_and_not_without_end() {
    let notices = Notices::default();
    let (orders, users) = (StreamName::new("orders"), StreamName::new("users"));
    let told = |stream: &StreamName, text: &str| {
        notices.news(stream, || "GET /x".to_owned(), heard(&[("warning", &format!("299 - \"{text}\""))])).len()
    };
    assert_eq!([told(&orders, "a"), told(&orders, "a"), told(&users, "a")], [1, 0, 1]);
    let more: usize = (0..100).map(|number| told(&orders, &format!("request {number}"))).sum();
    assert_eq!(more, MOST - 1);
    assert_eq!(notices.all().len(), MOST + 1);
}

proptest! {
    #[test]
    fn no_header_panics(value in "[\\x20-\\x7e]{0,60}", name in prop::sample::select(vec!["deprecation", "sunset", "warning", "link"])) {
        heard(&[(name, &value), ("deprecation", "true")]);
    }
}
