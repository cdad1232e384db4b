//! Each fault, seen from the other end of the connection.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spile_testkit::fake_api::{FakeApi, Response, any};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{Answer, End, fetch, read_to_the_end};

const BODY: &str = "0123456789abcdefghij";

async fn fetch_one(response: Response) -> Answer {
    let api = FakeApi::start().await;
    api.route(any(), move |_| response.clone());
    fetch(&api, "/").await
}

#[tokio::test]
async fn a_truncated_body_told_its_full_length_at_every_offset() {
    for n in 0..BODY.len() {
        let answer = fetch_one(Response::text(BODY).truncate_at(n)).await;
        assert!(answer.head().contains("Content-Length: 20"), "{}", answer.head());
        assert_eq!((answer.text().as_str(), answer.end), (&BODY[..n], End::Closed));
    }
}

#[tokio::test]
async fn a_truncated_chunked_body_lacks_its_end_at_every_offset() {
    for n in 0..=BODY.len() {
        let answer = fetch_one(Response::text(BODY).chunked(7).truncate_at(n)).await;
        let text = answer.text();
        let mut payload = String::new();
        let mut rest = text.as_str();
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).unwrap();
            payload.push_str(&after[..size.min(after.len())]);
            rest = after.get(size + 2..).unwrap_or_default();
        }
        assert_eq!((payload.as_str(), answer.end), (&BODY[..n], End::Closed), "at {n}: {text:?}");
        assert!(!text.ends_with("0\r\n\r\n"), "at {n}: {text:?}");
    }
}

#[tokio::test]
async fn a_whole_chunked_body_has_its_sizes_and_its_end() {
    let answer = fetch_one(Response::text(BODY).chunked(7)).await;
    assert!(answer.head().contains("Transfer-Encoding: chunked") && !answer.head().contains("Content-Length"));
    assert_eq!(answer.text(), "7\r\n0123456\r\n7\r\n789abcd\r\n6\r\nefghij\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_body_until_close_ends_wherever_it_is_cut() {
    for n in [0, 5, BODY.len()] {
        let answer = fetch_one(Response::text(BODY).until_close().truncate_at(n)).await;
        assert!(!answer.head().contains("Content-Length"));
        assert_eq!((answer.text().as_str(), answer.end), (&BODY[..n], End::Closed));
    }
}

#[tokio::test]
async fn a_head_is_cut_at_any_byte() {
    let answer = fetch_one(Response::text(BODY).truncate_head_at(12)).await;
    assert_eq!((answer.bytes.as_slice(), answer.end), (b"HTTP/1.1 200".as_slice(), End::Closed));
    let answer = fetch_one(Response::hang_up()).await;
    assert_eq!((answer.bytes.len(), answer.end), (0, End::Closed));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let answer = fetch_one(Response::reset()).await;
    assert_eq!((answer.bytes.len(), answer.end), (0, End::Reset));
    let answer = fetch_one(Response::text(BODY).reset_after(3)).await;
    assert_eq!(answer.end, End::Reset);
}

#[tokio::test(start_paused = true)]
async fn a_stall_says_nothing_more_and_does_not_close() {
    let answer = fetch_one(Response::text(BODY).stall_after(4)).await;
    assert_eq!((answer.text().as_str(), answer.end), (&BODY[..4], End::Silent));
    let answer = fetch_one(Response::stall()).await;
    assert_eq!((answer.bytes.len(), answer.end), (0, End::Silent));
}

#[tokio::test]
async fn a_stall_ends_when_the_api_stops() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::text(BODY).stall_after(2));
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut first = [0; 4];
    stream.read_exact(&mut first).await.unwrap();
    api.finish();
    assert_eq!(read_to_the_end(&mut stream).await.end, End::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_takes_its_ticks() {
    let begin = Instant::now();
    let answer = fetch_one(Response::raw(BODY).slow(5, Duration::from_secs(2))).await;
    assert_eq!(answer.bytes, BODY.as_bytes());
    assert_eq!(begin.elapsed(), Duration::from_secs(8));
}

#[tokio::test]
async fn a_wrong_length_is_told_in_both_directions() {
    for (difference, told) in [(5, "Content-Length: 25"), (-5, "Content-Length: 15")] {
        let answer = fetch_one(Response::text(BODY).wrong_length(difference)).await;
        assert!(answer.head().contains(told), "{}", answer.head());
        assert_eq!((answer.text().as_str(), answer.end), (BODY, End::Closed));
    }
}

#[tokio::test]
async fn heads_can_be_garbage_or_huge() {
    let answer = fetch_one(Response::text("x").status_line("HTTP/9.9 banana")).await;
    assert!(answer.head().starts_with("HTTP/9.9 banana\r\n"));
    let answer = fetch_one(Response::text("x").huge_header(1 << 20).many_headers(500)).await;
    assert!(answer.head().len() > 1 << 20);
    assert!(answer.head().contains("X-Many-499: m"));
    let answer = fetch_one(Response::raw("not HTTP at all")).await;
    assert_eq!(answer.bytes, b"not HTTP at all");
}

#[tokio::test]
async fn framing_headers_can_contradict_each_other() {
    let answer =
        fetch_one(Response::text("body").no_framing_header().header("Content-Length", 1).header("Content-Length", 4))
            .await;
    assert_eq!(answer.head().matches("Content-Length").count(), 2);
    assert_eq!(answer.text(), "body");
}

#[tokio::test]
async fn interim_responses_come_first() {
    let answer = fetch_one(Response::text("x").interim(103, &[("Link", "</a>")])).await;
    let text = String::from_utf8(answer.bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"), "{text}");
}

#[tokio::test]
async fn gzip_is_announced_and_real() {
    let answer = fetch_one(Response::text(BODY).gzip()).await;
    assert!(answer.head().contains("Content-Encoding: gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(answer.body()).read_to_string(&mut text).unwrap();
    assert_eq!(text, BODY);
}

#[tokio::test]
async fn a_hook_runs_once_at_its_byte_for_every_framing() {
    let responses = [Response::text(BODY), Response::text(BODY).chunked(3), Response::text(BODY).until_close()];
    for response in responses {
        for n in [0, 4, BODY.len()] {
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&calls);
            let hooked = response.clone().at_byte(n, move || {
                counted.fetch_add(1, Ordering::SeqCst);
            });
            let answer = fetch_one(hooked).await;
            assert_eq!(answer.end, End::Closed);
            assert_eq!(calls.load(Ordering::SeqCst), 1, "at byte {n}");
        }
    }
}
