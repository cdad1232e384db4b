//! A partial body is never a body, and a large one takes disk instead of memory.

use std::time::Duration;

use spile_model::{ByteSize, FailureKind};
use spile_testkit::fake_api::{FakeApi, Response, any, get};

use crate::support::{Rig, plan, without_retries};

/// 2 KB of JSON whose every proper beginning is broken.
fn page() -> String {
    let filler: Vec<String> =
        (0..).map(|index| format!(r#"{{"id":{index},"name":"record {index}"}}"#)).take(72).collect();
    format!("[{}]", filler.join(","))
}

#[tokio::test]
async fn a_body_cut_at_any_byte_is_never_accepted() {
    let page = page();
    assert!((2000..2300).contains(&page.len()));
    type Framed = fn(Response) -> Response;
    let framings: [(&str, Framed); 3] =
        [("length", |response| response), ("chunks", |response| response.chunked(100)), ("gzip", Response::gzip)];
    for (name, framed) in framings {
        let api = FakeApi::start().await;
        let whole = framed(Response::json_text(page.clone()));
        let length = whole.body().len();
        api.route(any(), move |request| {
            let cut: usize = request.query("cut").unwrap().parse().unwrap();
            whole.clone().truncate_at(cut)
        });
        let rig = Rig::new(&without_retries(plan(&api.url())));
        for cut in 0..length {
            let failure = rig.get(&api.url_of(&format!("/items?cut={cut}"))).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Transport, "{name}, {cut}: {failure}");
        }
    }
}

#[tokio::test]
async fn a_gzip_body_without_any_length_that_is_cut_is_never_accepted() {
    let api = FakeApi::start().await;
    let whole = Response::json_text(page()).gzip().until_close();
    let length = whole.body().len();
    api.route(any(), move |request| {
        let cut: usize = request.query("cut").unwrap().parse().unwrap();
        whole.clone().truncate_at(cut)
    });
    let rig = Rig::new(&without_retries(plan(&api.url())));
    for cut in 1..length {
        let outcome = rig.get(&api.url_of(&format!("/items?cut={cut}"))).await;
        let failure = outcome.map(|response| response.body.len()).expect_err(&format!("cut at {cut} of {length}"));
        assert!(matches!(failure.kind, FailureKind::BadBody | FailureKind::Transport), "{cut}: {failure}");
    }
}

#[tokio::test]
async fn a_length_that_lies_is_noticed_where_it_can_be_and_never_lengthens_a_body() {
    let api = FakeApi::start().await;
    let page = page();
    let whole = page.clone();
    api.route(get("/items"), move |request| {
        Response::json_text(whole.clone()).wrong_length(request.query("by").unwrap().parse().unwrap())
    });
    let rig = Rig::new(&without_retries(plan(&api.url())));
    for by in [1_i64, 2, 100, 1_000_000_000_000] {
        let failure = rig.get(&api.url_of(&format!("/items?by={by}"))).await.unwrap_err();
        assert!(matches!(failure.kind, FailureKind::Transport | FailureKind::TooLarge), "{by}: {failure}");
    }
    // What is longer than announced looks like a shorter body; the JSON then breaks off, which the reader of it sees.
    for by in [-1_i64, -2, -1000] {
        let body = rig.get(&api.url_of(&format!("/items?by={by}"))).await.unwrap().body;
        assert_eq!(body.len() as i64, page.len() as i64 + by);
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_is_a_broken_connection() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json_text(page()).reset_after(1000));
    let failure = Rig::new(&without_retries(plan(&api.url()))).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Transport, "{failure}");
    assert!(!failure.causes().is_empty());
}

#[tokio::test]
async fn a_large_body_is_spooled_and_reads_the_same() {
    let api = FakeApi::start().await;
    let text = format!("\"{}\"", "0123456789".repeat(400_000));
    for response in [
        Response::json_text(text.clone()),
        Response::json_text(text.clone()).chunked(70_000),
        Response::json_text(text.clone()).gzip(),
    ] {
        api.expect(any()).respond(response);
        let mut plan = plan(&api.url());
        plan.source.limits.spool_above = ByteSize::mib(1);
        let body = Rig::new(&plan).get(&api.url_of("/items")).await.unwrap().body;
        assert_eq!(body, text);
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_by_name_whether_announced_or_not_or_compressed() {
    let api = FakeApi::start().await;
    let text = "0".repeat(3_000_000);
    let compressed = Response::json_text(text.clone()).gzip();
    assert!(compressed.body().len() < 50_000);
    for response in [Response::json_text(text.clone()), Response::json_text(text.clone()).chunked(70_000), compressed] {
        api.expect(any()).respond(response);
        let mut plan = plan(&api.url());
        plan.source.limits.body = ByteSize::mib(2);
        let failure = Rig::new(&plan).get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TooLarge);
        assert!(failure.message.contains("limits.body") && failure.message.contains("2 MiB"), "{failure}");
    }
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_not_taken_for_content() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json_text("[1]").header("Content-Encoding", "gzip, gzip"));
    let failure = Rig::new(&without_retries(plan(&api.url()))).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadBody, "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_given_up_after_the_read_timeout() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json_text(page()).stall_after(1000));
    let start = tokio::time::Instant::now();
    let failure = Rig::new(&without_retries(plan(&api.url()))).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert!(failure.message.contains("2 m 00 s after 1000 bytes"), "{failure}");
    assert_eq!(start.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_only_trickles_is_given_up_after_the_total_timeout() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json_text(page()).slow(1, Duration::from_secs(1)));
    let start = tokio::time::Instant::now();
    let failure = Rig::new(&without_retries(plan(&api.url()))).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert!(failure.message.contains("timeouts.total"), "{failure}");
    assert_eq!(start.elapsed().as_secs(), 600);
}
