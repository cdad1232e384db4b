//! What is tried again, how often, and after how long. All on a paused clock.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::json;
use spile_http::{Method, Request, Url};
use spile_model::{Failure, FailureKind, RunEvent, Statuses};
use spile_testkit::fake_api::{FakeApi, Response, any, get, post};
use tokio::time::Instant;

use crate::support::{Rig, plan, stream};

const OK: &str = "[1]";

fn ok() -> Response {
    Response::json([1])
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_waited_out_with_growing_backoff() {
    let api = FakeApi::start().await;
    api.expect(get("/items")).respond_each([
        Response::status(500),
        Response::status(503),
        Response::hang_up(),
        Response::json_text("[1,2,3]").truncate_at(3),
        Response::status(408),
        ok(),
    ]);
    let rig = Rig::new(&plan(&api.url()));
    assert_eq!(rig.get(&api.url_of("/items")).await.unwrap().body, OK);
    let waits = rig.waits();
    assert_eq!(waits.len(), 5);
    for (tries, (reason, wait)) in waits.iter().enumerate() {
        assert!(*wait <= Duration::from_secs(1 << tries), "{reason} {wait:?}");
    }
    let reasons: Vec<&str> = waits.iter().map(|(reason, _)| reason.as_str()).collect();
    let expected = ["HTTP 500", "HTTP 503", "a broken connection", "a broken connection", "HTTP 408"];
    assert_eq!(reasons, expected.map(|what| format!("backoff after {what}")));
    let usage = rig.client.usage(&stream());
    assert_eq!(usage.requests, 6);
    assert_eq!(usage.backoff, waits.iter().map(|(_, wait)| *wait).sum::<Duration>());
    let answers = Statuses { status_2xx: 1, status_4xx: 1, status_5xx: 2, unanswered: 2, ..Statuses::default() };
    assert_eq!((usage.statuses, usage.retries, usage.rate_limited), (answers, 5, 0));
}

#[tokio::test(start_paused = true)]
async fn tries_end_and_the_last_failure_says_how_many_there_were() {
    let api = FakeApi::start().await;
    api.expect(any()).times(6).respond(Response::json(json!({"message": "down"})).with_status(502));
    let rig = Rig::new(&plan(&api.url()));
    let failure = rig.get(&api.url_of("/items?page=2")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ServerError(502));
    let expected = format!("GET {}/items?page=2: answered with 502 Bad Gateway: down (tried 6 times)", api.url());
    assert_eq!(failure.message, expected);
    let attempts: Vec<u32> = rig
        .events
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            RunEvent::Retrying { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_help_is_not_tried_again() {
    for status in [400, 401, 403, 404, 410, 422] {
        let api = FakeApi::start().await;
        api.expect(any()).respond(Response::status(status));
        let rig = Rig::new(&plan(&api.url()));
        let failure = rig.get(&api.url_of("/items")).await.unwrap_err();
        assert!(failure.message.contains(&status.to_string()), "{failure}");
        assert!(rig.waits().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_is_sent_once_unless_it_was_refused_before_it_had_an_effect() {
    let api = FakeApi::start().await;
    let rig = Rig::new(&plan(&api.url()));
    let url = Url::parse(&api.url_of("/items")).unwrap();
    let request = Request { method: Method::POST, idempotent: false, ..Request::get(url) };
    api.expect(post("/items")).respond(Response::status(500));
    assert_eq!(rig.client.send(&request, &stream()).await.unwrap_err().kind, FailureKind::ServerError(500));
    api.expect(post("/items")).respond_each([Response::status(429), ok()]);
    assert_eq!(rig.client.send(&request, &stream()).await.unwrap().body, OK);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_changes_nothing_is_sent_again_like_a_get() {
    let api = FakeApi::start().await;
    let url = Url::parse(&api.url_of("/search")).unwrap();
    let request = Request { method: Method::POST, idempotent: true, ..Request::get(url) };
    api.expect(post("/search")).respond_each([Response::status(500), Response::hang_up(), ok()]);
    assert_eq!(Rig::new(&plan(&api.url())).client.send(&request, &stream()).await.unwrap().body, OK);
}

/// Sends one request that is answered by `first` and then well; returns when the second request arrived, after how
/// long, in seconds.
async fn second_request_after(first: Response) -> u64 {
    let api = FakeApi::start().await;
    api.expect(any()).respond_each([first, ok()]);
    Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await.unwrap();
    let requests = api.requests();
    (requests[1].at - requests[0].at).as_secs()
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_kept_in_all_its_forms() {
    let limited = |value: &str| Response::status(429).header("Retry-After", value);
    assert_eq!(second_request_after(limited("120")).await, 120);
    assert_eq!(second_request_after(limited("2.5")).await, 3);
    // The clock of the tests stands at 12:00:00.
    for date in ["Sat, 01 Mar 2025 12:01:30 GMT", "Saturday, 01-Mar-25 12:01:30 GMT", "Sat Mar  1 12:01:30 2025"] {
        assert_eq!(second_request_after(limited(date)).await, 90, "{date}");
    }
    let with_date = limited("Sat, 01 Mar 2025 18:00:50 GMT").header("Date", "Sat, 01 Mar 2025 18:00:00 GMT");
    assert_eq!(second_request_after(with_date).await, 50);
    for worthless in ["0", "-5", "soon", "1e9", "Sat, 01 Mar 2025 11:00:00 GMT"] {
        assert!(second_request_after(limited(worthless)).await <= 1, "{worthless}: backoff as without");
    }
    assert_eq!(second_request_after(Response::status(503).header("Retry-After", 30)).await, 30);
    assert_eq!(second_request_after(Response::status(403).header("Retry-After", 60)).await, 60);
    assert_eq!(second_request_after(Response::status(500).header("Retry-After", 7)).await, 7);
}

/// H1 of the fault matrix: what a 429 may say of when to come back.
#[tokio::test(start_paused = true)]
async fn a_429_is_answered_at_the_right_time_whatever_it_says() {
    let (in_range, short) = (|from: u64| from..=from + 1, 0..=1);
    let forms: [(&[&str], _); 11] = [
        (&["90"], in_range(90)),
        (&["Sat, 01 Mar 2025 12:01:30 GMT"], in_range(90)),
        (&["Saturday, 01-Mar-25 12:01:30 GMT"], in_range(90)),
        (&["Sat Mar  1 12:01:30 2025"], in_range(90)),
        (&["3", "90"], in_range(90)),
        (&["Sat, 01 Mar 2025 11:00:00 GMT"], short.clone()),
        // The limits wait for a second, where an answer does not say for how long.
        (&[], in_range(1)),
        (&["0"], short.clone()),
        (&["-5"], in_range(1)),
        (&["1e9"], in_range(1)),
        (&["soon"], in_range(1)),
    ];
    for (values, expected) in forms {
        let first = values.iter().fold(Response::status(429), |answer, value| answer.header("Retry-After", value));
        let after = second_request_after(first).await;
        assert!(expected.contains(&after), "{values:?}: {after} s");
    }
    // The twelfth asks for more than anybody waits.
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::status(429).header("Retry-After", 1_000_000_000));
    let failure = Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
    assert!(failure.message.contains("longer than the 1 h 05 m of `retries.max_wait`"), "{failure}");
}

/// H2 of the fault matrix, as far as it takes sockets; `outages` has the rest.
#[tokio::test(start_paused = true)]
async fn bursts_of_broken_connections_are_ridden_out() {
    for burst in [1, 2, 5, 20] {
        let broken = [Response::reset(), Response::hang_up(), Response::json_text("[1,2,3]").reset_after(3)];
        for (kind, broken) in broken.into_iter().enumerate() {
            let api = FakeApi::start().await;
            let mut answers = vec![ok()];
            answers.extend(vec![broken; burst]);
            answers.push(ok());
            api.expect(any()).times(burst + 2).respond_each(answers);
            let mut plan = plan(&api.url());
            plan.source.retries.attempts = NonZeroU32::new(u32::try_from(burst + 1).unwrap()).unwrap();
            let rig = Rig::new(&plan);
            for _ in 0..2 {
                assert_eq!(rig.get(&api.url_of("/items")).await.unwrap().body, OK, "{burst} of {kind}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_ends_the_request_and_says_how_long_the_api_asked_for() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::status(429).header("Retry-After", 86_400));
    let failure = Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::RateLimited);
    assert!(failure.message.contains("asks to wait 24 h 00 m"), "{failure}");
    assert!(failure.message.contains("1 h 05 m of `retries.max_wait`"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_the_reader_of_the_body_is_a_failed_try() {
    let api = FakeApi::start().await;
    api.expect(any()).respond_each([Response::text("oops"), ok()]);
    let rig = Rig::new(&plan(&api.url()));
    let request = Request::get(Url::parse(&api.url_of("/items")).unwrap());
    let accept = |response: spile_http::Response| {
        std::future::ready(if response.body == OK { Ok(1) } else { Err(Failure::new(FailureKind::BadBody, "no")) })
    };
    assert_eq!(rig.client.send_and(&request, &stream(), accept).await.unwrap(), 1);
    api.expect(any()).times(3).respond(Response::text("oops"));
    let failure = rig.client.send_and(&request, &stream(), accept).await.unwrap_err();
    assert_eq!(failure.message, format!("GET {}/items: no (tried 3 times)", api.url()));
}

#[tokio::test(start_paused = true)]
async fn an_api_that_comes_back_is_found_again() {
    let api = FakeApi::start().await;
    api.refuse_connections();
    api.refusing().await;
    let mut plan = plan(&api.url());
    plan.source.retries.attempts = NonZeroU32::new(50).unwrap();
    let rig = Rig::new(&plan);
    api.expect(any()).respond(ok());
    let (url, start) = (api.url_of("/items"), Instant::now());
    let come_back = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        api.accept_connections();
    };
    let (response, ()) = tokio::join!(rig.get(&url), come_back);
    response.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(20));
}
