//! The connection pool below the client, with everything that decides for itself switched off.
//!
//! TLS is rustls with ring and the machine's trusted authorities; HTTP/2 where the server offers it (ALPN), otherwise
//! HTTP/1.1. The system's proxy settings (`HTTPS_PROXY`, `NO_PROXY` …) are respected, but never for this machine
//! itself: a proxy elsewhere cannot mean our loopback.

use reqwest::redirect::Policy;
use spile_model::{Failure, FailureKind};
use spile_plan::TimeoutPlan;

use crate::origin::Home;

/// How Spile names itself to APIs.
const USER_AGENT: &str = concat!("spile/", env!("CARGO_PKG_VERSION"));

/// Chooses ring as the provider of cryptography for the whole process, which rustls wants chosen once.
fn choose_cryptography() {
    // It fails where one is chosen already, by an earlier client or by the program around us: then that one holds.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// # Errors
/// [`FailureKind::Tls`] where this machine has no trusted authorities and the API wants TLS.
pub(crate) fn connect(home: &Home, timeouts: &TimeoutPlan) -> Result<reqwest::Client, Failure> {
    choose_cryptography();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(timeouts.connect);
    if home.is_loopback() {
        builder = builder.no_proxy();
    }
    if home.url().scheme() == "http" {
        // No other origin is ever asked, so no certificate is ever checked: a machine without trusted authorities
        // can run, and a run does not spend milliseconds reading them.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        let message = "TLS cannot be set up on this machine; are its trusted authorities installed (ca-certificates)?";
        Failure::new(FailureKind::Tls, message).caused_by(error.without_url())
    })
}
