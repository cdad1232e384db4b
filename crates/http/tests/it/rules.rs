//! What a stream's rules make of answers: pages, ends, failures, further tries.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use spile_http::{Method, Request, Url};
use spile_model::{FailureKind, StreamName};
use spile_plan::{Matcher, PipelinePlan, ResponseRule, RetryRule, TextMatch, Treatment, WaitPlace, WaitPlan};
use spile_testkit::fake_api::{FakeApi, Response, any, get, post};
use spile_testkit::plan::path;
use tokio::time::Instant;

use crate::support::{Rig, plan, stream};
use crate::tokens::{token_server, with_oauth2};

const SECOND: Duration = Duration::from_secs(1);

fn status(status: u16) -> Matcher {
    Matcher::Status(vec![(status, status)])
}

fn error_is(text: &str) -> Matcher {
    Matcher::Body(path("$.error"), Some(TextMatch::Contains(vec![text.to_owned()])))
}

fn with_rules(api: &FakeApi, given: impl IntoIterator<Item = (Matcher, Treatment)>) -> PipelinePlan {
    let mut plan = plan(&api.url());
    plan.streams[0].responses = rules(given);
    plan
}

fn rules(given: impl IntoIterator<Item = (Matcher, Treatment)>) -> Vec<ResponseRule> {
    given.into_iter().map(|(matcher, then)| ResponseRule { when: vec![matcher], then }).collect()
}

fn after(place: WaitPlace) -> RetryRule {
    let after = WaitPlan { place, pattern: None, milliseconds: false, at_least: Duration::ZERO };
    RetryRule { after: Some(after), ..RetryRule::default() }
}

#[tokio::test(start_paused = true)]
async fn a_failure_may_be_a_page_and_then_its_body_comes_whole() {
    let api = FakeApi::start().await;
    let long = json!({"items": ["x".repeat(200_000)]});
    api.expect(get("/items")).respond(Response::json(&long).with_status(404));
    let rig = Rig::new(&with_rules(&api, [(status(404), Treatment::Page)]));
    let response = rig.get(&api.url_of("/items")).await.unwrap();
    assert_eq!((response.status.as_u16(), response.ends), (404, false));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&response.body).unwrap(), long);
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_the_end_also_one_of_success() {
    let api = FakeApi::start().await;
    api.expect(get("/gone")).respond(Response::status(410));
    api.expect(get("/none")).respond(Response::json(json!({"error": "no orders"})));
    let given = [(status(410), Treatment::Empty), (error_is("no orders"), Treatment::Empty)];
    let rig = Rig::new(&with_rules(&api, given));
    for place in ["/gone", "/none"] {
        let response = rig.get(&api.url_of(place)).await.unwrap();
        assert!(response.ends && response.body.is_empty(), "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_has_the_user_s_message_and_what_the_api_says_and_no_secret() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json(json!({"error": "no scope for hunter2/+ü"})));
    let message = "ask IT for the scope `read`".to_owned();
    let rig = Rig::new(&with_rules(&api, [(error_is("scope"), Treatment::Fail(message))]));
    let failure = rig.get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CalledFailure);
    let said =
        format!("GET {}/items: ask IT for the scope `read` (answered with 200 OK: no scope for [redacted])", api.url());
    assert_eq!(failure.message, said);
}

#[tokio::test(start_paused = true)]
async fn a_try_may_follow_when_a_header_or_the_body_says_or_after_a_fixed_wait() {
    let api = FakeApi::start().await;
    api.expect(get("/header")).respond_each([Response::status(400).header("X-Wait", 90), Response::json([1])]);
    let busy = Response::json(json!({"error": "busy", "until": "2025-03-01T12:00:40Z"}));
    api.expect(get("/body")).respond_each([busy, Response::json([1])]);
    api.expect(get("/fixed")).respond_each([Response::status(422), Response::json([1])]);
    let given = [
        (status(400), Treatment::Retry(after(WaitPlace::Header("X-Wait".to_owned())))),
        (error_is("busy"), Treatment::Retry(after(WaitPlace::Body(path("$.until"))))),
        (status(422), Treatment::Retry(RetryRule { wait: Some(7 * SECOND), ..RetryRule::default() })),
    ];
    let rig = Rig::new(&with_rules(&api, given));
    for (place, seconds) in [("/header", 90), ("/body", 40), ("/fixed", 7)] {
        let start = Instant::now();
        rig.get(&api.url_of(place)).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), seconds, "{place}");
    }
    assert_eq!(rig.waits()[0].0, "`responses`, after HTTP 400");
}

