//! The paged API: following its pages brings every record once, whatever the paging and whatever breaks on the way.

use std::time::Duration;

use serde_json::{Value, json};
use spile_testkit::fake_api::FakeApi;
use spile_testkit::paged_api::{Comparison, FaultMix, PagedApi, Paging};

use crate::client::{Answer, End, fetch};

fn records(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"id": n, "at": format!("2024-01-{:02}", 1 + n / 10)})).collect()
}

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_slice(answer.body()).unwrap()
}

/// The target after an absolute URL of this API.
fn target(api: &FakeApi, url: &str) -> String {
    url.strip_prefix(&api.url()).unwrap().to_owned()
}

#[tokio::test]
async fn numbered_pages_end_with_an_empty_one() {
    let api = FakeApi::start().await;
    let paging = Paging::PageNumber { parameter: "page".into(), first: 1 };
    let served = PagedApi::over(records(25)).path("/things").paging(paging).page_size(10).serve(&api);
    let mut seen = Vec::new();
    for page in 1.. {
        let page = body(&fetch(&api, &format!("/things?page={page}")).await);
        let page = page.as_array().unwrap().clone();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, records(25));
    assert_eq!((served.requests(), served.pages()), (4, 4));
    assert_eq!(fetch(&api, "/things?page=0").await.status(), 400);
    assert_eq!(fetch(&api, "/things?page=x").await.status(), 400);
    api.finish();
}

