//! Answers that come too slowly, wherever they do: each is given up after its time and asked for again.

use std::time::Duration;

use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::support::{Rig, plan};

#[tokio::test(start_paused = true)]
async fn what_is_too_slow_anywhere_is_given_up_in_time_and_asked_for_again() {
    let body = format!("[{}]", "1,".repeat(2_000) + "1");
    let whole = Response::json_text(body.clone());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let second = Duration::from_secs(1);
    // The times of the plan: 10 s to connect, 2 m between bytes, 10 m in all; and a first wait of at most a second.
    for (name, slow, most) in [
        ("nothing comes", Response::stall(), 131),
        ("a head of a byte each minute", Response::raw(head).slow(1, second * 60), 131),
        ("a body of a byte each second", whole.clone().slow(1, second), 601),
        ("a stall at 99 %", whole.clone().stall_after(body.len() * 99 / 100), 121),
        ("a stall before the end of the chunks", whole.clone().chunked(500).stall_after(body.len()), 121),
    ] {
        let api = FakeApi::start().await;
        api.expect(any()).in_order().respond_each([slow, whole.clone()]);
        let start = tokio::time::Instant::now();
        let answer = Rig::new(&plan(&api.url())).get(&api.url_of("/items")).await;
        let answer = answer.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert_eq!(answer.body, body, "{name}");
        let took = start.elapsed().as_secs();
        assert!((most - 12..=most).contains(&took), "{name}: {took} s");
    }
}
