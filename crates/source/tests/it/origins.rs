//! The next page is at home or nowhere.

use serde_json::json;
use spile_expression::Template;
use spile_model::FailureKind;
use spile_plan::{AuthPlan, PaginationKind};
use spile_testkit::fake_api::{FakeApi, Response, get};
use spile_testkit::plan::path;

use crate::support::{plan, read};

#[tokio::test]
async fn a_next_page_at_another_origin_is_refused_and_nothing_reaches_it() {
    let (api, other) = (FakeApi::start().await, FakeApi::start().await);
    let elsewhere = other.url_of("/items?page=2&echo=s3cret");
    let target = elsewhere.clone();
    api.route(get("/items"), move |_| {
        Response::json(json!({"data": [1], "next": target})).header("Link", format!("<{target}>; rel=next"))
    });
    for kind in [PaginationKind::NextUrl { url: path("$.next") }, PaginationKind::LinkHeader] {
        let mut plan = plan(&api.url(), "$.data", kind);
        plan.source.auth = AuthPlan::Bearer(Template::compile("s3cret").unwrap());
        let failure = read(plan).await.unwrap_err();
        assert!(failure.message.contains(&other.url()) && failure.message.contains("another origin"), "{failure}");
        assert_eq!(failure.kind, FailureKind::OtherOrigin);
        assert!(!failure.message.contains("set `base_url` to it"), "{failure}");
        assert!(!failure.kind.remedy().contains("named place"), "{}", failure.kind.remedy());
        assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
    }
    assert_eq!(other.connection_count(), 0);
}

#[tokio::test]
async fn urls_that_only_look_like_home_are_refused() {
    let home = |api: &FakeApi| api.address().port();
    for template in [
        "http://127.0.0.1.evil.test:PORT/",
        "http://127.0.0.1:PORT@evil.test/",
        "http://user:password@127.0.0.1:PORT/items",
        "https://127.0.0.1:PORT/",
        "http://localhost:PORT/",
        "http://[::ffff:127.0.0.1]:PORT/",
        "//evil.test/items",
        "\\\\evil.test\\items",
        "file:///etc/passwd",
        "ftp://127.0.0.1:PORT/",
        "javascript:alert(1)",
        "http://169.254.169.254/latest/meta-data",
    ] {
        let api = FakeApi::start().await;
        let target = template.replace("PORT", &home(&api).to_string());
        api.expect(get("/items")).respond(Response::json(json!({"data": [1], "next": target})));
        let kind = PaginationKind::NextUrl { url: path("$.next") };
        read(plan(&api.url(), "$.data", kind)).await.unwrap_err();
    }
}

#[tokio::test]
async fn other_spellings_of_home_are_home() {
    for template in
        ["http://0x7f.1:PORT/items?page=2", "HTTP://127.0.0.1:PORT/a/../items?page=2", "//127.0.0.1:PORT/items?page=2"]
    {
        let api = FakeApi::start().await;
        let target = template.replace("PORT", &api.address().port().to_string());
        api.expect(get("/items").without_query("page")).respond(Response::json(json!({"data": [1], "next": target})));
        api.expect(get("/items").query("page", 2)).respond(Response::json(json!({"data": [2]})));
        let kind = PaginationKind::NextUrl { url: path("$.next") };
        assert_eq!(read(plan(&api.url(), "$.data", kind)).await.unwrap().len(), 2, "{template}");
    }
}
