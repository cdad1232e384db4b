//! Redirects are followed at home with credentials, to allowed origins without any, and nowhere else.

use spile_http::{Body, HeaderMap, HeaderValue, Method, Request, Url, header};
use spile_model::FailureKind;
use spile_plan::{AuthPlan, KeyPlace, PipelinePlan};
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
        let request =
            Request { method: Method::POST, url, headers: HeaderMap::new(), body: Some(body), idempotent: false };
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
    for target in ["/items", "/?twenty-one"] {
        let api = FakeApi::start().await;
        // To itself, or on and on: never the same place twice.
        api.route(any(), move |request| {
            let on = if target == "/items" { target.to_owned() } else { format!("/{}{target}", request.number) };
            if request.number <= 21 { Response::redirect(302, &on) } else { Response::json(1) }
        });
        let failure = Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedStatus(302));
        assert!(failure.message.contains("more than 10 redirects"), "{failure}");
        assert_eq!(api.request_count(), 11);
    }
}

#[tokio::test]
async fn redirects_between_two_origins_without_end_end() {
    let (api, files) = (FakeApi::start().await, FakeApi::start().await);
    let (home, away) = (api.url_of("/items"), files.url_of("/items"));
    api.route(any(), move |_| Response::redirect(302, &away));
    files.route(any(), move |_| Response::redirect(302, &home));
    let mut plan = plan(&api.url());
    plan.source.allowed_origins = vec![files.url()];
    let failure = Rig::new(&plan).get(&api.url_of("/items")).await.unwrap_err();
    assert!(failure.message.contains("more than 10 redirects"), "{failure}");
    assert_eq!((api.request_count(), files.request_count()), (6, 5));
}

/// A plan that sends the secret in every place, and may ask `other`.
fn with_credentials_everywhere(api: &FakeApi, other: &FakeApi, auth: AuthPlan) -> PipelinePlan {
    let mut plan = plan(&api.url());
    plan.source.auth = auth;
    plan.source.allowed_origins = vec![other.url()];
    plan.source.private_hosts = vec!["localhost".to_owned()];
    plan
}

fn every_auth() -> Vec<AuthPlan> {
    let key = |place| AuthPlan::ApiKey { place, name: "x-key".to_owned(), value: template("k3y") };
    vec![
        AuthPlan::Bearer(template("{{ token }}")),
        AuthPlan::Basic { username: template("me"), password: template("{{ token }}") },
        key(KeyPlace::Header),
        key(KeyPlace::Query),
        key(KeyPlace::Cookie),
    ]
}

fn request_with_everything(method: Method, url: &str, body: Option<&'static str>) -> Request {
    let mut headers = HeaderMap::new();
    for name in ["authorization", "proxy-authorization", "cookie", "referer", "origin", "x-api-key", "x-tenant"] {
        headers.insert(name, "of-home".parse().unwrap());
    }
    headers.insert("accept", "text/x".parse().unwrap());
    headers.insert("user-agent", "me/1".parse().unwrap());
    let body = body.map(|bytes| Body { content_type: "text/plain", bytes: bytes.into() });
    Request { method, url: Url::parse(url).unwrap(), headers, body, idempotent: true }
}

