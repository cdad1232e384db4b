//! What responses tell of their cost reaches the limits, and what is refused with a status of success is asked again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spile_http::{Client, Surroundings};
use spile_model::{Events, FailureKind, Page, SystemClock};
use spile_plan::{CostPlan, Counted, PaginationKind, PipelinePlan, RateLimitPlan, TokenSource, WindowKind};
use spile_source::{Source, Start};
use spile_testkit::fake_api::{FakeApi, Response, any};
use spile_testkit::plan::path;
use tokio::time::Instant;

use crate::support::{page_number, plan};

fn throttled(available: u32) -> Value {
    let status = json!({ "maximumAvailable": 1000.0, "currentlyAvailable": available, "restoreRate": 50.0 });
    let cost = json!({ "requestedQueryCost": 100, "actualQueryCost": null, "throttleStatus": status });
    json!({
        "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
        "extensions": { "cost": cost },
    })
}

fn graphql(api: &FakeApi) -> PipelinePlan {
    let mut plan = plan(&api.url(), "$.data.items", PaginationKind::None);
    plan.streams[0].request.method = "POST".to_owned();
    plan.streams[0].cost = CostPlan::GraphQl;
    plan
}

/// A source and the client that it asks through.
fn rig(plan: PipelinePlan) -> (Arc<PipelinePlan>, Source, Client) {
    let client = Client::new(&plan, Surroundings::new(Arc::new(SystemClock), Events::nowhere(), 7)).unwrap();
    let plan = Arc::new(plan);
    (Arc::clone(&plan), Source::new(plan, client.clone()), client)
}

#[tokio::test(start_paused = true)]
async fn a_throttled_answer_with_the_status_200_is_waited_out_until_there_is_enough() {
    let api = FakeApi::start().await;
    let data = json!({ "data": { "items": [{ "id": 1 }] } });
    api.expect(any()).respond_each([Response::json(throttled(0)), Response::json(data)]);
    let (plan, source, client) = rig(graphql(&api));
    let start = Instant::now();
    let page: Page = source.pages(&plan.streams[0], Start::default()).next_page().await.unwrap().unwrap();
    assert_eq!(page.records.len(), 1);
    assert!(start.elapsed() >= Duration::from_secs(2), "100 points come back in two seconds: {:?}", start.elapsed());
    let usage = client.usage(&plan.streams[0].name);
    assert_eq!((usage.requests, usage.retries, usage.rate_limited), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_again_and_again_fails_as_too_many_requests() {
    let api = FakeApi::start().await;
    let refusal = json!({ "data": null, "errors": [{ "type": "RATE_LIMITED", "message": "API rate limit exceeded" }] });
    api.route(any(), move |_| Response::json(&refusal));
    let (plan, source, _) = rig(graphql(&api));
    let failure = source.pages(&plan.streams[0], Start::default()).next_page().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::RateLimited);
    assert!(
        failure.message.contains("answered with 200 OK, but its body says that the request was refused"),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cost_told_by_a_header_or_a_body_is_kept_to() {
    for (by, body) in [
        (TokenSource::Header("x-cost".to_owned()), json!([{ "id": 1 }])),
        (TokenSource::Body(path("$[0].cost")), json!([{ "id": 1, "cost": "60" }])),
    ] {
        let api = FakeApi::start().await;
        api.route(any(), move |request| match request.query("page") {
            Some("1" | "2" | "3") => {
                let mut body = body.clone();
                body[0]["id"] = json!(request.query("page"));
                Response::json(body).header("X-Cost", 60)
            }
            _ => Response::json(json!([])).header("X-Cost", 1),
        });
        let mut plan = plan(&api.url(), "$", page_number());
        plan.streams[0].cost = CostPlan::Told { by, estimate: None };
        plan.source.rate_limits = vec![RateLimitPlan {
            counts: Counted::Cost,
            most: NonZeroU32::new(100).unwrap(),
            per: Duration::from_secs(60),
            window: WindowKind::Sliding,
            paths: Vec::new(),
        }];
        let (plan, source, _) = rig(plan);
        let mut pages = source.pages(&plan.streams[0], Start::default());
        while pages.next_page().await.unwrap().is_some() {}
        let times: Vec<Instant> = api.requests().iter().map(|request| request.at).collect();
        assert!(times.len() >= 4, "{times:?}");
        for pair in times[..3].windows(2) {
            assert!(pair[1] - pair[0] >= Duration::from_secs(60), "60 and 60 are more than 100 in a minute");
        }
    }
}
