//! Logins: a request whose answer holds the token that all others send.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use spile_expression::RecordPath;
use spile_model::{FailureKind, Secret};
use spile_plan::{
    AuthPlan, BodyPlan, ExpiryPlace, JsonTemplate, JwtAlgorithm, JwtPlan, LoginPlan, PipelinePlan, SessionPlan,
    TokenSource, Variable,
};
use spile_testkit::fake_api::{FakeApi, Response, get, post, request};
use spile_testkit::plan::{named, path, template};
use tokio::time::Instant;

use crate::support::{Rig, TokioClock, everything_said, plan};

fn session(api: &FakeApi) -> SessionPlan {
    let text = |text: &str| JsonTemplate::Text(template(text));
    let body = vec![("user".to_owned(), text("me")), ("password".to_owned(), text("{{ password }}"))];
    SessionPlan {
        login: LoginPlan {
            method: "POST".to_owned(),
            url: api.url_of("/login"),
            headers: vec![named("X-Client", "spile")],
            body: Some(BodyPlan::Json(JsonTemplate::Object(body))),
            signs: None,
        },
        token: TokenSource::Body(path("$.session.id")),
        expiry: None,
        lifetime: None,
        send: vec![named("X-Session", "Token {{ session_token }}")],
    }
}

fn with_session(api: &FakeApi, session: SessionPlan) -> PipelinePlan {
    let mut plan = plan(&api.url());
    plan.variables.0.insert("password".to_owned(), Variable::Secret(Secret::new("p4ssword")));
    plan.source.auth = AuthPlan::Session(Box::new(session));
    plan
}

