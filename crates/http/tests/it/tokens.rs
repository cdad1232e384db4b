//! Tokens of OAuth 2.0: one fetch for all, when it is needed and only then, and secret everywhere.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use spile_http::{Client, Surroundings};
use spile_model::{Events, Failure, FailureKind, Secret};
use spile_plan::{
    AuthPlan, ClientPlan, ClientProof, Counted, GrantPlan, OAuth2Plan, PipelinePlan, RateLimitPlan, Variable,
    WindowKind,
};
use spile_testkit::fake_api::{FakeApi, RefusedPort, Request, Response, any, get, post};
use spile_testkit::plan::{named, template};
use tokio::time::Instant;

use crate::support::{Rig, TokioClock, everything_said, plan};

const SECRET: &str = "cl1ent/s3cret:ü";

fn oauth2(server: &str) -> OAuth2Plan {
    OAuth2Plan {
        token_url: format!("{server}/token"),
        grant: GrantPlan::ClientCredentials(ClientPlan {
            id: template("me"),
            proof: ClientProof::Basic(template("{{ client_secret }}")),
        }),
        scopes: vec![template("read"), template("write")],
        parameters: vec![named("audience", "api")],
        lifetime: None,
    }
}

/// An API at `api` whose tokens come from `server`.
pub(crate) fn with_oauth2(api: &str, server: &str) -> PipelinePlan {
    let mut plan = plan(api);
    plan.variables.0.insert("client_secret".to_owned(), Variable::Secret(Secret::new(SECRET)));
    plan.source.auth = AuthPlan::from(oauth2(server));
    plan.source.concurrency = NonZeroU32::new(50).unwrap();
    plan
}

fn granted(number: u64) -> Response {
    Response::json(json!({"access_token": format!("tok3n-{number}"), "token_type": "bearer", "expires_in": 3600}))
}

/// Gives out `tok3n-1`, `tok3n-2` and so on, each after a while.
pub(crate) fn token_server(api: &FakeApi) -> Arc<AtomicU64> {
    let given = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&given);
    api.route(post("/token"), move |_| {
        granted(count.fetch_add(1, Ordering::SeqCst) + 1).delay(Duration::from_millis(50))
    });
    given
}

fn bearer(request: &Request) -> u64 {
    let token = request.header("authorization").unwrap().strip_prefix("Bearer tok3n-").unwrap();
    token.parse().unwrap()
}

/// Accepts tokens from the number on that `oldest` says.
fn guarded(api: &FakeApi) -> Arc<AtomicU64> {
    let oldest = Arc::new(AtomicU64::new(1));
    let least = Arc::clone(&oldest);
    api.route(get("/items"), move |request| match bearer(request) >= least.load(Ordering::SeqCst) {
        true => Response::json([1]),
        false => Response::json(json!({"message": "token expired"})).with_status(401).delay(Duration::from_millis(5)),
    });
    oldest
}

async fn all_of(rig: &Rig, api: &FakeApi, count: usize) -> Vec<Result<spile_http::Response, Failure>> {
    let url = api.url_of("/items");
    join_all((0..count).map(|_| rig.get(&url))).await
}

