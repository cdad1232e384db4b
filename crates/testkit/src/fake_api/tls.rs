//! Certificates of the TLS variant: each wrong in one known way, made on the spot.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Who the TLS listener claims to be. Each is signed by itself: a client that was given
/// [`FakeApi::certificate_pem`](super::FakeApi::certificate_pem) as a trusted root trusts it as far as it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Valid for `localhost` and 127.0.0.1.
    SelfSigned,
    /// As `SelfSigned`, but it ended in 2020.
    Expired,
    /// Valid in time, for `elsewhere.test` only.
    WrongHost,
}

/// A certificate ready to serve, and its PEM text.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) pem: String,
}

pub(crate) fn identity(kind: Certificate) -> Identity {
    let names = match kind {
        Certificate::WrongHost => vec!["elsewhere.test".to_owned()],
        Certificate::SelfSigned | Certificate::Expired => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
    };
    let mut params = CertificateParams::new(names).expect("these names are valid");
    if kind == Certificate::Expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().expect("ring can generate a key");
    let certificate = params.self_signed(&key).expect("a fresh key can sign its own certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private))
        .map_err(|error: rustls::Error| error.to_string())
        .expect("ring serves a certificate that it made");
    Identity { acceptor: TlsAcceptor::from(Arc::new(config)), pem: certificate.pem() }
}
