//! Pages come ahead of their reader: fast, in order, and bounded. On a paused clock, but for the last test.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use spile_model::ByteSize;
use spile_plan::PaginationKind;
use spile_testkit::fake_api::{FakeApi, Response, get};
use spile_testkit::paged_api::{PagedApi, Paging};
use spile_testkit::plan::{path, query};
use tokio::time::Instant;

use crate::support::{offset, page_number, pages, plan, read, read_records, record, size};

const LATENCY: Duration = Duration::from_millis(50);

/// How long it takes to read all of it, and how many requests.
async fn read_numbered(
    count: usize,
    concurrency: u32,
    kind: PaginationKind,
    describe: fn(PagedApi) -> PagedApi,
) -> (Duration, usize) {
    let api = FakeApi::start().await;
    let paged = PagedApi::generated(count, record).page_size(10).records_at("/data").latency(LATENCY);
    let paged = paged.paging(Paging::PageNumber { parameter: "page".into(), first: 1 });
    let served = describe(paged).serve(&api);
    let mut plan = plan(&api.url(), "$.data", kind);
    plan.source.concurrency = NonZeroU32::new(concurrency).unwrap();
    let start = Instant::now();
    assert_eq!(read_records(plan).await.len(), count);
    (start.elapsed(), served.requests())
}

fn with_total() -> PaginationKind {
    PaginationKind::PageNumber {
        page: query("page"),
        start: 1,
        size: Some(size(10)),
        total_pages: Some(path("$.total_pages")),
        has_more: None,
        stop_on_short_page: true,
    }
}

#[tokio::test(start_paused = true)]
async fn five_hundred_pages_of_50_ms_take_at_least_90_percent_of_the_ideal_speed() {
    let (took, _) = read_numbered(5000, 8, page_number(), |api| api).await;
    let ideal = LATENCY * 500 / 8;
    assert!(took.as_secs_f64() * 0.9 <= ideal.as_secs_f64(), "{took:?} where {ideal:?} is ideal");
}

#[tokio::test(start_paused = true)]
async fn slow_pages_among_fast_ones_do_not_leave_the_others_places_idle() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| {
        let page: u64 = request.query("page").unwrap().parse().unwrap();
        let records = if page <= 400 { json!([page]) } else { json!([]) };
        let latency = if page.is_multiple_of(8) { 150 } else { 50 };
        Response::json(records).delay(Duration::from_millis(latency))
    });
    let start = Instant::now();
    assert_eq!(read(plan(&api.url(), "$", page_number())).await.unwrap().len(), 401);
    // Each eight pages keep eight places busy for (7 × 50 + 150) ms in all.
    let ideal = Duration::from_millis(50 * 500 / 8);
    assert!(start.elapsed() <= ideal.mul_f64(1.25), "{:?} where {ideal:?} is ideal", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn pages_are_not_guessed_beyond_a_known_end() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        let records: Vec<_> = (0..10).map(|index| record(page * 10 + index)).collect();
        Response::json(json!({"data": records, "total_pages": 37})).delay(LATENCY)
    });
    assert_eq!(read(plan(&api.url(), "$.data", with_total())).await.unwrap().len(), 37);
    assert_eq!(api.request_count(), 37);
}

#[tokio::test(start_paused = true)]
async fn guesses_beyond_an_unknown_end_are_bounded_by_what_was_read() {
    for (count, most) in [(0, 1), (5, 3), (10, 3), (25, 7), (1000, 116)] {
        let (_, requests) = read_numbered(count, 8, page_number(), |api| api).await;
        assert!(requests <= most, "{count} records took {requests} requests");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_pages_beyond_the_end_are_nobodys_business() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        match page {
            1..=9 => Response::json(json!({"data": [page], "more": true})),
            10 => Response::json(json!({"data": [page], "more": false})).delay(Duration::from_secs(1)),
            _ => Response::status(400),
        }
    });
    let kind = PaginationKind::PageNumber {
        page: query("page"),
        start: 1,
        size: None,
        total_pages: None,
        has_more: Some(path("$.more")),
        stop_on_short_page: false,
    };
    assert_eq!(
        read_records(plan(&api.url(), "$.data", kind)).await,
        (1..=10).map(|page| json!(page)).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn an_offset_page_that_came_short_makes_the_guesses_behind_it_void() {
    let api = FakeApi::start().await;
    // A server that gives 7 where 10 are asked for, now and then.
    api.route(get("/items"), |request| {
        let from: usize = request.query("offset").unwrap().parse().unwrap();
        let count = if from.is_multiple_of(3) { 7 } else { 10 };
        let records: Vec<_> = (from..(from + count).min(300)).map(record).collect();
        Response::json(json!({"data": records})).delay(LATENCY)
    });
    let expected: Vec<_> = (0..300).map(record).collect();
    assert_eq!(read_records(plan(&api.url(), "$.data", offset(10))).await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_next_page_of_a_chain_is_fetched_while_this_one_is_typed() {
    let api = FakeApi::start().await;
    let paged = PagedApi::generated(100, record).page_size(10).latency(LATENCY).paging(Paging::LinkHeader);
    paged.serve(&api);
    let mut pages = pages(plan(&api.url(), "$", PaginationKind::LinkHeader), None);
    let start = Instant::now();
    let mut count = 0;
    while pages.next_page().await.unwrap().is_some() {
        count += 1;
        // Typing takes as long as the network.
        tokio::time::sleep(LATENCY).await;
    }
    assert_eq!(count, 10);
    assert!(start.elapsed() <= LATENCY * 12, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn pages_that_wait_are_bounded_in_bytes() {
    let api = FakeApi::start().await;
    let served = PagedApi::generated(500, |index| json!({"id": index, "text": "x".repeat(10_000)}))
        .page_size(10)
        .paging(Paging::PageNumber { parameter: "page".into(), first: 1 })
        .serve(&api);
    let mut plan = plan(&api.url(), "$", page_number());
    plan.source.limits.prefetch = ByteSize(350_000);
    let mut pages = pages(plan, None);
    let mut delivered = 0;
    while pages.next_page().await.unwrap().is_some() {
        delivered += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Three pages of 100 kB fit, and the one that is demanded always.
        assert!(
            served.pages() <= delivered + 4,
            "{} pages were fetched when {delivered} had been read",
            served.pages()
        );
    }
    assert_eq!(delivered, 51);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_page_can_be_given_up_and_taken_up_again() {
    let api = FakeApi::start().await;
    api.expect(get("/items")).respond(Response::json([1, 2]).delay(Duration::from_secs(5)));
    let mut pages = pages(plan(&api.url(), "$", PaginationKind::None), None);
    for _ in 0..4 {
        let waited = tokio::time::timeout(Duration::from_secs(1), pages.next_page()).await;
        assert!(waited.is_err(), "the page takes longer");
    }
    assert_eq!(pages.next_page().await.unwrap().unwrap().records.len(), 2);
    assert_eq!(api.request_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_pages_gives_up_what_is_under_way() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |request| Response::json(json!([request.target])).delay(LATENCY));
    let mut pages = pages(plan(&api.url(), "$", page_number()), None);
    for _ in 0..5 {
        pages.next_page().await.unwrap();
    }
    drop(pages);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let then = api.request_count();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(api.request_count(), then);
}
