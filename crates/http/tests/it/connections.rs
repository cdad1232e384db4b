//! Failures before an answer are told apart.

use spile_model::FailureKind;
use spile_testkit::fake_api::{Certificate, FakeApi, RefusedPort, Response, any};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Rig, plan, without_retries};

async fn failure_at(base: &str) -> spile_model::Failure {
    let rig = Rig::new(&without_retries(plan(base)));
    rig.get(&format!("{base}/items")).await.unwrap_err()
}

#[tokio::test]
async fn a_name_without_address_is_a_dns_failure() {
    let failure = failure_at("http://no-such-host.invalid").await;
    assert_eq!(failure.kind, FailureKind::Dns, "{failure} {:?}", failure.causes());
    assert!(failure.message.contains("no-such-host.invalid"), "{failure}");
}

#[tokio::test]
async fn a_port_without_listener_is_a_connection_failure() {
    let refused = RefusedPort::reserve();
    let failure = failure_at(&refused.url()).await;
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.message.contains("nothing listens there"), "{failure}");
    assert_eq!(failure.causes().len(), 1, "only what the system says: {:?}", failure.causes());
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_tls_failure_and_is_not_retried() {
    for certificate in [Certificate::SelfSigned, Certificate::Expired, Certificate::WrongHost] {
        let api = FakeApi::start_tls(certificate).await;
        let rig = Rig::new(&plan(&api.url()));
        let failure = rig.get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Tls, "{failure} {:?}", failure.causes());
        assert!(failure.message.contains("certificate"), "{failure}");
        assert_eq!(failure.causes().len(), 1, "{:?}", failure.causes());
        assert_eq!(api.connection_count(), 1);
    }
}

#[tokio::test]
async fn plain_http_behind_https_is_told_apart_from_bad_tls_and_its_remedy_is_http() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        // Until the client hangs up: closing with its handshake unread would reset the connection.
        let _ = socket.read_to_end(&mut Vec::new()).await;
    };
    let (failure, ()) = tokio::join!(failure_at(&base), serve);
    assert_eq!(failure.kind, FailureKind::NotTls, "{failure}");
    assert!(failure.message.contains("does not speak TLS"), "{failure}");
    assert!(failure.kind.remedy().contains("http://"), "{}", failure.kind.remedy());
}

/// Most servers of HTTP hang up on a handshake, with it read or unread, and say nothing.
#[tokio::test]
async fn a_server_that_hangs_up_on_a_handshake_may_be_one_of_plain_http() {
    for reads in [true, false] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.readable().await.unwrap();
            if reads {
                socket.read_buf(&mut Vec::with_capacity(64 * 1024)).await.unwrap();
            }
        };
        let (failure, ()) = tokio::join!(failure_at(&base), serve);
        assert_eq!(failure.kind, FailureKind::Handshake, "{failure} {:?}", failure.causes());
        assert!(failure.message.contains("hung up when asked for TLS"), "{failure}");
        assert!(failure.kind.remedy().starts_with("write `base_url` with http://"), "{}", failure.kind.remedy());
    }
}

#[tokio::test]
async fn a_server_that_is_silent_in_a_handshake_may_be_one_of_plain_http() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let mut plan = without_retries(plan(&base));
    plan.source.timeouts.connect = std::time::Duration::from_millis(100);
    let failure = Rig::new(&plan).get(&base).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.message.contains("or no TLS on it: is it http?"), "{failure}");
}

#[tokio::test]
async fn a_connection_that_closes_or_breaks_before_the_answer_is_a_transport_failure() {
    for response in [
        Response::hang_up(),
        Response::reset(),
        Response::json(1).truncate_head_at(10),
        Response::raw("garbage\r\n\r\n"),
    ] {
        let api = FakeApi::start().await;
        api.expect(any()).respond(response);
        let failure = failure_at(&api.url()).await;
        assert_eq!(failure.kind, FailureKind::Transport, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_a_timeout() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::stall());
    let failure = failure_at(&api.url()).await;
    assert_eq!(failure.kind, FailureKind::Timeout);
    let expected =
        "within 2 m 10 s: 10.0 s to connect (`timeouts.connect`) and 2 m 00 s to begin answering (`timeouts.read`)";
    assert!(failure.message.contains(expected), "{failure}");
}

#[tokio::test]
async fn heads_beyond_every_measure_are_failures_and_interim_answers_are_passed_over() {
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json(1).huge_header(1_000_000));
    assert_eq!(failure_at(&api.url()).await.kind, FailureKind::Transport);
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json(1).many_headers(10_000));
    assert_eq!(failure_at(&api.url()).await.kind, FailureKind::Transport);
    let api = FakeApi::start().await;
    api.expect(any()).respond(Response::json(1).interim(103, &[("Link", "</x>; rel=preload")]));
    let rig = Rig::new(&plan(&api.url()));
    assert_eq!(rig.get(&api.url_of("/items")).await.unwrap().body, "1");
}

#[test]
fn a_plain_http_client_needs_no_trusted_authorities() {
    // Reading them takes milliseconds at least, and a bare container has none.
    Rig::new(&plan("http://127.0.0.1:9"));
}
