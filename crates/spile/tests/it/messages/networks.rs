//! Nobody answers, or nobody who may be trusted.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use insta::assert_snapshot;
use spile_testkit::fake_api::{Certificate, FakeApi, RefusedPort, Response, any};

use super::{ONCE, pipeline, told};

#[test]
fn a_host_name_without_address() {
    // `.invalid` has no addresses anywhere (RFC 6761); only how the system says it differs.
    let said = told(&pipeline("https://api.acme.invalid/v1", ONCE, "{ path: /orders }"), &[]);
    let (own, system) =
        said.split_once("  cause: failed to lookup").expect("the system's own words are the last cause");
    assert_snapshot!(format!("{own}  cause: (as the system says it)\n{}", system.split_once('\n').unwrap().1));
}

#[test]
fn an_address_where_nobody_listens() {
    let refused = RefusedPort::reserve();
    assert_snapshot!(told(&pipeline(&refused.url(), ONCE, "{ path: /orders }"), &[(&refused.url(), "http://API")]));
}

#[test]
fn a_certificate_that_nobody_vouches_for() {
    assert_snapshot!(told_of_certificate(Certificate::SelfSigned));
}

#[test]
fn a_certificate_that_has_expired() {
    let said = told_of_certificate(Certificate::Expired);
    // The cause goes on with the present time.
    let (before, now) = said.split_once("certificate expired: ").unwrap();
    assert_snapshot!(format!("{before}certificate expired: (when)\n{}", now.split_once('\n').unwrap().1));
}

fn told_of_certificate(certificate: Certificate) -> String {
    let api = FakeApi::start_tls_blocking(certificate);
    told(&pipeline(&api.url(), ONCE, "{ path: /orders }"), &[(&api.url(), "https://API")])
}

#[test]
fn https_where_only_http_is_spoken() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut greeting = [0; 5]; // the head of a TLS record: no server of HTTP knows what to do with it
        connection.read_exact(&mut greeting).unwrap();
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    });
    assert_snapshot!(told(&pipeline(&url, ONCE, "{ path: /orders }"), &[(&url, "https://API")]));
    server.join().unwrap();
}

#[test]
fn an_answer_that_does_not_come() {
    let api = FakeApi::start_blocking();
    api.route(any(), |_| Response::stall());
    let source = format!("  timeouts: {{ connect: 100ms, read: 100ms }}\n{ONCE}");
    assert_snapshot!(told(&pipeline(&api.url(), &source, "{ path: /orders }"), &[(&api.url(), "http://API")]));
}

#[test]
fn an_answer_that_stops_in_the_middle() {
    let api = FakeApi::start_blocking();
    api.route(any(), |_| Response::json_text(r#"[{"id": 1}]"#).truncate_at(5));
    assert_snapshot!(told(&pipeline(&api.url(), ONCE, "{ path: /orders }"), &[(&api.url(), "http://API")]));
}
