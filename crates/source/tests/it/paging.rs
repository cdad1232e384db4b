//! One contract for every way of paging: all records come once, in order, and no request too many is sent.

use serde_json::{Value, json};
use spile_plan::{Injection, PaginationKind, PipelinePlan, TokenSource};
use spile_testkit::fake_api::{FakeApi, Response, get, post};
use spile_testkit::paged_api::{FaultMix, PagedApi, Paging};
use spile_testkit::plan::{cursor, path, query};

use crate::support::{offset, page_number, plan, read, read_records, record};

/// A way of paging: how the API does it, and how the plan says it.
struct Way {
    name: &'static str,
    api: fn(PagedApi) -> PagedApi,
    kind: PaginationKind,
    /// Whether the end is only seen at an empty page.
    ends_empty: bool,
}

fn token(token: TokenSource) -> PaginationKind {
    PaginationKind::PageToken { token, inject: query("after"), has_more: None }
}

fn ways() -> Vec<Way> {
    let way = |name, api, kind, ends_empty| Way { name, api, kind, ends_empty };
    let body_token = TokenSource::Body(path("$.meta.next"));
    let next_url = || PaginationKind::NextUrl { url: path("$.next") };
    vec![
        way(
            "page number",
            |api| api.paging(Paging::PageNumber { parameter: "page".into(), first: 1 }),
            page_number(),
            true,
        ),
        way("offset", |api| api.paging(by_offset()), offset(10), true),
        way("offset with total", |api| api.paging(by_offset()).total_at("/total"), offset_with_total(), false),
        way(
            "token in the body",
            |api| api.paging(Paging::TokenInBody { at: "/meta/next".into(), parameter: "after".into() }),
            token(body_token),
            false,
        ),
        way(
            "token in a header",
            |api| api.paging(Paging::TokenInHeader { header: "X-Next".into(), parameter: "after".into() }),
            token(TokenSource::Header("x-next".into())),
            false,
        ),
        way("next URL", |api| api.paging(Paging::NextUrlInBody { at: "/next".into() }), next_url(), false),
        way(
            "relative next URL",
            |api| api.paging(Paging::NextUrlInBody { at: "/next".into() }).relative_next_urls(),
            next_url(),
            false,
        ),
        way("link header", |api| api.paging(Paging::LinkHeader), PaginationKind::LinkHeader, false),
        way(
            "relative link header",
            |api| api.paging(Paging::LinkHeader).relative_next_urls(),
            PaginationKind::LinkHeader,
            false,
        ),
    ]
}

/// A fault in every third answer or so.
fn faults() -> FaultMix {
    FaultMix::seeded(11).status(500, 0.1).status(429, 0.05).reset(0.05).reset_inside(0.05).truncate(0.05).stall(0.05)
}

fn by_offset() -> Paging {
    Paging::Offset { offset: "offset".into(), limit: "limit".into() }
}

fn offset_with_total() -> PaginationKind {
    match offset(10) {
        PaginationKind::Offset { offset, start, limit, has_more, .. } => PaginationKind::Offset {
            offset,
            start,
            limit,
            has_more,
            total: Some(path("$.total")),
            stop_on_short_page: false,
        },
        other => other,
    }
}

async fn plan_of(
    way: &Way,
    count: usize,
    api: &FakeApi,
    change: fn(PagedApi) -> PagedApi,
) -> (PipelinePlan, spile_testkit::paged_api::Served) {
    let described = PagedApi::generated(count, record).page_size(10).records_at("/data");
    let served = change((way.api)(described)).serve(api);
    (plan(&api.url(), "$.data", way.kind.clone()), served)
}

#[tokio::test]
async fn every_way_brings_all_records_once_in_order_whatever_their_number() {
    for way in ways() {
        for count in [0, 1, 9, 10, 11, 20, 95] {
            let api = FakeApi::start().await;
            let (plan, served) = plan_of(&way, count, &api, |api| api).await;
            let expected: Vec<Value> = (0..count).map(record).collect();
            assert_eq!(read_records(plan).await, expected, "{} of {count}", way.name);
            let pages = count.div_ceil(10) + usize::from(way.ends_empty && count > 0);
            // Guesses beyond the end are bounded by what was read before.
            let most = if way.kind_counts() && way.ends_empty { pages.max(1) * 2 } else { pages.max(1) };
            assert!(
                (pages.max(1)..=most).contains(&served.requests()),
                "{} of {count}: {} requests",
                way.name,
                served.requests()
            );
        }
    }
}