#[tokio::test(start_paused = true)]
async fn tries_by_a_rule_end_too_and_a_post_is_among_them() {
    let api = FakeApi::start().await;
    api.expect(post("/items")).times(3).respond(Response::json(json!({"error": "busy"})));
    let rule = RetryRule { attempts: NonZeroU32::new(3), ..RetryRule::default() };
    let rig = Rig::new(&with_rules(&api, [(error_is("busy"), Treatment::Retry(rule))]));
    let url = Url::parse(&api.url_of("/items")).unwrap();
    let request = Request { method: Method::POST, idempotent: false, ..Request::get(url) };
    let failure = rig.client.send(&request, &stream()).await.unwrap_err();
    let said = format!("POST {}/items: answered with 200 OK: busy (tried 3 times)", api.url());
    assert_eq!((failure.kind, failure.message), (FailureKind::CalledFailure, said));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_a_body_holds_all_requests_like_a_429() {
    let api = FakeApi::start().await;
    let limited = Response::json(json!({"error": "ratelimited", "retry_after": 30}));
    api.expect(get("/a")).respond_each([limited, Response::json([1])]);
    api.route(get("/b"), |_| Response::json([1]));
    let rule = after(WaitPlace::Body(path("$.retry_after")));
    let rig = Rig::new(&with_rules(&api, [(error_is("ratelimited"), Treatment::RateLimited(rule))]));
    let start = Instant::now();
    let (a, b) = (api.url_of("/a"), api.url_of("/b"));
    let other = async {
        tokio::time::sleep(SECOND).await;
        rig.get(&b).await
    };
    let (first, second) = tokio::join!(rig.get(&a), other);
    first.unwrap();
    second.unwrap();
    assert!(start.elapsed() >= 30 * SECOND);
    assert!(api.requests().iter().skip(1).all(|request| request.at - start >= 30 * SECOND), "nobody goes before");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_its_status_tells_is_one_refusal_also_where_a_rule_says_so() {
    let rule = (status(429), Treatment::RateLimited(RetryRule::default()));
    for given in [vec![], vec![rule]] {
        let api = FakeApi::start().await;
        let refusals = [429, 429, 429, 429].map(Response::status);
        api.expect(any()).respond_each(refusals.into_iter().chain([Response::json([1])]));
        Rig::new(&with_rules(&api, given)).get(&api.url_of("/items")).await.unwrap();
        let times: Vec<_> = api.requests().iter().map(|request| request.at).collect();
        let waits: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_not_every_request_s_holds_only_its_own_back_also_where_a_rule_names_the_refusal() {
    let api = FakeApi::start().await;
    let told = |response: Response, resource, left| {
        let response = response.header("X-RateLimit-Limit", 30).header("X-RateLimit-Reset", 60);
        response.header("X-RateLimit-Remaining", left).header("X-RateLimit-Resource", resource)
    };
    api.route(get("/repos"), move |_| told(Response::json([1]), "core", 20));
    let refusal = told(Response::status(403), "search", 0);
    api.expect(get("/items")).respond_each([refusal, told(Response::json([1]), "search", 29)]);
    let mut plan = with_rules(&api, [(status(403), Treatment::RateLimited(RetryRule::default()))]);
    plan.streams.push(spile_testkit::plan::stream("repos"));
    let rig = Rig::new(&plan);
    let repos = Request::get(Url::parse(&api.url_of("/repos")).unwrap());
    rig.client.send(&repos, &StreamName::new("repos")).await.unwrap();
    let others = async {
        tokio::time::sleep(SECOND / 10).await;
        let start = Instant::now();
        rig.client.send(&repos, &StreamName::new("repos")).await.unwrap();
        start.elapsed()
    };
    let items = api.url_of("/items");
    let (searched, others) = tokio::join!(rig.get(&items), others);
    searched.unwrap();
    assert!(others < SECOND / 2, "{others:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_asks_for_a_new_token_once() {
    let api = FakeApi::start().await;
    token_server(&api);
    api.route(get("/items"), |request| match request.header("authorization") {
        Some("Bearer tok3n-1") => Response::json(json!({"error": "expired"})),
        _ => Response::json([1]),
    });
    api.route(get("/never"), |_| Response::json(json!({"error": "expired"})));
    let mut plan = with_oauth2(&api.url(), &api.url());
    plan.streams[0].responses = rules([(error_is("expired"), Treatment::RenewCredentials)]);
    let rig = Rig::new(&plan);
    assert_eq!(rig.get(&api.url_of("/items")).await.unwrap().body, "[1]");
    let failure = rig.get(&api.url_of("/never")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthorized);
    assert_eq!(api.requests().iter().filter(|request| request.path == "/never").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_renewed_before_a_rule_sees_the_401() {
    let api = FakeApi::start().await;
    token_server(&api);
    api.route(get("/items"), |request| match request.header("authorization") {
        Some("Bearer tok3n-1") => Response::status(401),
        _ => Response::json([1]),
    });
    api.route(get("/never"), |_| Response::status(401));
    let rule = (Matcher::Status(vec![(400, 499)]), Treatment::Fail("no access".to_owned()));
    let mut plan = with_oauth2(&api.url(), &api.url());
    plan.streams[0].responses = rules([rule]);
    let rig = Rig::new(&plan);
    rig.get(&api.url_of("/items")).await.unwrap();
    let failure = rig.get(&api.url_of("/never")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CalledFailure);
}

#[tokio::test(start_paused = true)]
async fn what_a_rule_takes_for_a_page_is_no_sign_of_an_outage() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::json(json!([])).with_status(503));
    let rig = Rig::new(&with_rules(&api, [(status(503), Treatment::Page)]));
    let start = Instant::now();
    for _ in 0..20 {
        rig.get(&api.url_of("/items")).await.unwrap();
    }
    assert!(rig.waits().is_empty() && start.elapsed() < SECOND);
}
