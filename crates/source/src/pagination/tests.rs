use std::num::NonZeroU64;

use serde_json::json;
use spile_http::HeaderValue;
use spile_http::header::LINK;
use spile_plan::{MissingRecords, TokenSource};
use spile_testkit::plan::{path, query};

use super::*;
use crate::extract::Extractor;

fn size(records: u64) -> PageLimit {
    PageLimit { inject: Some(query("size")), size: NonZeroU64::new(records).unwrap() }
}

fn page_number(total_pages: Option<&str>, has_more: Option<&str>, stop_on_short_page: bool) -> PaginationKind {
    PaginationKind::PageNumber {
        page: query("page"),
        start: 0,
        size: Some(size(10)),
        total_pages: total_pages.map(path),
        has_more: has_more.map(path),
        stop_on_short_page,
    }
}

fn offset(total: Option<&str>, has_more: Option<&str>, stop_on_short_page: bool) -> PaginationKind {
    let (total, has_more) = (total.map(path), has_more.map(path));
    PaginationKind::Offset { offset: query("from"), start: 0, limit: size(10), total, has_more, stop_on_short_page }
}

fn token(source: TokenSource, has_more: Option<&str>) -> PaginationKind {
    PaginationKind::PageToken { token: source, inject: query("after"), has_more: has_more.map(path) }
}

