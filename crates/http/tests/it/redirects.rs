//! Redirects are followed at home and nowhere else.

use spile_http::{Body, HeaderMap, Method, Request, Url};
use spile_model::FailureKind;
use spile_plan::{AuthPlan, KeyPlace};
use spile_testkit::fake_api::{FakeApi, Response, any, get, post};
use spile_testkit::plan::template;

use crate::support::{Rig, everything_said, plan, stream};

#[tokio::test]
async fn redirects_of_the_same_origin_are_followed_with_credentials() {
    let api = FakeApi::start().await;
    let with_token = |path: &str| get(path).header("X-Key", "k3y");
    for (index, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let target = if index % 2 == 0 { format!("/{}", index + 1) } else { api.url_of(&format!("/{}", index + 1)) };
        api.expect(with_token(&format!("/{index}"))).respond(Response::redirect(status, &target));
    }
    api.expect(with_token("/5")).respond(Response::json(1));
    let mut plan = plan(&api.url());
    plan.source.auth = AuthPlan::ApiKey { place: KeyPlace::Header, name: "X-Key".to_owned(), value: template("k3y") };
    let rig = Rig::new(&plan);
    let response = rig.get(&api.url_of("/0")).await.unwrap();
    assert_eq!(response.url.path(), "/5");
    assert_eq!(rig.client.usage(&stream()).requests, 6);
}

#[tokio::test]
async fn a_post_becomes_a_get_or_stays_as_the_status_says() {
    for (status, stays) in [(301, false), (302, false), (303, false), (307, true), (308, true)] {
        let api = FakeApi::start().await;
        api.expect(post("/a").body("x")).respond(Response::redirect(status, "/b"));
        let next = if stays { post("/b").body("x") } else { get("/b").body("").without_header("Content-Type") };
        api.expect(next).respond(Response::json(1));
        let url = Url::parse(&api.url_of("/a")).unwrap();
        let body = Body { content_type: "text/plain", bytes: "x".into() };
        let request = Request { method: Method::POST, url, headers: HeaderMap::new(), body: Some(body) };
        Rig::new(&plan(&api.url())).client.send(&request, &stream()).await.unwrap();
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_refused_and_nothing_reaches_it() {
    let mut seen = 0;
    for status in [301, 302, 303, 307, 308] {
        for auth in [
            AuthPlan::Bearer(template("{{ token }}")),
            AuthPlan::ApiKey { place: KeyPlace::Query, name: "key".to_owned(), value: template("{{ token }}") },
        ] {
            let (api, other) = (FakeApi::start().await, FakeApi::start().await);
            api.expect(any()).respond(Response::redirect(status, &other.url_of("/steal?token=hunter2/%2B%C3%BC")));
            let mut plan = plan(&api.url());
            plan.source.auth = auth;
            let failure = Rig::new(&plan).get(&api.url_of("/items")).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::UnexpectedStatus(status));
            assert!(failure.message.contains(&other.url()), "it names the other origin: {failure}");
            assert!(!everything_said(&failure).contains("hunter2"), "{failure:?}");
            assert_eq!(other.connection_count(), 0);
            seen += 1;
        }
    }
    assert_eq!(seen, 10);
}

#[tokio::test]
async fn redirects_to_no_web_address_are_refused() {
    for target in
        ["file:///etc/passwd", "ftp://127.0.0.1/x", "https://127.0.0.1/", "//169.254.169.254/latest", "http://[::1]/"]
    {
        let api = FakeApi::start().await;
        api.expect(any()).respond(Response::redirect(302, target));
        let failure = Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedStatus(302), "{target}: {failure}");
    }
}

#[tokio::test]
async fn redirects_without_end_end() {
    let api = FakeApi::start().await;
    api.expect(get("/items")).times(11).respond(Response::redirect(302, "/items"));
    let failure = Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnexpectedStatus(302));
    assert!(failure.message.contains("more than 10 redirects"), "{failure}");
}

#[tokio::test]
async fn a_redirect_without_target_and_other_statuses_of_its_class_are_failures() {
    for response in [Response::status(302), Response::status(304), Response::status(300)] {
        let api = FakeApi::start().await;
        api.expect(any()).respond(response);
        let failure = Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
        assert!(matches!(failure.kind, FailureKind::UnexpectedStatus(300..=304)), "{failure}");
    }
}
