//! What goes out, and what comes back.

use spile_http::{Body, HeaderMap, Method, Request, Url};
use spile_plan::{AuthPlan, KeyPlace};
use spile_testkit::fake_api::{FakeApi, Response, get, post};
use spile_testkit::plan::template;

use crate::support::{NOW, Rig, plan, stream};

#[tokio::test]
async fn a_request_says_who_asks_and_what_for_and_its_answer_is_counted() {
    let api = FakeApi::start().await;
    let version = concat!("spile/", env!("CARGO_PKG_VERSION"));
    let expected =
        get("/items").only_query(&[("page", "1")]).header("User-Agent", version).header("Accept", "application/json");
    api.expect(expected.without_header("Authorization")).respond(Response::json([1, 2]).header("X-Next", "t"));
    let rig = Rig::new(&plan(&api.url()));
    let response = rig.get(&api.url_of("/items?page=1")).await.unwrap();
    assert_eq!(response.body, "[1,2]");
    assert_eq!(response.header("x-next"), Some("t"));
    assert_eq!(response.received_at.to_string(), NOW);
    let usage = rig.client.usage(&stream());
    assert_eq!((usage.requests, usage.bytes), (1, 5));
    assert!(rig.waits().is_empty());
}

#[tokio::test]
async fn a_body_and_own_headers_replace_the_defaults() {
    let api = FakeApi::start().await;
    let expected =
        post("/search").header("Content-Type", "application/json").header("Accept", "text/x").header("X-A", "1");
    api.expect(expected.json_body(serde_json::json!({"q": "x"}))).respond(Response::json([0; 0]));
    let rig = Rig::new(&plan(&api.url()));
    let mut headers = HeaderMap::new();
    headers.insert("accept", "text/x".parse().unwrap());
    headers.insert("x-a", "1".parse().unwrap());
    let body = Body { content_type: "application/json", bytes: r#"{"q":"x"}"#.into() };
    let url = Url::parse(&api.url_of("/search")).unwrap();
    let request = Request { method: Method::POST, url, headers, body: Some(body), idempotent: false };
    rig.client.send(&request, &stream()).await.unwrap();
    assert!(!format!("{request:?}").contains("q=") && format!("{request:?}").contains("POST"));
}

#[tokio::test]
async fn every_kind_of_credential_arrives() {
    let api = FakeApi::start().await;
    let key = |place| AuthPlan::ApiKey { place, name: "session".to_owned(), value: template("k3y") };
    let kinds = [
        (AuthPlan::Bearer(template("{{ token }}")), get("/a").without_query("session")),
        (
            AuthPlan::Basic { username: template("me"), password: template("pw") },
            get("/b").header("Authorization", "Basic bWU6cHc="),
        ),
        (key(KeyPlace::Header), get("/c").header("Session", "k3y")),
        (key(KeyPlace::Query), get("/d").only_query(&[("x", "1"), ("session", "k3y")])),
        (key(KeyPlace::Cookie), get("/e").header("Cookie", "session=k3y")),
    ];
    for ((auth, expected), path) in kinds.into_iter().zip(["/a?x=1", "/b?x=1", "/c?x=1", "/d?x=1", "/e?x=1"]) {
        api.expect(expected).respond(Response::json(1));
        let mut plan = plan(&api.url());
        plan.source.auth = auth;
        Rig::new(&plan).get(&api.url_of(path)).await.unwrap();
    }
    assert_eq!(api.requests()[0].header("authorization"), Some("Bearer hunter2/+ü"));
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let api = FakeApi::start().await;
    api.expect(get("/items")).times(5).respond(Response::json(1));
    let rig = Rig::new(&plan(&api.url()));
    for _ in 0..5 {
        rig.get(&api.url_of("/items")).await.unwrap();
    }
    assert_eq!(api.connection_count(), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_another_origin() {
    let (api, other) = (FakeApi::start().await, FakeApi::start().await);
    let failure = Rig::new(&plan(&api.url())).get(&other.url_of("/items")).await.unwrap_err();
    assert!(failure.message.contains("another origin"), "{failure}");
    assert_eq!((other.connection_count(), api.connection_count()), (0, 0));
}