async fn all_succeed(rig: &Rig, url: &str, count: usize) {
    for answer in join_all((0..count).map(|_| rig.get(url))).await {
        answer.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn requests_for_tokens_are_in_the_usage_of_the_stream_that_needed_them_and_in_no_budget() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    guarded(&api);
    server.expect(post("/token")).respond_each([Response::status(500), granted(1)]);
    let mut plan = with_oauth2(&api.url(), &server.url());
    plan.budget.max_requests = std::num::NonZeroU64::new(1);
    let rig = Rig::new(&plan);
    rig.get(&api.url_of("/items")).await.unwrap();
    let usages = rig.client.usages(&crate::support::stream());
    let counted: Vec<_> = usages.iter().map(|usage| (&*usage.endpoint, usage.requests, usage.retries)).collect();
    let token = format!("POST {}", server.url_of("/token"));
    assert_eq!(counted, [(&*usages[0].endpoint, 1, 0), (token.as_str(), 2, 1)]);
    let statuses = usages[1].statuses;
    assert_eq!((statuses.status_2xx, statuses.status_5xx, statuses.unanswered), (1, 1, 0));
    assert!(usages[1].bytes > 0 && usages[1].latency.p50.is_some() && usages[1].cost.is_none());
}

#[tokio::test]
async fn fifty_requests_that_meet_an_expired_token_fetch_one_new_one() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    let (given, oldest) = (token_server(&server), guarded(&api));
    let rig = Rig::new(&with_oauth2(&api.url(), &server.url()));
    let url = api.url_of("/items");
    all_succeed(&rig, &url, 50).await;
    assert_eq!(given.load(Ordering::SeqCst), 1, "one for all who begin");
    assert_eq!(api.request_count(), 50);
    oldest.store(2, Ordering::SeqCst);
    all_succeed(&rig, &url, 50).await;
    assert_eq!(given.load(Ordering::SeqCst), 2, "one for all who were refused");
    assert_eq!(api.request_count(), 150, "each was refused once and sent once more");
    all_succeed(&rig, &url, 50).await;
    assert_eq!((given.load(Ordering::SeqCst), api.request_count()), (2, 200));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires_and_no_request_is_refused() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    let (given, _) = (token_server(&server), guarded(&api));
    let clock = Arc::new(TokioClock(Instant::now()));
    let rig = Rig::with_clock(&with_oauth2(&api.url(), &server.url()), 7, clock);
    for minute in [0, 58, 2, 57] {
        tokio::time::sleep(Duration::from_secs(minute * 60)).await;
        all_succeed(&rig, &api.url_of("/items"), 10).await;
    }
    assert_eq!(given.load(Ordering::SeqCst), 2);
    let seen: Vec<u64> = api.requests().iter().map(bearer).collect();
    assert_eq!(seen, [[1; 20], [2; 20]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_lifetime_is_used_until_it_is_refused_or_as_long_as_the_plan_says() {
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
    for (told, lifetime, expected) in
        [(json!(null), None, 1), (json!(null), Some(hour), 3), (json!("3600"), None, 3), (json!(0), Some(day * 9), 1)]
    {
        let (api, server) = (FakeApi::start().await, FakeApi::start().await);
        api.expect(get("/items")).times(3).respond(Response::json([1]));
        let granted = Response::json(json!({"access_token": "s3cret", "expires_in": told}));
        server.expect(post("/token")).times(expected).respond(granted);
        let mut plan = with_oauth2(&api.url(), &server.url());
        plan.source.auth = AuthPlan::from(OAuth2Plan { lifetime, ..oauth2(&server.url()) });
        let rig = Rig::with_clock(&plan, 7, Arc::new(TokioClock(Instant::now())));
        for _ in 0..3 {
            rig.get(&api.url_of("/items")).await.unwrap();
            tokio::time::sleep(day).await;
        }
    }
}

#[tokio::test]
async fn the_client_authenticates_by_header_or_body_as_the_standard_says() {
    // Form-encoded before they are joined: `me:cl1ent%2Fs3cret%3A%C3%BC` (RFC 6749, 2.3.1).
    let by_header = "Basic bWU6Y2wxZW50JTJGczNjcmV0JTNBJUMzJUJD";
    let asked = [("grant_type", "client_credentials"), ("scope", "read write"), ("audience", "api")];
    let in_body = [&asked[..], &[("client_id", "me"), ("client_secret", SECRET)]].concat();
    let secret = template("{{ client_secret }}");
    for (proof, expected) in [
        (ClientProof::Basic(secret.clone()), post("/token").form(&asked).header("Authorization", by_header)),
        (ClientProof::Body(secret), post("/token").form(&in_body).without_header("Authorization")),
    ] {
        let (api, server) = (FakeApi::start().await, FakeApi::start().await);
        let form = expected.header("Content-Type", "application/x-www-form-urlencoded").without_header("X-Own");
        server.expect(form.header("Accept", "application/json")).respond(granted(1));
        api.expect(get("/items").header("Authorization", "Bearer tok3n-1")).respond(Response::json([1]));
        let mut plan = with_oauth2(&api.url(), &server.url());
        plan.source.headers = vec![named("X-Own", "{{ token }}")];
        plan.source.auth = AuthPlan::from(OAuth2Plan {
            grant: GrantPlan::ClientCredentials(ClientPlan { id: template("me"), proof }),
            ..oauth2(&server.url())
        });
        Rig::new(&plan).get(&api.url_of("/items")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_of_tokens_that_fails_is_asked_again_as_the_policy_says_and_not_counted_by_rate_limits() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    api.expect(get("/items")).respond(Response::json([1]));
    server.expect(post("/token")).respond_each([
        Response::status(500),
        Response::hang_up(),
        Response::status(429).header("Retry-After", 30),
        granted(1),
    ]);
    let mut plan = with_oauth2(&api.url(), &server.url());
    plan.source.rate_limits = vec![RateLimitPlan {
        counts: Counted::Requests,
        most: NonZeroU32::MIN,
        per: Duration::from_secs(3600),
        window: WindowKind::Sliding,
        paths: Vec::new(),
    }];
    let (rig, start) = (Rig::new(&plan), Instant::now());
    rig.get(&api.url_of("/items")).await.unwrap();
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(40), "{took:?}");
    let reasons: Vec<String> = rig.waits().into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons, ["the server that gives out tokens fails"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_server_of_tokens_that_stays_away_ends_the_request_after_its_own_tries_alone() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    server.expect(post("/token")).times(6).respond(Response::status(502));
    let rig = Rig::new(&with_oauth2(&api.url(), &server.url()));
    let failures = all_of(&rig, &api, 20).await;
    for failure in failures.into_iter().map(Result::unwrap_err) {
        assert_eq!(failure.kind, FailureKind::ServerError(502));
        let expected = format!("no token from {}/token: answered with 502 Bad Gateway (tried 6 times)", server.url());
        assert_eq!(failure.message, format!("GET {}/items: {expected}", api.url()));
    }
    assert_eq!(api.request_count(), 0);
    let refused = RefusedPort::reserve();
    let failure = Rig::new(&with_oauth2(&api.url(), &refused.url())).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.message.contains(&format!("no token from {}/token: ", refused.url())), "{failure}");
}

#[tokio::test]
async fn a_client_that_is_refused_hears_why_and_asks_once() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    let said = json!({"error": "invalid_client", "error_description": format!("{SECRET} is not known")});
    server.expect(post("/token")).respond(Response::json(said).with_status(401));
    let rig = Rig::new(&with_oauth2(&api.url(), &server.url()));
    let mut failures = all_of(&rig, &api, 20).await;
    failures.push(rig.get(&api.url_of("/items")).await);
    for failure in failures.into_iter().map(Result::unwrap_err) {
        assert_eq!(failure.kind, FailureKind::TokenRefused);
        let expected = "answered with 401 Unauthorized: invalid_client: [redacted] is not known";
        assert!(failure.message.ends_with(expected), "{failure}");
    }
    assert_eq!(api.request_count(), 0);
}

#[tokio::test]
async fn what_is_no_token_is_refused_with_its_reason_and_none_of_its_text() {
    let long = "x".repeat(2 << 20);
    for (answer, kind, reason) in [
        (Response::json(json!({"ok": true})), FailureKind::TokenRefused, "its answer has no `access_token`"),
        (Response::json(json!({"error": "bad_code"})), FailureKind::TokenRefused, "it refused: bad_code"),
        (
            Response::json(json!({"access_token": "s3cret", "token_type": "DPoP"})),
            FailureKind::TokenRefused,
            "it gives tokens of the type DPoP, where bearer tokens are wanted",
        ),
        (Response::json(json!({"access_token": "s3cret\n"})), FailureKind::TokenRefused, "no header can"),
        (Response::text("s3cret"), FailureKind::BadBody, "its answer is not JSON (tried 3 times)"),
        (
            Response::text(long),
            FailureKind::TooLarge,
            "its answer is larger than 1 MiB, and nothing that is asked for is",
        ),
        (
            Response::json(json!({"error": "invalid_grant"})).with_status(400),
            FailureKind::TokenRefused,
            "answered with 400 Bad Request: invalid_grant",
        ),
        (Response::text("s3cret-ish").with_status(404), FailureKind::TokenRefused, "404 Not Found: s3cret-ish"),
        (Response::redirect(307, "/other"), FailureKind::UnexpectedStatus(307), "307 Temporary Redirect"),
    ] {
        let (api, server) = (FakeApi::start().await, FakeApi::start().await);
        server.route(post("/token"), move |_| answer.clone());
        let mut plan = with_oauth2(&api.url(), &server.url());
        plan.source.retries.base_wait = Duration::ZERO;
        let failure = Rig::new(&plan).get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.ends_with(reason), "{failure}");
        assert!(!everything_said(&failure).contains("s3cret\n"), "{failure:?}");
        assert_eq!(api.connection_count(), 0);
    }
}

#[tokio::test]
async fn an_api_that_refuses_every_token_is_asked_twice() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    let (given, oldest) = (token_server(&server), guarded(&api));
    oldest.store(99, Ordering::SeqCst);
    let failure = Rig::new(&with_oauth2(&api.url(), &server.url())).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthorized);
    assert!(failure.message.contains("token expired"), "{failure}");
    assert_eq!((given.load(Ordering::SeqCst), api.request_count()), (2, 2));
}

