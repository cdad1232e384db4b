//! The TLS variant: each certificate is wrong in the way it says, and right otherwise.

use std::sync::Arc;

use spile_testkit::fake_api::{Certificate, FakeApi, Response, any};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The answer to `GET /` over TLS, or what went wrong.
async fn fetch(api: &FakeApi, trust: bool) -> Result<Vec<u8>, String> {
    let mut roots = RootCertStore::empty();
    if trust {
        roots.add(CertificateDer::from_pem_slice(api.certificate_pem().as_bytes()).unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(api.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream =
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| error.to_string())?;
    stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[tokio::test]
async fn a_self_signed_certificate_is_good_for_those_who_trust_it_and_for_nobody_else() {
    let api = FakeApi::start_tls(Certificate::SelfSigned).await;
    api.expect(any()).respond(Response::text("secret"));
    assert!(api.url().starts_with("https://localhost:"), "{}", api.url());
    let refused = fetch(&api, false).await.unwrap_err();
    assert!(refused.contains("UnknownIssuer"), "{refused}");
    assert!(fetch(&api, true).await.unwrap().ends_with(b"secret"));
    api.finish();
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_host_are_refused_even_when_trusted() {
    for (certificate, reason) in [(Certificate::Expired, "Expired"), (Certificate::WrongHost, "NotValidForName")] {
        let api = FakeApi::start_tls(certificate).await;
        let refused = fetch(&api, true).await.unwrap_err().replace(' ', "");
        let reason_in_words = reason.replace("NotValidForName", "notvalidforname").to_lowercase();
        assert!(refused.to_lowercase().contains(&reason_in_words), "{refused}");
        assert_eq!(api.request_count(), 0);
    }
}

#[tokio::test]
async fn a_truncated_body_over_tls_ends_without_the_closing_alert() {
    let api = FakeApi::start_tls(Certificate::SelfSigned).await;
    api.route(any(), |_| Response::text("0123456789").until_close().truncate_at(4));
    let error = fetch(&api, true).await.unwrap_err();
    assert!(error.contains("close_notify"), "{error}");
}