impl Way {
    fn kind_counts(&self) -> bool {
        matches!(self.kind, PaginationKind::PageNumber { .. } | PaginationKind::Offset { .. })
    }
}

#[tokio::test(start_paused = true)]
async fn every_way_brings_all_records_once_through_faults() {
    for way in ways() {
        let api = FakeApi::start().await;
        let (mut plan, served) = plan_of(&way, 200, &api, |api| api.faults(faults())).await;
        plan.source.retries.attempts = std::num::NonZeroU32::new(40).unwrap();
        let expected: Vec<Value> = (0..200).map(record).collect();
        assert_eq!(read_records(plan).await, expected, "{}", way.name);
        assert!(served.faults() > 0, "{}", way.name);
    }
}

#[tokio::test(start_paused = true)]
async fn every_way_keeps_to_a_rate_limit_that_the_api_enforces() {
    for way in ways() {
        let api = FakeApi::start().await;
        let (plan, _) = plan_of(&way, 100, &api, |api| api.rate_limit(3, std::time::Duration::from_secs(10))).await;
        assert_eq!(read_records(plan).await.len(), 100, "{}", way.name);
    }
}

#[tokio::test]
async fn a_stream_without_paging_is_one_request() {
    let api = FakeApi::start().await;
    api.expect(get("/items")).respond(Response::json([1, 2]).header("Link", "</items?page=2>; rel=next"));
    assert_eq!(read_records(plan(&api.url(), "$", PaginationKind::None)).await, [json!(1), json!(2)]);
}

#[tokio::test]
async fn a_token_goes_into_a_body_with_its_type() {
    let api = FakeApi::start().await;
    api.expect(post("/items").json_body(json!({"q": 1})))
        .in_order()
        .respond(Response::json(json!({"data": [1], "next": 17})));
    api.expect(post("/items").json_body(json!({"q": 1, "page": {"after": 17}})))
        .in_order()
        .respond(Response::json(json!({"data": [2]})));
    let inject = Injection::Body(vec!["page".into(), "after".into()]);
    let kind = PaginationKind::PageToken { token: TokenSource::Body(path("$.next")), inject, has_more: None };
    let mut plan = plan(&api.url(), "$.data", kind);
    plan.streams[0].request.method = "POST".to_owned();
    let member = ("q".to_owned(), spile_plan::JsonTemplate::Literal(json!(1)));
    plan.streams[0].request.body = Some(spile_plan::BodyPlan::Json(spile_plan::JsonTemplate::Object(vec![member])));
    assert_eq!(read_records(plan).await, [json!(1), json!(2)]);
}

#[tokio::test]
async fn a_page_says_what_was_asked_and_when_it_came() {
    let api = FakeApi::start().await;
    api.route(get("/items"), |_| Response::json(json!([{"id": 1}])));
    let pages = read(plan(&api.url(), "$", PaginationKind::None)).await.unwrap();
    assert_eq!(*pages[0].request, *format!("GET {}/items", api.url()));
    assert_eq!(pages[0].record(0), br#"{"id":1}"#);
    assert!(pages[0].last);
}

#[tokio::test]
async fn the_cursor_is_in_the_first_request_and_every_numbered_one() {
    let api = FakeApi::start().await;
    for page in 1..=2 {
        let records: Vec<i32> = if page == 1 { vec![1] } else { vec![] };
        api.expect(get("/items").query("since", 41).query("page", page)).respond(Response::json(records));
    }
    let mut plan = plan(&api.url(), "$", page_number());
    plan.source.concurrency = std::num::NonZeroU32::MIN;
    plan.streams[0].cursor = Some(spile_plan::CursorPlan { inject: Some(query("since")), ..cursor("id") });
    let mut pages = crate::support::pages(plan, Some(spile_model::CursorValue::Int(41)));
    assert_eq!(pages.next_page().await.unwrap().unwrap().records.len(), 1);
    assert!(pages.next_page().await.unwrap().unwrap().last);
    assert!(pages.next_page().await.unwrap().is_none());
    assert!(pages.next_page().await.unwrap().is_none(), "the end stays the end");
}
