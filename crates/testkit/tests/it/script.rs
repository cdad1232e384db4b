//! What the script lets pass, and what it says about the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use spile_testkit::fake_api::{FakeApi, RefusedPort, Response, any, below, get, post, request};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{End, fetch, read_to_the_end, send};

#[tokio::test]
async fn a_kept_script_finishes_in_peace_and_remembers_the_requests() {
    let api = FakeApi::start().await;
    api.expect(get("/a").query("q", "x y")).respond(Response::json(json!({"ok": true})));
    let answer = fetch(&api, "/a?q=x+y&z=1").await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, r#"{"ok":true}"#));
    let seen = &api.requests()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query("q")), ("GET", "/a", Some("x y")));
    assert_eq!((seen.header("HOST"), seen.connection, seen.number), (Some("test"), 1, 1));
    api.finish();
}

#[tokio::test]
async fn an_unexpected_request_is_answered_501_and_the_account_says_what_was_expected() {
    let api = FakeApi::start().await;
    api.expect(get("/items").query("page", 2).header("X-Key", "k")).respond(Response::status(200));
    let answer = fetch(&api, "/items?page=3").await;
    assert_eq!(answer.status(), 501);
    let account = api.stop().unwrap();
    for part in [
        "an unexpected request: #1 GET /items?page=3",
        r#"query parameter `page` is "3", not "2""#,
        r#"header `X-Key` is missing, expected "k""#,
        "expectations that were not met",
        "script.rs:",
    ] {
        assert!(account.contains(part), "{part:?} is not in:\n{account}");
    }
}

#[tokio::test]
async fn an_unmet_expectation_fails_the_test() {
    let api = FakeApi::start().await;
    api.expect(get("/never")).times(2).respond(Response::status(200));
    let account = api.stop().unwrap();
    assert!(account.contains("GET /never, 2 times, met 0"), "{account}");
}

#[tokio::test]
#[should_panic(expected = "expectations that were not met")]
async fn dropping_the_api_fails_the_test_like_finish() {
    let api = FakeApi::start().await;
    api.expect(get("/never")).respond(Response::status(200));
}

#[tokio::test]
async fn one_request_too_many_is_unexpected() {
    let api = FakeApi::start().await;
    api.expect(get("/a")).respond(Response::text("once"));
    assert_eq!(fetch(&api, "/a").await.status(), 200);
    assert_eq!(fetch(&api, "/a").await.status(), 501);
    let account = api.stop().unwrap();
    assert!(account.contains("it is used up"), "{account}");
}

#[tokio::test]
async fn responses_are_handed_out_in_turn() {
    let api = FakeApi::start().await;
    api.expect(get("/a")).respond_each([Response::status(503), Response::status(429), Response::text("at last")]);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(fetch(&api, "/a").await.status());
    }
    assert_eq!(statuses, [503, 429, 200]);
    api.finish();
}

#[tokio::test]
async fn an_expectation_in_order_is_refused_before_its_turn() {
    let api = FakeApi::start().await;
    api.expect(get("/first")).in_order().respond(Response::status(200));
    api.expect(get("/second")).in_order().respond(Response::status(200));
    api.expect(get("/whenever")).respond(Response::status(200));
    assert_eq!(fetch(&api, "/whenever").await.status(), 200);
    assert_eq!(fetch(&api, "/second").await.status(), 501);
    assert_eq!(fetch(&api, "/first").await.status(), 200);
    assert_eq!(fetch(&api, "/second").await.status(), 200);
    let account = api.stop().unwrap();
    assert!(account.contains("it comes after GET /first"), "{account}");
}

#[tokio::test]
async fn expectations_may_be_met_any_number_of_times_or_never() {
    let api = FakeApi::start().await;
    api.expect(get("/some")).at_least(1).respond(Response::status(200));
    api.expect(get("/none")).times(0).respond(Response::status(200));
    for _ in 0..3 {
        assert_eq!(fetch(&api, "/some").await.status(), 200);
    }
    api.finish();
}