#[tokio::test]
async fn a_refused_token_that_is_handed_out_again_is_not_sent_again() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    server.expect(post("/token")).times(2).respond(granted(1));
    guarded(&api).store(2, Ordering::SeqCst);
    let rig = Rig::new(&with_oauth2(&api.url(), &server.url()));
    for failure in all_of(&rig, &api, 10).await {
        let failure = failure.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TokenRefused);
        assert!(failure.message.contains("handed out the same one again"), "{failure}");
    }
    // The first went ahead alone; the others did not have to be sent.
    assert_eq!(api.request_count(), 1);
}

#[tokio::test]
async fn fixed_credentials_that_are_refused_are_not_sent_again() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::status(401));
    let mut plan = plan(&api.url());
    plan.source.auth = AuthPlan::Bearer(template("{{ token }}"));
    assert_eq!(Rig::new(&plan).get(&api.url_of("/items")).await.unwrap_err().kind, FailureKind::Unauthorized);
}

#[tokio::test]
async fn neither_server_gets_what_is_for_the_other_and_no_redirect_carries_it_on() {
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    let elsewhere = FakeApi::start().await;
    server.expect(post("/token")).respond(granted(1));
    api.route(any(), |_| Response::json([1]));
    Rig::new(&with_oauth2(&api.url(), &server.url())).get(&api.url_of("/items")).await.unwrap();
    let seen = format!("{:?}", api.requests());
    assert!(!seen.contains("s3cret") && !seen.contains("Y2wxZW50"), "{seen}");
    assert!(!format!("{:?}", server.requests()).contains("hunter2"));
    server.expect(post("/token")).respond(Response::redirect(307, &elsewhere.url_of("/token")));
    Rig::new(&with_oauth2(&api.url(), &server.url())).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(elsewhere.connection_count(), 0);
}

