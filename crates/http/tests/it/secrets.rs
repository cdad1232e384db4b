//! Secrets appear in no message, no event and no URL that is shown, in none of their forms.

use std::sync::{Arc, Mutex};

use spile_http::Url;
use spile_model::{ByteSize, Failure};
use spile_plan::{AuthPlan, KeyPlace, PipelinePlan};
use spile_testkit::fake_api::{FakeApi, RefusedPort, Response, any};
use spile_testkit::plan::{named, template};

use crate::support::{Log, Rig, everything_said, plan, without_retries};

/// The secret in every form in which it could come back.
const FORMS: [&str; 5] = ["hunter2", "HUNTER2", "aHVudGVy", "%2F%2B%C3%BC", "2/+ü"];

fn assert_clean(text: &str) {
    for form in FORMS {
        assert!(!text.contains(form), "{form} in {text}");
    }
}

fn kinds_of_auth() -> Vec<AuthPlan> {
    let key = |place, value| AuthPlan::ApiKey { place, name: "api_key".to_owned(), value: template(value) };
    vec![
        AuthPlan::Bearer(template("{{ token }}")),
        AuthPlan::Basic { username: template("{{ token }}"), password: template("x{{ token }}") },
        key(KeyPlace::Header, "{{ token }}"),
        key(KeyPlace::Query, "{{ token }}"),
        key(KeyPlace::Cookie, "{{ token | upper | replace('/+Ü', '') }}"),
    ]
}

fn secretive(base_url: &str, auth: AuthPlan) -> PipelinePlan {
    let mut plan = without_retries(plan(base_url));
    plan.source.auth = auth;
    plan.source.query = vec![named("signature", "{{ token | upper }}")];
    plan
}

/// An answer that echoes everything it was sent, in the given dress.
fn echo(
    status: u16,
    dress: fn(&str) -> String,
) -> impl Fn(&spile_testkit::fake_api::Request) -> Response + Send + Sync {
    move |request| {
        let mut all = request.target.clone();
        for (_, value) in request.query.iter().chain(&request.headers) {
            all.push_str(&format!(" {value}"));
        }
        Response::text(dress(&all)).with_status(status)
    }
}

/// What a run with `-vv` logs meanwhile holds no secret either, and is returned.
async fn failure_and_log_of(plan: &PipelinePlan, url: &str) -> (Failure, String) {
    let log = Log::default();
    let _listening = log.listen();
    let rig = Rig::new(plan);
    let exchanges = Arc::new(Mutex::new(Vec::new()));
    let seen = exchanges.clone();
    rig.client.watch(move |exchange| seen.lock().unwrap().push(exchange));
    let failure = rig.get(url).await.unwrap_err();
    assert_clean(&format!("{:?}", exchanges.lock().unwrap()));
    let said = log.text();
    assert_clean(&said);
    for event in rig.events.lock().unwrap().iter() {
        assert_clean(&format!("{event:?}"));
    }
    (failure, said)
}

async fn failure_of(plan: &PipelinePlan, url: &str) -> Failure {
    failure_and_log_of(plan, url).await.0
}

#[tokio::test]
async fn an_error_body_that_echoes_the_request_is_shown_without_its_secrets() {
    let dresses: [fn(&str) -> String; 3] = [
        ToOwned::to_owned,
        |text| serde_json::json!({"message": text}).to_string(),
        |text| format!("<html><title>{text}</title></html>"),
    ];
    for auth in kinds_of_auth() {
        for dress in dresses {
            for status in [400, 401, 404, 500] {
                let api = FakeApi::start().await;
                api.route(any(), echo(status, dress));
                let plan = secretive(&api.url(), auth.clone());
                let failure = failure_of(&plan, &api.url_of("/items?signature=HUNTER2%2F%2B%C3%9C&page=3")).await;
                assert_clean(&everything_said(&failure));
                assert!(failure.message.contains("[redacted]"), "{failure}");
                assert!(failure.message.contains("page=3"), "what is not secret is shown: {failure}");
            }
        }
    }
}

#[tokio::test]
async fn failures_of_every_other_kind_hold_no_secret_either() {
    let url =
        |base: &str| format!("{base}/hunter2%2F%2B%C3%BC?signature=HUNTER2%2F%2B%C3%9C&token=hunter2%2F%2B%C3%BC");
    for auth in kinds_of_auth() {
        let refused = RefusedPort::reserve();
        assert_clean(&everything_said(
            &failure_of(&secretive(&refused.url(), auth.clone()), &url(&refused.url())).await,
        ));
        for response in [
            Response::hang_up(),
            Response::json([1]).truncate_at(1),
            Response::json(vec![1; 100]),
            Response::redirect(302, "/items?token=hunter2%2F%2B%C3%BC"),
        ] {
            let api = FakeApi::start().await;
            api.route(any(), move |_| response.clone());
            let mut plan = secretive(&api.url(), auth.clone());
            plan.source.limits.body = ByteSize(50);
            assert_clean(&everything_said(&failure_of(&plan, &url(&api.url())).await));
        }
    }
}

#[test]
fn a_url_is_shown_without_secret_parameters() {
    let auth = AuthPlan::ApiKey { place: KeyPlace::Query, name: "api_key".to_owned(), value: template("{{ token }}") };
    let rig = Rig::new(&secretive("http://api.test", auth));
    let url = Url::parse("http://api.test/items?page=2&api_key=anything&signature=else&q=hunter2/%2B%C3%BC").unwrap();
    let shown = "http://api.test/items?page=2&api_key=[redacted]&signature=[redacted]&q=";
    assert!(rig.client.show_url(&url).starts_with(shown), "{}", rig.client.show_url(&url));
    assert_clean(&rig.client.show_url(&url));
}

#[tokio::test]
async fn the_log_tells_requests_and_answers_with_their_headers_and_without_secrets() {
    for auth in kinds_of_auth() {
        let api = FakeApi::start().await;
        api.route(any(), |request| {
            echo(404, ToOwned::to_owned)(request)
                .header("X-Echo", request.target.clone())
                .header("Link", format!("<{}>; rel=next", request.target))
                .header("Set-Cookie", "sid=hunter2")
        });
        let plan = secretive(&api.url(), auth);
        let (_, log) = failure_and_log_of(&plan, &api.url_of("/items?signature=HUNTER2%2F%2B%C3%9C&page=3")).await;
        for told in ["GET http://", "page=3", "404 Not Found", "accept: application/json", "set-cookie: [redacted]"] {
            assert!(log.contains(told), "{told} in {log}");
        }
    }
}

#[tokio::test]
async fn waits_and_tries_are_logged_with_their_reason() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::status(503));
    api.expect(any()).respond(Response::json([1]));
    let mut plan = plan(&api.url());
    plan.source.retries.base_wait = std::time::Duration::from_millis(1);
    let log = Log::default();
    let _listening = log.listen();
    Rig::new(&plan).get(&api.url()).await.unwrap();
    let said = log.text();
    for told in ["503 Service Unavailable", "waits ", "backoff after HTTP 503", "tries again (2)", "200 OK, 3 B in "] {
        assert!(said.contains(told), "{told} in {said}");
    }
}