#[tokio::test]
async fn a_redirect_to_an_allowed_origin_is_followed_and_no_credential_of_any_kind_arrives_there() {
    let mut seen = 0;
    for auth in every_auth() {
        for status in [301, 302, 303, 307, 308] {
            for back in [false, true] {
                let (api, files) = (FakeApi::start().await, FakeApi::start().await);
                api.expect(get("/items")).respond(Response::redirect(status, &files.url_of("/x?sig=a%2Fb")));
                let end = if back { Response::redirect(status, &api.url_of("/end")) } else { Response::json(1) };
                files.expect(get("/x")).respond(end);
                if back {
                    api.expect(get("/end")).respond(Response::json(1));
                }
                let plan = with_credentials_everywhere(&api, &files, auth.clone());
                let request = request_with_everything(Method::GET, &api.url_of("/items?secret=no"), None);
                Rig::new(&plan).client.send(&request, &stream()).await.unwrap();
                let arrived = files.requests().remove(0);
                assert_eq!((arrived.target.as_str(), arrived.body.len()), ("/x?sig=a%2Fb", 0));
                let mut names: Vec<_> = arrived.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
                names.sort_unstable();
                assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"], "{auth:?} {status}");
                assert_eq!((arrived.header("accept"), arrived.header("user-agent")), (Some("text/x"), Some("me/1")));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 50);
}

#[tokio::test]
async fn what_accept_holds_stays_at_home_where_it_is_secret() {
    let (api, files) = (FakeApi::start().await, FakeApi::start().await);
    files.expect(get("/x").header("Accept", "application/json")).respond(Response::json(1));
    let plan = with_credentials_everywhere(&api, &files, AuthPlan::None);
    let mut request = request_with_everything(Method::GET, &files.url_of("/x#top"), None);
    request.headers.values_mut().for_each(|value| value.set_sensitive(true));
    Rig::new(&plan).client.send(&request, &stream()).await.unwrap();
    assert!(files.requests()[0].header("user-agent").unwrap().starts_with("spile/"));
}

#[tokio::test]
async fn a_body_never_goes_to_an_allowed_origin() {
    for (status, becomes_get) in [(301, true), (302, true), (303, true), (307, false), (308, false)] {
        let (api, files) = (FakeApi::start().await, FakeApi::start().await);
        api.expect(post("/items")).respond(Response::redirect(status, &files.url_of("/x")));
        let plan = with_credentials_everywhere(&api, &files, AuthPlan::Bearer(template("{{ token }}")));
        let request = request_with_everything(Method::POST, &api.url_of("/items"), Some("hunter2"));
        if becomes_get {
            files.expect(get("/x").body("")).respond(Response::json(1));
        }
        let answer = Rig::new(&plan).client.send(&request, &stream()).await;
        match answer {
            Ok(_) => assert!(becomes_get, "{status}"),
            Err(failure) => {
                assert!(!becomes_get && failure.kind == FailureKind::UnexpectedStatus(status), "{failure}");
                assert!(failure.message.contains("only GET and HEAD without a body"), "{failure}");
                assert_eq!(files.connection_count(), 0);
            }
        }
    }
    let (api, files) = (FakeApi::start().await, FakeApi::start().await);
    let plan = with_credentials_everywhere(&api, &files, AuthPlan::None);
    for (method, body) in [(Method::POST, None), (Method::DELETE, None), (Method::GET, Some("x"))] {
        let request = request_with_everything(method, &files.url_of("/x"), body);
        let failure = Rig::new(&plan).client.send(&request, &stream()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::OtherOrigin, "{failure}");
    }
    assert_eq!(files.connection_count(), 0);
}

#[tokio::test]
async fn a_redirect_that_takes_the_query_along_does_not_take_a_secret_along() {
    for echoed in ["hunter2%2F%2B%C3%BC", "hunter2/%2B%C3%bc", "%68unter2%2f%2b%c3%bc"] {
        for place in ["/x?x-key=", "/x/", "/x?a=b&c="] {
            let (api, files) = (FakeApi::start().await, FakeApi::start().await);
            api.expect(any()).respond(Response::redirect(302, &files.url_of(&format!("{place}{echoed}"))));
            let key =
                AuthPlan::ApiKey { place: KeyPlace::Query, name: "x-key".to_owned(), value: template("{{ token }}") };
            let plan = with_credentials_everywhere(&api, &files, key);
            let failure = Rig::new(&plan).get(&api.url_of("/items")).await.unwrap_err();
            assert!(failure.message.contains("holds a secret of this pipeline"), "{failure}");
            assert!(!everything_said(&failure).contains("unter2"), "{failure:?}");
            assert_eq!(files.connection_count(), 0);
        }
    }
}

#[tokio::test]
async fn an_allowed_origin_that_refuses_is_said_to_get_no_credential() {
    let (api, files) = (FakeApi::start().await, FakeApi::start().await);
    files.expect(any()).respond(Response::status(403));
    let plan = with_credentials_everywhere(&api, &files, AuthPlan::Bearer(template("{{ token }}")));
    let failure = Rig::new(&plan).get(&files.url_of("/x")).await.unwrap_err();
    assert!(failure.message.contains("to which no credential is sent"), "{failure}");
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

#[tokio::test(start_paused = true)]
async fn which_version_of_one_resource_is_known_is_not_said_to_another() {
    let api = FakeApi::start().await;
    api.expect(get("/latest").header("if-none-match", "\"1\"")).respond(Response::redirect(302, "/exports/18"));
    api.expect(get("/exports/18")).respond(Response::json_text("[18]"));
    let rig = Rig::new(&plan(&api.url()));
    let mut request = Request::get(Url::parse(&api.url_of("/latest")).unwrap());
    request.headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"1\""));
    request.headers.insert(header::IF_MODIFIED_SINCE, HeaderValue::from_static("Mon, 23 Nov 2026 10:00:00 GMT"));
    assert_eq!(&rig.client.send(&request, &stream()).await.unwrap().body[..], b"[18]");
    let asked = &api.requests()[1];
    assert_eq!((asked.header("if-none-match"), asked.header("if-modified-since")), (None, None));
}
