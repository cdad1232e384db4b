//! Paging that does not advance ends, and says what repeated.

use std::num::NonZeroU64;

use serde_json::json;
use spile_model::{Failure, FailureKind};
use spile_plan::{PaginationKind, TokenSource};
use spile_testkit::fake_api::{FakeApi, Response, get};
use spile_testkit::plan::{path, query};

use crate::support::{offset, page_number, plan, read};

async fn loop_in(api: &FakeApi, kind: PaginationKind, max_pages: u64) -> Failure {
    let mut plan = plan(&api.url(), "$.data", kind);
    plan.streams[0].pagination.max_pages = NonZeroU64::new(max_pages).unwrap();
    let failure = read(plan).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::PagingLoop, "{failure}");
    assert_eq!(failure.stream.as_ref().unwrap().as_str(), "items");
    failure
}

fn token() -> PaginationKind {
    PaginationKind::PageToken { token: TokenSource::Body(path("$.next")), inject: query("after"), has_more: None }
}

#[tokio::test]
async fn a_token_that_repeats_is_named() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| Response::json(json!({"data": [request.number], "next": "t".repeat(200)})));
    let failure = loop_in(&api, token(), 1000).await;
    assert_eq!(failure.page, Some(2));
    let shown = format!("page 2 hands out the page token `{}…`, and page 1 handed out the same token", "t".repeat(80));
    assert!(failure.message.contains(&shown), "{failure}");
    assert!(failure.message.contains("does the API know the query parameter `after`"), "{failure}");
}

#[tokio::test]
async fn tokens_that_alternate_are_a_loop_too() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| {
        let next = if request.query("after") == Some("a") { "b" } else { "a" };
        Response::json(json!({"data": [request.number], "next": next}))
    });
    assert_eq!(loop_in(&api, token(), 1000).await.page, Some(3));
}

#[tokio::test]
async fn a_next_url_that_leads_to_itself_is_a_loop() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| Response::json(json!({"data": [request.number], "next": "/items?page=2"})));
    let failure = loop_in(&api, PaginationKind::NextUrl { url: path("$.next") }, 1000).await;
    assert!(failure.message.contains("/items?page=2`, and page 1 handed out the same URL"), "{failure}");
}

#[tokio::test]
async fn a_link_header_that_leads_in_a_circle_is_a_loop() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| {
        let number = (request.number - 1) % 3;
        Response::json(json!({"data": [request.number]})).header("Link", format!("</items?page={number}>; rel=next"))
    });
    assert_eq!(loop_in(&api, PaginationKind::LinkHeader, 1000).await.page, Some(4));
}

#[tokio::test]
async fn the_same_records_twice_in_a_row_are_a_loop() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |_| Response::json(json!({"data": [{"id": 1}, {"id": 2}]})));
    for (kind, parameter) in [(page_number(), "page"), (offset(2), "offset")] {
        let failure = loop_in(&api, kind, 1000).await;
        assert!(failure.message.contains("page 2 holds the very records of page 1"), "{failure}");
        assert!(failure.message.contains(&format!("query parameter `{parameter}`")), "{failure}");
    }
}

#[tokio::test]
async fn pages_without_end_end_at_the_cap() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| Response::json(json!({"data": [request.target]})));
    let failure = loop_in(&api, page_number(), 20).await;
    assert_eq!(failure.message, "after 20 pages (`pagination.max_pages`) the API still announces another one");
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| Response::json(json!({"data": [], "next": request.number})));
    loop_in(&api, token(), 20).await;
}

#[tokio::test]
async fn a_stream_of_exactly_the_cap_is_no_loop() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| {
        let next = if request.number < 20 { json!(request.number) } else { json!(null) };
        Response::json(json!({"data": [request.number], "next": next}))
    });
    let mut plan = plan(&api.url(), "$.data", token());
    plan.streams[0].pagination.max_pages = NonZeroU64::new(20).unwrap();
    assert_eq!(read(plan).await.unwrap().len(), 20);
}

#[tokio::test]
async fn after_a_failure_there_are_no_more_pages_and_it_is_not_taken_for_the_end() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |_| Response::json(json!({"data": [1]})));
    let mut pages = crate::support::pages(plan(&api.url(), "$.data", page_number()), None);
    pages.next_page().await.unwrap();
    pages.next_page().await.unwrap_err();
    pages.next_page().await.unwrap_err();
}