#[tokio::test]
async fn offsets_and_limits_cut_where_they_say() {
    let api = FakeApi::start().await;
    let paging = Paging::Offset { offset: "offset".into(), limit: "limit".into() };
    PagedApi::generated(1_000_000, |n| json!(n)).paging(paging).page_size(50).serve(&api);
    assert_eq!(body(&fetch(&api, "/items?offset=999998&limit=7").await), json!([999_998, 999_999]));
    assert_eq!(body(&fetch(&api, "/items?offset=10&limit=3").await), json!([10, 11, 12]));
    assert_eq!(body(&fetch(&api, "/items?limit=1000").await).as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn tokens_in_the_body_lead_through_everything() {
    let api = FakeApi::start().await;
    let paging = Paging::TokenInBody { at: "/meta/next".into(), parameter: "token".into() };
    PagedApi::over(records(23))
        .paging(paging)
        .page_size(10)
        .records_at("/data/items")
        .total_at("/meta/total")
        .serve(&api);
    let (mut seen, mut query) = (Vec::new(), String::new());
    loop {
        let page = body(&fetch(&api, &format!("/items{query}")).await);
        assert_eq!(page["meta"]["total"], 23);
        seen.extend(page["data"]["items"].as_array().unwrap().clone());
        match page["meta"]["next"].as_str() {
            None => break,
            Some(token) => query = format!("?token={token}"),
        }
    }
    assert_eq!(seen, records(23));
    assert_eq!(fetch(&api, "/items?token=10").await.status(), 400);
}

#[tokio::test]
async fn tokens_in_a_header_are_absent_on_the_last_page() {
    let api = FakeApi::start().await;
    let paging = Paging::TokenInHeader { header: "X-Next".into(), parameter: "token".into() };
    PagedApi::over(records(15)).paging(paging).page_size(10).serve(&api);
    let first = fetch(&api, "/items").await;
    assert!(first.head().contains("X-Next: after-10"), "{}", first.head());
    let last = fetch(&api, "/items?token=after-10").await;
    assert_eq!(body(&last).as_array().unwrap().len(), 5);
    assert!(!last.head().contains("X-Next"));
}

#[tokio::test]
async fn next_urls_in_the_body_keep_the_other_parameters() {
    let api = FakeApi::start().await;
    let paging = Paging::NextUrlInBody { at: "/next".into() };
    let described = PagedApi::over(records(30)).paging(paging).page_size(10).records_at("/rows");
    described.filter("at", Comparison::AtLeast, "since").serve(&api);
    let first = body(&fetch(&api, "/items?since=2024-01-02&tag=a%26b").await);
    let url = first["next"].as_str().unwrap();
    assert!(url.contains("tag=a%26b"), "{url}");
    let second = body(&fetch(&api, &target(&api, url)).await);
    assert_eq!(second["rows"], json!(records(30)[20..]));
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn link_headers_may_be_relative() {
    let api = FakeApi::start().await;
    PagedApi::over(records(15)).paging(Paging::LinkHeader).page_size(10).relative_next_urls().serve(&api);
    let first = fetch(&api, "/items?q=1").await;
    let link = first.head().lines().find(|line| line.starts_with("Link: ")).unwrap().to_owned();
    assert_eq!(link, r#"Link: </items?q=1>; rel="first", </items?q=1&page_token=after-10>; rel="next""#);
    assert!(!fetch(&api, "/items?page_token=after-10").await.head().contains("Link"));
}

#[tokio::test]
async fn filters_compare_numbers_as_numbers_and_the_rest_as_text() {
    let api = FakeApi::start().await;
    let described = PagedApi::over(records(30)).filter("id", Comparison::After, "after_id");
    let served = described.filter("at", Comparison::AtMost, "until").ordered_by_descending("id").serve(&api);
    let ids = |value: Value| value.as_array().unwrap().iter().map(|r| r["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(body(&fetch(&api, "/items?after_id=9&until=2024-01-02").await)), (10..20).rev().collect::<Vec<_>>());
    served.update(|records| records.push(json!({"id": 1000, "at": "2023-12-31"})));
    assert_eq!(ids(body(&fetch(&api, "/items?after_id=28").await)), [1000, 29]);
    assert_eq!(served.records().len(), 31);
}

#[tokio::test(start_paused = true)]
async fn the_rate_limit_refuses_what_is_beyond_and_forgets_after_its_window() {
    let api = FakeApi::start().await;
    let served = PagedApi::over(records(1)).rate_limit(2, Duration::from_secs(10)).serve(&api);
    assert_eq!(fetch(&api, "/items").await.status(), 200);
    tokio::time::advance(Duration::from_millis(6500)).await;
    assert_eq!(fetch(&api, "/items").await.status(), 200);
    let refused = fetch(&api, "/items").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.head().contains("Retry-After: 4"), "{}", refused.head());
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(fetch(&api, "/items").await.status(), 200);
    assert_eq!((served.requests(), served.refusals(), served.pages()), (4, 1, 3));
}

#[tokio::test]
async fn without_the_required_header_there_is_a_401() {
    let api = FakeApi::start().await;
    PagedApi::over(records(1)).require_header("Host", "test").serve(&api);
    assert_eq!(fetch(&api, "/items").await.status(), 200);
    assert_eq!(crate::client::send(&api, "GET /items HTTP/1.1\r\nConnection: close\r\n\r\n").await.status(), 401);
}

#[tokio::test]
async fn faults_strike_as_seeded_and_repeating_gets_through() {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let api = FakeApi::start().await;
        let mix = FaultMix::seeded(11).status(503, 0.2).reset(0.1).reset_inside(0.1).truncate(0.2);
        let paging = Paging::PageNumber { parameter: "page".into(), first: 0 };
        let served = PagedApi::over(records(300)).paging(paging).page_size(10).faults(mix).serve(&api);
        let (mut seen, mut fates) = (Vec::new(), Vec::new());
        for page in 0..30 {
            loop {
                let answer = fetch(&api, &format!("/items?page={page}")).await;
                fates.push((answer.status(), answer.end == End::Reset));
                let whole = (answer.status() == 200).then(|| serde_json::from_slice::<Vec<Value>>(answer.body()));
                if let Some(Ok(records)) = whole {
                    seen.extend(records);
                    break;
                }
            }
        }
        assert_eq!(seen, records(300));
        assert_eq!(served.pages(), 30);
        assert!(served.faults() > 10, "{}", served.faults());
        assert!(fates.iter().any(|fate| fate.0 == 503) && fates.iter().any(|fate| fate.1));
        outcomes.push((served.requests(), fates.iter().map(|fate| fate.0 == 503).collect::<Vec<_>>()));
    }
    assert_eq!(outcomes[0], outcomes[1]);
}
