//! Answers that are no HTTP, or two kinds of it at once: each is a failure or read in the one safe way, within its time,
//! and nothing of it becomes the answer to the next request.

use std::time::Duration;

use spile_testkit::fake_api::{FakeApi, Response, get};

use crate::support::{Rig, plan, without_retries};

/// The body that is meant, where one is.
const BODY: &str = "[1]";

/// What the client makes of it: nothing, or exactly [`BODY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Refused,
    Read,
}

/// What stands between the status line and the end of the connection.
fn forms() -> Vec<(&'static str, Vec<u8>, Is)> {
    let ok = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let chunked = |rest: &str| ok(&format!("Transfer-Encoding: chunked\r\n\r\n{rest}"));
    let second = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\"evil\"";
    vec![
        ("no HTTP at all", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), Is::Refused),
        ("an older version", b"HTTP/0.9 200 OK\r\n\r\n[1]".to_vec(), Is::Refused),
        ("a version that is none", b"HTTP/7.7 200 OK\r\nContent-Length: 3\r\n\r\n[1]".to_vec(), Is::Refused),
        ("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\n[1]".to_vec(), Is::Refused),
        ("a status of letters", b"HTTP/1.1 abc OK\r\nContent-Length: 3\r\n\r\n[1]".to_vec(), Is::Refused),
        ("two lengths that differ", ok("Content-Length: 3\r\nContent-Length: 1\r\n\r\n[1]"), Is::Refused),
        ("two lengths that differ in one line", ok("Content-Length: 3, 1\r\n\r\n[1]"), Is::Refused),
        ("the same length twice", ok("Content-Length: 3\r\nContent-Length: 3\r\n\r\n[1]"), Is::Read),
        ("a negative length", ok("Content-Length: -3\r\n\r\n[1]"), Is::Refused),
        ("a length with a sign", ok("Content-Length: +3\r\n\r\n[1]"), Is::Refused),
        ("a length of letters", ok("Content-Length: three\r\n\r\n[1]"), Is::Refused),
        ("a length beyond 64 bits", ok("Content-Length: 99999999999999999999\r\n\r\n[1]"), Is::Refused),
        (
            "a length and chunks",
            ok("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n"),
            Is::Refused,
        ),
        // RFC 9112, 6.3: then the body ends with the connection.
        ("an unknown transfer", ok("Transfer-Encoding: cow\r\n\r\n[1]"), Is::Read),
        ("a chunk size of letters", chunked("xyz\r\n[1]\r\n0\r\n\r\n"), Is::Refused),
        ("a negative chunk size", chunked("-3\r\n[1]\r\n0\r\n\r\n"), Is::Refused),
        ("a chunk size beyond 64 bits", chunked("fffffffffffffffff\r\n[1]\r\n0\r\n\r\n"), Is::Refused),
        ("a chunk longer than its size", chunked("1\r\n[1]\r\n0\r\n\r\n"), Is::Refused),
        ("a chunk shorter than its size", chunked("4\r\n[1]\r\n0\r\n\r\n"), Is::Refused),
        ("chunks without their end", chunked("3\r\n[1]\r\n"), Is::Refused),
        ("a chunk with an extension", chunked("3;a=\"b\"\r\n[1]\r\n0\r\n\r\n"), Is::Read),
        ("chunks with a trailer", chunked("3\r\n[1]\r\n0\r\nX-Sum: 1\r\n\r\n"), Is::Read),
        ("a header without a colon", ok("Content-Length: 3\r\nnonsense\r\n\r\n[1]"), Is::Refused),
        ("a header with a space in its name", ok("Content Length: 3\r\n\r\n[1]"), Is::Refused),
        ("a header with a NUL", ok("X-A: a\0b\r\nContent-Length: 3\r\n\r\n[1]"), Is::Refused),
        (
            "a header of a megabyte",
            ok(&format!("X-A: {}\r\nContent-Length: 3\r\n\r\n[1]", "a".repeat(1 << 20))),
            Is::Refused,
        ),
        (
            "ten thousand headers",
            ok(&format!("{}Content-Length: 3\r\n\r\n[1]", "X-A: a\r\n".repeat(10_000))),
            Is::Refused,
        ),
        ("a head that ends in the middle", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), Is::Refused),
        (
            "100 before it",
            [b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), ok("Content-Length: 3\r\n\r\n[1]")].concat(),
            Is::Read,
        ),
        (
            "103 before it",
            [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec(), ok("Content-Length: 3\r\n\r\n[1]")].concat(),
            Is::Read,
        ),
        (
            "a thousand times 103",
            [b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000), ok("Content-Length: 3\r\n\r\n[1]")].concat(),
            Is::Read,
        ),
        (
            "an upgrade that nobody asked for",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n[1]".to_vec(),
            Is::Refused,
        ),
        ("a second answer behind the first", ok(&format!("Content-Length: 3\r\n\r\n[1]{second}")), Is::Read),
        ("a second answer behind chunks", chunked(&format!("3\r\n[1]\r\n0\r\n\r\n{second}")), Is::Read),
        (
            "a second answer behind one without a body",
            format!("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n{second}").into_bytes(),
            Is::Refused,
        ),
    ]
}

#[tokio::test]
async fn garbage_is_refused_or_read_in_the_one_safe_way_and_the_next_answer_is_its_own() {
    let forms = forms();
    assert!(forms.len() >= 25, "{}", forms.len());
    let api = FakeApi::start().await;
    let answers = forms.clone();
    api.route(get("/garbage"), move |request| {
        let (_, bytes, _) = &answers[request.query("form").unwrap().parse::<usize>().unwrap()];
        Response::raw(bytes.clone())
    });
    api.route(get("/next"), |_| Response::json("next"));
    let mut plan = without_retries(plan(&api.url()));
    plan.source.timeouts.total = Duration::from_secs(20);
    let rig = Rig::new(&plan);
    let mut wrong = Vec::new();
    for (index, (name, _, expected)) in forms.iter().enumerate() {
        let answer = rig.get(&api.url_of(&format!("/garbage?form={index}"))).await;
        let is = match &answer {
            Ok(response) if response.body == BODY => Is::Read,
            Ok(response) if response.body.is_empty() => Is::Refused,
            Ok(response) => panic!("{name}: {:?} is taken for the body", response.body),
            Err(_) => Is::Refused,
        };
        if is != *expected {
            wrong.push(format!("{name}: {is:?}, {answer:?}"));
        }
        let next = rig.get(&api.url_of("/next")).await.unwrap_or_else(|failure| panic!("after {name}: {failure}"));
        assert_eq!(next.body, "\"next\"", "after {name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