#[tokio::test]
async fn one_login_serves_all_requests_until_its_token_is_refused() {
    let api = FakeApi::start().await;
    let login = || post("/login").header("X-Client", "spile").json_body(json!({"user": "me", "password": "p4ssword"}));
    api.expect(login()).in_order().respond(Response::json(json!({"session": {"id": "t0ken-1"}})));
    let items = |token: &str| get("/items").header("X-Session", token).without_header("Authorization");
    api.expect(items("Token t0ken-1")).in_order().times(2).respond_each([Response::json(1), Response::status(401)]);
    api.expect(login()).in_order().respond(Response::json(json!({"session": {"id": "t0ken-2"}})));
    api.expect(items("Token t0ken-2")).in_order().respond(Response::json(1));
    let rig = Rig::new(&with_session(&api, session(&api)));
    for _ in 0..2 {
        rig.get(&api.url_of("/items")).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_may_be_a_form_and_its_token_a_number_or_in_a_header() {
    let form =
        BodyPlan::Form(vec![named("user", "me"), named("password", "{{ password }}"), named("code", "{{ none }}")]);
    for (token, answer, sent) in [
        (TokenSource::Body(path("$[0]")), Response::json([17]), "Bearer 17"),
        (TokenSource::Header("X-Auth".to_owned()), Response::status(204).header("X-Auth", "t0ken"), "Bearer t0ken"),
        (TokenSource::Header("X-Auth".to_owned()), Response::html("<p>").header("X-Auth", "t0ken"), "Bearer t0ken"),
    ] {
        let api = FakeApi::start().await;
        api.expect(request("PUT", "/login").form(&[("user", "me"), ("password", "p4ssword")])).respond(answer);
        api.expect(get("/items").header("Authorization", sent)).respond(Response::json(1));
        let mut plan = session(&api);
        plan.login.method = "PUT".to_owned();
        plan.login.body = Some(form.clone());
        let plan = SessionPlan { token, send: Vec::new(), ..plan };
        Rig::new(&with_session(&api, plan)).get(&api.url_of("/items")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_before_the_end_that_its_answer_tells() {
    let at = |path: &str| RecordPath::compile(path).unwrap();
    for (expiry, told) in [
        (ExpiryPlace::Seconds(at("$.ttl")), json!(3600)),
        (ExpiryPlace::Seconds(at("$.ttl")), json!("3600")),
        (ExpiryPlace::Time(at("$.ttl")), json!("2025-03-01T13:00:00Z")),
        (ExpiryPlace::Time(at("$.ttl")), json!(1_740_834_000)),
        (ExpiryPlace::Time(at("$.ttl")), json!("1740834000000")),
    ] {
        let api = FakeApi::start().await;
        let login = Response::json(json!({"session": {"id": "t0ken"}, "ttl": told}));
        api.expect(post("/login")).times(2).respond(login);
        api.expect(get("/items")).times(3).respond(Response::json(1));
        let plan = SessionPlan { expiry: Some(expiry), ..session(&api) };
        let rig = Rig::with_clock(&with_session(&api, plan), 7, Arc::new(TokioClock(Instant::now())));
        for minutes in [58, 2, 0] {
            rig.get(&api.url_of("/items")).await.unwrap();
            tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
        }
    }
}

#[tokio::test]
async fn a_login_that_signs_sends_what_it_signed_and_nobody_sees_it() {
    let api = FakeApi::start().await;
    let signed = post("/login");
    api.expect(signed).respond(Response::json(json!({"session": {"id": "t0ken"}})));
    api.route(get("/items"), |request| Response::text(format!("{:?}", request.headers)).with_status(422));
    let mut plan = session(&api);
    plan.login.headers = vec![named("Authorization", "Bearer {{ signed_jwt }}")];
    plan.login.signs = Some(JwtPlan {
        key: template("{{ password }}"),
        algorithm: JwtAlgorithm::Hs256,
        key_id: None,
        claims: JsonTemplate::Object(vec![("iss".to_owned(), JsonTemplate::Literal(json!(123)))]),
        lifetime: Duration::from_secs(600),
    });
    plan.send = vec![named("X-Session", "{{ session_token | upper }}")];
    let rig = Rig::new(&with_session(&api, plan));
    let failure = rig.get(&api.url_of("/items")).await.unwrap_err();
    let said = format!("{} {:?}", everything_said(&failure), rig.events.lock().unwrap());
    let sent = api.requests()[0].header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    let [head, claims, signature]: [&str; 3] = sent.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert!(!head.is_empty() && signature.len() == 43, "{sent}");
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    // Ten seconds before the clock of the tests.
    assert_eq!(claims["iat"], 1_740_830_390);
    assert_eq!((&claims["iss"], &claims["exp"]), (&json!(123), &json!(1_740_830_990)));
    assert!(claims["jti"].is_string());
    assert_eq!(api.requests()[1].header("x-session"), Some("T0KEN"));
    for secret in [sent.as_str(), "t0ken", "T0KEN", "p4ssword"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[tokio::test]
async fn a_login_that_fails_says_why_without_its_secrets() {
    for (answer, kind, reason) in [
        (
            Response::json(json!({"message": "no p4ssword"})).with_status(403),
            FailureKind::TokenRefused,
            ": no [redacted]",
        ),
        (Response::json(json!({"ok": 1})), FailureKind::TokenRefused, "its answer has no text at `$.session.id`"),
        (Response::json(json!({"error": "locked"})), FailureKind::TokenRefused, "at `$.session.id`; it says: locked"),
        (Response::html("<title>Sign in</title>"), FailureKind::BadBody, "its answer is not JSON (tried 3 times)"),
    ] {
        let api = FakeApi::start().await;
        api.route(post("/login"), move |_| answer.clone());
        let mut plan = with_session(&api, session(&api));
        plan.source.retries.base_wait = Duration::ZERO;
        let failure = Rig::new(&plan).get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.ends_with(reason), "{failure}");
        let place = format!("no token from {}/login", api.url());
        assert!(failure.message.contains(&place) && !everything_said(&failure).contains("p4ss"), "{failure:?}");
    }
}
