//! What the cache does for streams that have one.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spile_http::{HeaderValue, Method, Request, StatusCode, Url, header};
use spile_model::{Failure, FailureKind};
use spile_plan::{CachePlan, Reuse};
use spile_testkit::fake_api::{FakeApi, Response, any, get, post};
use tokio::time::Instant;

use crate::support::{Rig, TokioClock, plan, stream};

/// A client that caches.
fn rig(api: &FakeApi, reuse: Reuse) -> Rig {
    let mut plan = plan(&api.url());
    plan.streams[0].cache = Some(CachePlan { reuse, pages: NonZeroUsize::MIN });
    Rig::with_clock(&plan, 7, Arc::new(TokioClock(Instant::now())))
}

/// Answers with the version, or with 304 where that version is known; fresh for a minute.
fn versioned(version: &str, request: &spile_testkit::fake_api::Request) -> Response {
    let etag = format!("\"{version}\"");
    let known = request.header("if-none-match") == Some(&etag);
    let answer = if known { Response::status(304) } else { Response::json_text(format!("[{version}]")) };
    answer.header("ETag", etag).header("Cache-Control", "max-age=60")
}

#[tokio::test(start_paused = true)]
async fn a_stored_answer_is_asked_about_and_stands_in_where_it_still_holds() {
    let api = FakeApi::start().await;
    api.route(any(), |request| versioned("1", request));
    let rig = rig(&api, Reuse::Never);
    for _ in 0..2 {
        let response = rig.get(&api.url_of("/a")).await.unwrap();
        assert_eq!((response.status, &response.body[..]), (StatusCode::OK, &b"[1]"[..]));
    }
    let asked: Vec<_> =
        api.requests().iter().map(|request| request.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(asked, [None, Some("\"1\"".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_answer_costs_no_request_until_it_is_stale() {
    let api = FakeApi::start().await;
    api.route(any(), |request| versioned("1", request));
    let rig = rig(&api, Reuse::Fresh);
    rig.get(&api.url_of("/a")).await.unwrap();
    tokio::time::advance(Duration::from_secs(58)).await;
    assert_eq!(rig.get(&api.url_of("/a")).await.unwrap().header(header::AGE), Some("58"));
    assert_eq!((api.request_count(), rig.client.usage(&stream()).requests), (1, 1));
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(&rig.get(&api.url_of("/a")).await.unwrap().body[..], b"[1]");
    assert_eq!(api.request_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_its_turn_takes_the_answer_that_came_meanwhile() {
    let api = FakeApi::start().await;
    api.route(any(), |request| versioned("1", request));
    let mut plan = plan(&api.url());
    plan.streams[0].cache = Some(CachePlan { reuse: Reuse::Fresh, pages: NonZeroUsize::MIN });
    plan.source.concurrency = std::num::NonZeroU32::MIN;
    let rig = Rig::with_clock(&plan, 7, Arc::new(TokioClock(Instant::now())));
    let url = api.url_of("/a");
    let (first, second) = tokio::join!(rig.get(&url), rig.get(&url));
    assert_eq!((first.unwrap().from_memory, second.unwrap().from_memory), (false, true));
    assert_eq!(api.request_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_cache_asks_as_if_there_were_none() {
    let api = FakeApi::start().await;
    api.route(any(), |request| versioned("1", request));
    let rig = Rig::new(&plan(&api.url()));
    rig.get(&api.url_of("/a")).await.unwrap();
    rig.get(&api.url_of("/a")).await.unwrap();
    assert!(api.requests().iter().all(|request| request.header("if-none-match").is_none()));
    assert_eq!(api.request_count(), 2);
}

/// Asks for `url`, of which the first answer turns out to be broken.
async fn send_refusing_the_first(rig: &Rig, url: &str) {
    let tries = AtomicUsize::new(0);
    let accept = |_| {
        let first = tries.fetch_add(1, Ordering::Relaxed) == 0;
        std::future::ready(if first { Err(Failure::new(FailureKind::BadBody, "not JSON")) } else { Ok(()) })
    };
    rig.client.send_and(&Request::get(Url::parse(url).unwrap()), &stream(), accept).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_did_not_serve_is_not_taken_from_the_cache_again() {
    let api = FakeApi::start().await;
    api.route(any(), |request| versioned("1", request));
    send_refusing_the_first(&rig(&api, Reuse::Fresh), &api.url_of("/a")).await;
    assert_eq!(api.request_count(), 2);
    assert_eq!(api.requests()[1].header("if-none-match"), None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_behind_a_redirect_that_did_not_serve_is_not_taken_from_the_cache_again() {
    let api = FakeApi::start().await;
    api.route(get("/moved"), |_| Response::redirect(302, "/a"));
    api.route(get("/a"), |request| versioned("1", request));
    send_refusing_the_first(&rig(&api, Reuse::Fresh), &api.url_of("/moved")).await;
    assert_eq!(api.requests().iter().filter(|request| request.path == "/a").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_before_stays_known_where_a_try_is_refused_for_now() {
    let api = FakeApi::start().await;
    let answers = [
        Response::json_text("[1]").header("ETag", "\"1\""),
        Response::status(503),
        Response::status(429).header("Retry-After", "1").header("Cache-Control", "max-age=600"),
        Response::status(304).header("ETag", "\"1\""),
    ];
    api.expect(get("/a")).times(4).respond_each(answers);
    let rig = rig(&api, Reuse::Never);
    rig.get(&api.url_of("/a")).await.unwrap();
    let again = rig.get(&api.url_of("/a")).await.unwrap();
    assert_eq!((&again.body[..], again.from_memory), (&b"[1]"[..], true));
    let asked = api.requests();
    assert!(asked[1..].iter().all(|request| request.header("if-none-match") == Some("\"1\"")));
}

#[tokio::test(start_paused = true)]
async fn a_304_about_another_version_is_not_believed() {
    let api = FakeApi::start().await;
    let versions = [(200, "1"), (304, "2"), (200, "2")];
    let answers = versions.map(|(status, version)| {
        Response::json_text(format!("[{version}]")).with_status(status).header("ETag", format!("\"{version}\""))
    });
    api.expect(get("/a")).times(3).respond_each(answers);
    let rig = rig(&api, Reuse::Never);
    rig.get(&api.url_of("/a")).await.unwrap();
    assert_eq!(&rig.get(&api.url_of("/a")).await.unwrap().body[..], b"[2]");
    assert_eq!(api.requests()[2].header("if-none-match"), None);
}

#[tokio::test(start_paused = true)]
async fn what_one_credential_was_told_another_is_not() {
    let api = FakeApi::start().await;
    api.route(any(), |request| versioned("1", request));
    let rig = rig(&api, Reuse::Fresh);
    for tenant in ["a", "b", "a"] {
        let mut request = Request::get(Url::parse(&api.url_of("/a")).unwrap());
        let mut value = HeaderValue::from_static(tenant);
        value.set_sensitive(true);
        request.headers.insert("x-tenant", value);
        rig.client.send(&request, &stream()).await.unwrap();
    }
    assert_eq!(api.request_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_request_changed_is_asked_for_anew() {
    let api = FakeApi::start().await;
    api.route(get("/a"), |request| versioned("1", request));
    api.route(post("/a"), |_| Response::status(204));
    let rig = rig(&api, Reuse::Fresh);
    rig.get(&api.url_of("/a")).await.unwrap();
    let url = Url::parse(&api.url_of("/a")).unwrap();
    rig.client.send(&Request { method: Method::POST, ..Request::get(url) }, &stream()).await.unwrap();
    rig.get(&api.url_of("/a")).await.unwrap();
    assert_eq!(api.request_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_304_is_an_answer_to_who_said_which_version_is_known_and_to_nobody_else() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::status(304).header("ETag", "\"1\""));
    let rig = rig(&api, Reuse::Never);
    let mut request = Request::get(Url::parse(&api.url_of("/a")).unwrap());
    request.headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"1\""));
    assert_eq!(rig.client.send(&request, &stream()).await.unwrap().status, StatusCode::NOT_MODIFIED);
    let failure = rig.get(&api.url_of("/a")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnexpectedStatus(304));
}
