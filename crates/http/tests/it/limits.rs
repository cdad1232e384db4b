//! What the client never exceeds, as the API sees it. All on a paused clock.

use std::num::NonZeroU32;
use std::time::Duration;

use spile_plan::{Counted, RateLimitPlan, WindowKind};
use spile_testkit::fake_api::{FakeApi, Response, any, get};
use tokio::time::Instant;

use crate::support::{Rig, plan, stream};

/// Sends `count` requests at once and waits for all answers.
async fn send_at_once(rig: &Rig, url: &str, count: usize) {
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..count {
        let client = rig.client.clone();
        let request = spile_http::Request::get(spile_http::Url::parse(url).unwrap());
        requests.spawn(async move { client.send(&request, &stream()).await.map(drop) });
    }
    for outcome in requests.join_all().await {
        outcome.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_never_exceeded_and_used_whole() {
    let api = FakeApi::start().await;
    api.expect(any()).times(40).respond(Response::json(1));
    let mut plan = plan(&api.url());
    let per = Duration::from_secs(10);
    let (most, window) = (NonZeroU32::new(10).unwrap(), WindowKind::Sliding);
    plan.source.rate_limits = vec![RateLimitPlan { counts: Counted::Requests, most, per, window, paths: Vec::new() }];
    let rig = Rig::new(&plan);
    let start = Instant::now();
    send_at_once(&rig, &api.url_of("/items"), 40).await;
    assert_eq!(start.elapsed().as_secs(), 30);
    let times: Vec<Instant> = api.requests().iter().map(|request| request.at).collect();
    for from in &times {
        assert!(times.iter().filter(|at| **at >= *from && **at < *from + per).count() <= 10);
    }
    assert!(rig.waits().iter().all(|(reason, _)| reason == "rate limit"));
    assert!(rig.client.usage(&stream()).waited >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_the_concurrency_says() {
    let api = FakeApi::start().await;
    api.expect(any()).times(20).respond(Response::json(1).delay(Duration::from_millis(50)));
    let mut plan = plan(&api.url());
    plan.source.concurrency = NonZeroU32::new(3).unwrap();
    let rig = Rig::new(&plan);
    send_at_once(&rig, &api.url_of("/items"), 20).await;
    assert_eq!(api.peak_in_flight(), 3);
    assert!(api.connection_count() <= 3, "who waits holds no connection");
}

#[tokio::test(start_paused = true)]
async fn what_one_request_was_told_to_wait_holds_for_all() {
    let api = FakeApi::start().await;
    api.expect(get("/first")).respond_each([Response::status(429).header("Retry-After", 60), Response::json(1)]);
    api.expect(get("/second")).respond(Response::json(2));
    let rig = Rig::new(&plan(&api.url()));
    let start = Instant::now();
    let (first_url, second_url) = (api.url_of("/first"), api.url_of("/second"));
    let later = async {
        api.answered(1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.get(&second_url).await
    };
    let (first, second) = tokio::join!(rig.get(&first_url), later);
    first.unwrap();
    second.unwrap();
    assert!(api.requests().iter().skip(1).all(|request| request.at - start >= Duration::from_secs(60)));
    let reasons: Vec<String> = rig.waits().into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons, ["Retry-After, after too many requests", "the API asked to wait"]);
}