#[test]
fn secrets_are_never_sent_openly() {
    let clock = Arc::new(spile_model::clock::SystemClock);
    let plan = with_oauth2("https://api.test", "http://auth.test");
    let failure = Client::new(&plan, Surroundings::new(clock, Events::nowhere(), 1)).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Configuration);
    assert!(failure.message.contains("`auth.oauth2.token_url` must begin with https://"), "{failure}");
}

/// An API that echoes what it was sent.
fn echo(request: &Request) -> Response {
    Response::text(format!("I got {:?}", request.headers)).with_status(400)
}

fn assert_knows_no_token(rig: &Rig, failure: &Failure) {
    let events = format!("{:?}", rig.events.lock().unwrap());
    for text in [everything_said(failure), events] {
        for secret in ["tok3n", "r3fresh", "1d-t0ken", "unnamed-0123456789-secret", "cl1ent"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn no_secret_of_a_token_answer_is_shown_from_the_moment_it_exists() {
    let answer = json!({
        "access_token": "tok3n-1", "refresh_token": "r3fresh", "id_token": "1d-t0ken",
        "nested": [{"thing": "unnamed-0123456789-secret"}], "scope": "read", "token_type": "Bearer",
    });
    let echoed = |answer: &Value| format!("I got {answer}");
    let (api, server) = (FakeApi::start().await, FakeApi::start().await);
    server.expect(post("/token")).respond(Response::json(answer.clone()));
    let told = echoed(&answer);
    api.route(get("/told"), move |_| Response::json(json!({"message": told})).with_status(404));
    api.route(get("/echo"), echo);
    let rig = Rig::new(&with_oauth2(&api.url(), &server.url()));
    for path in ["/echo", "/told"] {
        let failure = rig.get(&api.url_of(path)).await.unwrap_err();
        assert_knows_no_token(&rig, &failure);
        assert!(failure.message.contains("[redacted]"), "{failure}");
    }
    let failure = rig.get(&api.url_of("/told?token=tok3n-1")).await.unwrap_err();
    assert_knows_no_token(&rig, &failure);
    assert!(failure.message.contains("read"), "what is not secret is shown: {failure}");
}