/// What follows a page of `records` records at `position` whose body is `body`.
fn try_next(
    kind: &PaginationKind,
    position: &Position,
    records: u64,
    body: &Value,
    headers: &[(&str, &str)],
) -> Result<Next, Failure> {
    let mut wanted = Wanted::default();
    let paginator = Paginator::new(kind, &mut wanted);
    let extractor = Extractor::new(&path("$.none"), wanted.0, MissingRecords::Empty);
    let url = Url::parse("http://a.test/v1/items?page=1").unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(spile_http::HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let response = spile_http::Response {
        status: spile_http::StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.to_string().into(),
        url: url.clone(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        bill: spile_http::Bill::default(),
        from_memory: false,
        ends: false,
        receipt: None,
    };
    let extracted = extractor.extract(&response, &|text| text.to_owned()).unwrap();
    paginator.next(&Seen { position, records, signals: &extracted.signals, headers: &map, url: &url })
}

fn next(kind: &PaginationKind, position: &Position, records: u64, body: &Value) -> Next {
    try_next(kind, position, records, body, &[]).unwrap()
}

fn page(number: u64) -> Next {
    Next::At(Position::Page(number))
}

#[test]
fn page_numbers_end_at_an_empty_page_a_short_one_the_total_or_where_the_response_says_so() {
    let none = json!({});
    let at = |kind: &PaginationKind, number, records, body: &Value| next(kind, &Position::Page(number), records, body);
    let plain = page_number(None, None, false);
    assert_eq!(at(&plain, 4, 10, &none), page(5));
    assert_eq!(at(&plain, 4, 3, &none), page(5), "a short page is not the last one unless it is said so");
    assert_eq!(at(&plain, 4, 0, &none), Next::End);
    assert_eq!(at(&page_number(None, None, true), 4, 9, &none), Next::End);
    let total = page_number(Some("$.pages"), None, false);
    assert_eq!(at(&total, 3, 10, &json!({"pages": 5})), page(4));
    assert_eq!(at(&total, 4, 10, &json!({"pages": 5})), Next::End);
    assert_eq!(at(&total, 0, 10, &json!({"pages": "1"})), Next::End);
    assert_eq!(at(&total, 0, 10, &json!({"pages": 0})), Next::End);
    assert_eq!(at(&total, 7, 10, &json!({"pages": null})), page(8), "an unknown total says nothing");
    let more = page_number(None, Some("$.more"), false);
    assert_eq!(at(&more, 0, 10, &json!({"more": true})), page(1));
    assert_eq!(at(&more, 0, 10, &json!({"more": false})), Next::End);
    assert_eq!(at(&more, 0, 10, &none), page(1), "a flag that is absent says nothing");
    assert_eq!(at(&more, 0, 0, &json!({"more": true})), Next::End, "an empty page ends whatever the flag says");
    let failure = try_next(&total, &Position::Page(0), 10, &json!({"pages": "many"}), &[]).unwrap_err();
    assert!(failure.message.contains("`pagination.total_pages` selects `\"many\"`"), "{failure}");
}

#[test]
fn offsets_advance_by_what_came() {
    let at = |kind: &PaginationKind, from, records, body: &Value| next(kind, &Position::Offset(from), records, body);
    let (none, plain) = (json!({}), offset(None, None, false));
    assert_eq!(at(&plain, 20, 10, &none), Next::At(Position::Offset(30)));
    assert_eq!(at(&plain, 20, 7, &none), Next::At(Position::Offset(27)));
    assert_eq!(at(&plain, 27, 0, &none), Next::End);
    assert_eq!(at(&offset(None, None, true), 20, 7, &none), Next::End);
    let total = offset(Some("$.total"), None, false);
    assert_eq!(at(&total, 20, 10, &json!({"total": 31})), Next::At(Position::Offset(30)));
    assert_eq!(at(&total, 20, 10, &json!({"total": 30})), Next::End);
    assert_eq!(at(&offset(None, Some("$.more"), false), 0, 10, &json!({"more": 0})), Next::End);
}

#[test]
fn counting_kinds_guess_what_follows_but_not_beyond_the_end() {
    let guess =
        |kind: &PaginationKind, position, end| Paginator::new(kind, &mut Wanted::default()).guess(&position, end);
    let pages = page_number(None, None, false);
    assert_eq!(guess(&pages, Position::Page(3), None), Some(Position::Page(4)));
    assert_eq!(guess(&pages, Position::Page(3), Some(5)), Some(Position::Page(4)));
    assert_eq!(guess(&pages, Position::Page(4), Some(5)), None);
    assert_eq!(guess(&offset(None, None, false), Position::Offset(20), Some(31)), Some(Position::Offset(30)));
    assert_eq!(guess(&offset(None, None, false), Position::Offset(20), Some(30)), None);
    assert_eq!(guess(&PaginationKind::LinkHeader, Position::First, None), None);
}

#[test]
fn tokens_come_from_the_body_or_a_header_and_end_where_they_are_empty() {
    let body = token(TokenSource::Body(path("$.next")), None);
    let after = |value: Value| Next::At(Position::Token(value));
    assert_eq!(next(&body, &Position::First, 10, &json!({"next": "t+/="})), after(json!("t+/=")));
    assert_eq!(
        next(&body, &Position::First, 0, &json!({"next": 17})),
        after(json!(17)),
        "an empty page is not the end"
    );
    for end in [json!({"next": null}), json!({"next": ""}), json!({"next": false}), json!({})] {
        assert_eq!(next(&body, &Position::First, 10, &end), Next::End, "{end}");
    }
    let guarded = token(TokenSource::Body(path("$.next")), Some("$.more"));
    assert_eq!(next(&guarded, &Position::First, 10, &json!({"next": "t", "more": false})), Next::End);
    let header = token(TokenSource::Header("X-Next".to_owned()), None);
    let with = |value| try_next(&header, &Position::First, 10, &json!({}), &[("x-next", value)]).unwrap();
    assert_eq!(with(" t "), after(json!("t")));
    assert_eq!(with(" "), Next::End);
    assert_eq!(next(&header, &Position::First, 10, &json!({})), Next::End);
}

#[test]
fn next_urls_are_relative_to_the_page_that_named_them() {
    let kind = PaginationKind::NextUrl { url: path("$.next") };
    let at = |url: Value| try_next(&kind, &Position::First, 10, &json!({"next": url}), &[]);
    let expected = |url: &str| Next::At(Position::Url(Url::parse(url).unwrap()));
    assert_eq!(at(json!("http://a.test/x?page=2")).unwrap(), expected("http://a.test/x?page=2"));
    assert_eq!(at(json!("?page=2")).unwrap(), expected("http://a.test/v1/items?page=2"));
    assert_eq!(at(json!("/x")).unwrap(), expected("http://a.test/x"));
    assert_eq!(at(json!(null)).unwrap(), Next::End);
    assert_eq!(at(json!("")).unwrap(), Next::End);
    assert!(at(json!(7)).unwrap_err().message.contains("not a URL"));
    assert!(at(json!("http://[")).unwrap_err().message.contains("not a URL"));
}

#[test]
fn link_headers_name_the_next_page_over_several_lines() {
    let at = |lines: &[&str]| {
        let headers: Vec<(&str, &str)> = lines.iter().map(|line| (LINK.as_str(), *line)).collect();
        try_next(&PaginationKind::LinkHeader, &Position::First, 10, &json!({}), &headers).unwrap()
    };
    let expected = Next::At(Position::Url(Url::parse("http://a.test/v1/items?page=2").unwrap()));
    assert_eq!(at(&["<?page=0>; rel=prev", "</v1/items?page=2>; rel=\"next\""]), expected);
    assert_eq!(at(&["<?page=2>; rel=next; anchor=\"?page=1\""]), expected);
    assert_eq!(at(&["</other?page=2>; rel=next; anchor=\"/other\""]), Next::End, "it is about another resource");
    assert_eq!(at(&["<?page=0>; rel=prev"]), Next::End);
    assert_eq!(at(&[]), Next::End);
}

#[test]
fn positions_are_put_where_the_plan_says() {
    let put = |kind: &PaginationKind, position: &Position| {
        let paginator = Paginator::new(kind, &mut Wanted::default());
        paginator
            .injections(position)
            .iter()
            .map(|inject| (Shown(inject.place).to_string(), inject.value.clone()))
            .collect::<Vec<_>>()
    };
    let shown = |name: &str, value: Value| (format!("query parameter `{name}`"), value);
    let pages = page_number(None, None, false);
    assert_eq!(put(&pages, &Position::Page(3)), [shown("page", json!(3)), shown("size", json!(10))]);
    assert_eq!(
        put(&offset(None, None, false), &Position::Offset(20)),
        [shown("from", json!(20)), shown("size", json!(10))]
    );
    let tokens = token(TokenSource::Body(path("$.next")), None);
    assert_eq!(put(&tokens, &Position::First), []);
    assert_eq!(put(&tokens, &Position::Token(json!("t"))), [shown("after", json!("t"))]);
}
