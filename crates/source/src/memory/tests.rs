use std::sync::Arc;

use spile_http::{HeaderMap, StatusCode, Surroundings};
use spile_model::clock::FixedClock;
use spile_model::{Clock as _, Events, Secret};
use spile_plan::{CachePlan, Variable};
use spile_testkit::plan;

use super::*;

const NOW: &str = "2025-03-01T12:00:00Z";

/// A pipeline with a secret, whose one stream is cached.
fn pipeline(secret: &str) -> PipelinePlan {
    let cache = Some(CachePlan { reuse: Reuse::Fresh, pages: CachePlan::PAGES });
    let mut plan = plan::pipeline("http://127.0.0.1:9", vec![StreamPlan { cache, ..plan::stream("items") }]);
    plan.variables.0.insert("token".to_owned(), Variable::Secret(Secret::new(secret)));
    plan
}

fn memory(plan: &PipelinePlan, known: BTreeMap<RequestKey, Answer>) -> Memory {
    let surroundings = Surroundings::new(Arc::new(FixedClock(NOW.parse().unwrap())), Events::nowhere(), 1);
    let client = Client::new(plan, surroundings).unwrap();
    Memory::new(plan, &plan.streams[0], &client, known).unwrap()
}

fn request(path: &str) -> Request {
    Request::get(Url::parse(&format!("http://127.0.0.1:9{path}")).unwrap())
}

/// What is remembered of an answer with this `ETag` and this next page.
fn answer(memory: &Memory, etag: &'static str, next: &Next, records: u64) -> Option<Answer> {
    let request = request("/items");
    let headers: HeaderMap = [(spile_http::header::ETAG, HeaderValue::from_static(etag))].into_iter().collect();
    let received_at = FixedClock(NOW.parse().unwrap()).now();
    let url = request.url.clone();
    let bill = spile_http::Bill::default();
    let response = Response {
        status: StatusCode::OK,
        headers,
        body: "[]".into(),
        url,
        received_at,
        bill,
        from_memory: false,
        ends: false,
        receipt: None,
    };
    memory.answer(&request, &response, &Page { contents: Some(1), records, next, end: None })
}

fn at_url(text: &str) -> Next {
    Next::At(Position::Url(Url::parse(text).unwrap()))
}

#[test]
fn an_answer_is_known_of_the_very_request_of_the_same_stream_and_credentials() {
    let plan = pipeline("s3cret");
    let key = memory(&plan, BTreeMap::new()).key(&request("/items"));
    assert_eq!(memory(&plan, BTreeMap::new()).key(&request("/items")), key, "in every run");
    assert_ne!(memory(&plan, BTreeMap::new()).key(&request("/items?page=2")), key);
    let mut with_header = request("/items");
    with_header.headers.insert("x-tenant", HeaderValue::from_static("a"));
    assert_ne!(memory(&plan, BTreeMap::new()).key(&with_header), key);

    assert_ne!(memory(&pipeline("another"), BTreeMap::new()).key(&request("/items")), key, "another secret");
    let mut other = plan.clone();
    other.streams[0].records = plan::path("$.data");
    assert_ne!(memory(&other, BTreeMap::new()).key(&request("/items")), key, "other records");
    let mut other = plan;
    other.streams[0].cache.as_mut().unwrap().reuse = Reuse::Never;
    assert_eq!(
        memory(&other, BTreeMap::new()).key(&request("/items")),
        key,
        "how it is remembered makes no other rows"
    );
}

#[test]
fn nothing_that_holds_a_secret_and_nothing_without_end_is_remembered() {
    let memory = memory(&pipeline("s3cret"), BTreeMap::new());
    assert!(answer(&memory, "\"a\"", &at_url("http://127.0.0.1:9/items?page=2"), 1).is_some());
    assert_eq!(answer(&memory, "\"s3cret\"", &Next::End, 1), None);
    assert_eq!(answer(&memory, "\"a\"", &at_url("http://127.0.0.1:9/items?key=s3cret"), 1), None);
    assert_eq!(answer(&memory, "\"a\"", &Next::At(Position::Token("a-s3cret".into())), 1), None);
    assert_eq!(answer(&memory, "\"a\"", &Next::At(Position::Token("x".repeat(LONGEST).into())), 1), None);
}

#[test]
fn where_the_next_page_stood_is_read_back_as_it_was() {
    let memory = memory(&pipeline("s3cret"), BTreeMap::new());
    for position in [
        Position::Page(3),
        Position::Offset(u64::MAX),
        Position::Token(Value::from(17)),
        Position::Token("a\"b\u{1F600}".into()),
        Position::Url(Url::parse("http://127.0.0.1:9/items?a=%20").unwrap()),
    ] {
        let next_page = Next::At(position);
        assert_eq!(next(&answer(&memory, "\"a\"", &next_page, 1).unwrap()), Some(next_page));
    }
    assert_eq!(next(&answer(&memory, "\"a\"", &Next::End, 1).unwrap()), Some(Next::End));
}

#[test]
fn only_a_get_is_asked_with_a_condition_and_its_own_goes_first() {
    let memory = memory(&pipeline("s3cret"), BTreeMap::new());
    let etag = Answer { etag: Some("W/\"a\"".to_owned()), ..Answer::default() };
    let modified = Answer { last_modified: Some("Fri, 28 Feb 2025 12:00:00 GMT".to_owned()), ..Answer::default() };
    let condition = |request: &Request, answer: &Answer| {
        memory.condition(request, answer).map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
    };
    assert_eq!(condition(&request("/items"), &etag).as_deref(), Some("if-none-match: W/\"a\""));
    let told = condition(&request("/items"), &modified);
    assert_eq!(told.as_deref(), Some("if-modified-since: Fri, 28 Feb 2025 12:00:00 GMT"));
    assert_eq!(condition(&request("/items"), &Answer::default()), None);
    assert_eq!(condition(&Request { method: Method::POST, ..request("/items") }, &etag), None);
    let mut own = request("/items");
    own.headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"mine\""));
    assert_eq!(condition(&own, &etag), None);
}

#[test]
fn a_last_page_that_may_be_full_is_asked_for_whole_where_headers_name_the_next() {
    let memory = memory(&pipeline("s3cret"), BTreeMap::new());
    let asked = |answer: &Answer| !may_be_followed(answer);
    assert!(!asked(&answer(&memory, "\"a\"", &Next::End, 3).unwrap()), "nobody knows how many a page holds");
    assert!(asked(&answer(&memory, "\"a\"", &at_url("http://127.0.0.1:9/b"), 5).unwrap()), "it was not the last");
    assert!(asked(&answer(&memory, "\"a\"", &Next::End, 3).unwrap()), "fewer than five");
    assert!(!asked(&answer(&memory, "\"a\"", &Next::End, 5).unwrap()), "as many");
    answer(&memory, "\"a\"", &at_url("http://127.0.0.1:9/c"), 4).unwrap();
    assert!(!asked(&answer(&memory, "\"a\"", &Next::End, 3).unwrap()), "pages hold as many as they like");
}
