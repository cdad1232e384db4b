//! APIs that lie about what follows: reading ends all the same, and every record that was served is there.

use std::num::NonZeroU64;

use serde_json::{Value, json};
use spile_model::FailureKind;
use spile_plan::{PaginationKind, TokenSource};
use spile_testkit::fake_api::{FakeApi, Response, get};
use spile_testkit::plan::{path, query};

use crate::support::{offset, page_number, plan, read, records};

/// So many records does the API have, three to a page.
const ALL: usize = 20;

/// What is said beside the records, by the page's number from 0.
type Saying = fn(usize) -> Value;

/// Reads an API that says so of each page. How many records came, and how many requests that took.
async fn read_from(kind: PaginationKind, says: Saying) -> Result<(usize, usize), FailureKind> {
    let api = FakeApi::start().await;
    api.route(get("/items"), move |request| {
        let number = |name: &str| request.query(name).map(|text| text.parse::<usize>().unwrap());
        let page = number("page").map(|page| page - 1).or(number("after"));
        let first = number("offset").unwrap_or(page.unwrap_or(0) * 3);
        let data: Vec<Value> = (first..ALL.min(first + 3)).map(|id| json!({"id": id})).collect();
        let mut answer = says(first / 3);
        answer["data"] = json!(data);
        Response::json(answer)
    });
    let mut plan = plan(&api.url(), "$.data", kind);
    plan.streams[0].pagination.max_pages = NonZeroU64::new(50).unwrap();
    let pages = read(plan).await.map_err(|failure| failure.kind)?;
    Ok((pages.iter().flat_map(records).count(), api.request_count()))
}

fn numbered(total_pages: bool, has_more: bool) -> PaginationKind {
    match page_number() {
        PaginationKind::PageNumber { page, start, size, stop_on_short_page, .. } => PaginationKind::PageNumber {
            page,
            start,
            size,
            total_pages: total_pages.then(|| path("$.pages")),
            has_more: has_more.then(|| path("$.more")),
            stop_on_short_page,
        },
        other => other,
    }
}

fn with_total() -> PaginationKind {
    match offset(3) {
        PaginationKind::Offset { offset, start, limit, has_more, stop_on_short_page, .. } => {
            PaginationKind::Offset { offset, start, limit, total: Some(path("$.total")), has_more, stop_on_short_page }
        }
        other => other,
    }
}

fn token() -> PaginationKind {
    let has_more = Some(path("$.more"));
    PaginationKind::PageToken { token: TokenSource::Body(path("$.next")), inject: query("after"), has_more }
}

#[tokio::test(start_paused = true)]
async fn totals_that_are_too_high_and_more_that_never_comes_cost_a_bounded_number_of_requests() {
    // Seven pages hold all; an empty one tells the end, and some were asked for ahead of it, eight at a time.
    for (name, kind, says) in [
        ("a total of pages that is too high", numbered(true, false), (|_| json!({"pages": 1000})) as Saying),
        ("a total of records that is too high", with_total(), |_| json!({"total": 1_000_000})),
        ("`has_more` for ever", numbered(false, true), |_| json!({"more": true})),
        ("a total that grows with each page", with_total(), |page| json!({"total": 100 + page * 3})),
    ] {
        let (records, requests) = read_from(kind, says).await.unwrap_or_else(|kind| panic!("{name}: {kind:?}"));
        assert_eq!(records, ALL, "{name}");
        assert!(requests <= 7 + 3 * 8, "{name}: {requests} requests");
    }
    // A token that is always handed out, with pages that are empty from some place on, has no end but the cap.
    let fate = read_from(token(), |page| json!({"next": page + 1, "more": true})).await;
    assert_eq!(fate, Err(FailureKind::PagingLoop), "tokens for ever");
    // `has_more: false` ends it, whatever token there is.
    let fate = read_from(token(), |page| json!({"next": page + 1, "more": page < 6})).await;
    assert_eq!(fate, Ok((ALL, 7)), "a token after the end");
}