#[tokio::test]
async fn bodies_are_compared_as_json_as_forms_or_as_bytes() {
    let api = FakeApi::start().await;
    api.expect(post("/json").json_body(json!({"a": 1, "b": [2]}))).respond(Response::status(200));
    api.expect(post("/form").form(&[("a", "1 2"), ("b", "")])).respond(Response::status(200));
    api.expect(request("PUT", "/bytes").body("raw")).respond(Response::status(200));
    let with_body = |line: &str, body: &str| {
        format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    assert_eq!(send(&api, &with_body("POST /json", r#"{ "b": [2], "a": 1 }"#)).await.status(), 200);
    assert_eq!(send(&api, &with_body("POST /form", "b=&a=1+2")).await.status(), 200);
    assert_eq!(send(&api, &with_body("PUT /bytes", "raw")).await.status(), 200);
    assert_eq!(api.requests()[1].form(), [("b".into(), String::new()), ("a".into(), "1 2".into())]);
    api.finish();
}

#[tokio::test]
async fn chunked_request_bodies_are_joined() {
    let api = FakeApi::start().await;
    api.expect(post("/").body("hello world")).respond(Response::status(204));
    let request = "POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\nTrailer: t\r\n\r\n";
    let answer = send(&api, request).await;
    assert_eq!(answer.status(), 204);
    assert!(!answer.head().to_ascii_lowercase().contains("content-length"), "{}", answer.head());
    api.finish();
}

#[tokio::test]
async fn conditions_that_forbid_are_kept() {
    let api = FakeApi::start().await;
    let matcher =
        get("/a").without_header("Authorization").without_query("token").only_query(&[("b", "2"), ("a", "1")]);
    api.expect(matcher).respond(Response::status(200));
    let answer = send(&api, "GET /a?token=x HTTP/1.1\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n").await;
    for part in ["header `Authorization` is there", "query parameter `token` is there", "the query is"] {
        assert!(answer.text().contains(part), "{part:?} is not in:\n{}", answer.text());
    }
    assert_eq!(fetch(&api, "/a?a=1&b=2").await.status(), 200);
    assert!(api.stop().is_some());
}

#[tokio::test]
async fn routes_keep_state_and_come_after_expectations() {
    let api = FakeApi::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    api.route(below("/api/"), move |_| Response::text(seen.fetch_add(1, Ordering::SeqCst).to_string()));
    api.expect(get("/api/x")).respond(Response::text("scripted"));
    let mut texts = Vec::new();
    for _ in 0..3 {
        texts.push(fetch(&api, "/api/x").await.text());
    }
    assert_eq!(texts, ["scripted", "0", "1"]);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    api.finish();
}

#[tokio::test]
async fn a_handler_that_panics_fails_the_test_with_what_it_said() {
    let api = FakeApi::start().await;
    api.route(any(), |request| panic!("no answer for {}", request.path));
    assert_eq!(fetch(&api, "/x").await.status(), 501);
    let account = api.stop().unwrap();
    assert!(account.contains("panicked: no answer for /x"), "{account}");
}

#[tokio::test]
async fn a_connection_serves_many_requests_also_pipelined_ones() {
    let api = FakeApi::start().await;
    api.route(any(), |request| Response::text(request.path.clone()));
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    stream.write_all(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nHEAD /3 HTTP/1.0\r\n\r\n").await.unwrap();
    let answer = read_to_the_end(&mut stream).await;
    let text = String::from_utf8(answer.bytes).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    assert!(text.contains("\r\n\r\n/1HTTP/1.1") && text.contains("\r\n\r\n/2HTTP/1.1"), "{text}");
    assert!(text.ends_with("Content-Length: 2\r\n\r\n"), "a HEAD answer has no body: {text}");
    assert_eq!((api.request_count(), api.connection_count()), (3, 1));
    api.finish();
}

#[tokio::test(start_paused = true)]
async fn delays_and_arrivals_are_virtual_on_a_paused_clock() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::status(200).delay(Duration::from_secs(3)));
    let begin = Instant::now();
    fetch(&api, "/a").await;
    fetch(&api, "/b").await;
    let arrivals: Vec<Duration> = api.requests().iter().map(|request| request.at - begin).collect();
    assert_eq!(arrivals, [Duration::ZERO, Duration::from_secs(3)]);
    assert_eq!(begin.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_requests_at_one_moment_is_known() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::text("x").delay(Duration::from_secs(1)));
    let (a, b, c) = tokio::join!(fetch(&api, "/"), fetch(&api, "/"), fetch(&api, "/"));
    assert_eq!([a.status(), b.status(), c.status()], [200, 200, 200]);
    api.answered(3).await;
    assert_eq!(api.peak_in_flight(), 3);
}

#[tokio::test]
async fn connections_are_refused_and_accepted_again_on_the_same_port() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::text("here"));
    assert_eq!(fetch(&api, "/").await.text(), "here");
    api.refuse_connections();
    api.refusing().await;
    assert!(TcpStream::connect(api.address()).await.is_err());
    api.accept_connections();
    while TcpStream::connect(api.address()).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(fetch(&api, "/").await.text(), "here");
}

#[tokio::test]
async fn the_next_connections_are_reset_before_they_say_anything() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::text("here"));
    api.reset_next_connections(2);
    for _ in 0..2 {
        assert_eq!(fetch(&api, "/").await.end, End::Reset);
    }
    assert_eq!(fetch(&api, "/").await.text(), "here");
    assert_eq!(api.request_count(), 1);
}

#[tokio::test]
async fn a_reserved_port_refuses() {
    let port = RefusedPort::reserve();
    let address = port.url().replace("http://", "");
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn an_api_on_its_own_thread_serves_a_test_that_blocks() {
    use std::io::{Read, Write};
    let api = FakeApi::start_blocking();
    api.expect(get("/a")).respond(Response::text("from a thread"));
    let mut stream = std::net::TcpStream::connect(api.address()).unwrap();
    stream.write_all(b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("from a thread"), "{text}");
    api.finish();
}
