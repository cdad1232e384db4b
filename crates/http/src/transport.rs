//! The connection pools below the client, with everything that decides for itself switched off.
//!
//! TLS is rustls with ring and the machine's trusted authorities; HTTP/2 where the server offers it (ALPN), otherwise
//! HTTP/1.1. The system's proxy settings (`HTTPS_PROXY`, `NO_PROXY` …) are respected, but never for this machine
//! itself: a proxy elsewhere cannot mean our loopback.
//!
//! Where no proxy is between, every address is checked before it is connected to, and the one that answered once more
//! before it is believed. A proxy looks names up by itself, and what it may connect to is for whoever runs it to say;
//! only the check of origins holds then.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use reqwest::redirect::Policy;
use spile_model::{Failure, FailureKind};
use spile_plan::TimeoutPlan;

use crate::guard::names::{GuardedNames, Names};
use crate::guard::{Guard, is_loopback};

/// How Spile names itself to APIs.
const USER_AGENT: &str = concat!("spile/", env!("CARGO_PKG_VERSION"));

/// What carries a request to the API and brings the answer: the network, or what stands in for it.
pub trait Transport: Send + Sync {
    /// Sends `request` once, as it is, and returns when the answer has begun.
    ///
    /// Cancel safe in that nothing more is sent; the API may have the request already.
    ///
    /// # Errors
    /// No answer came.
    fn execute(&self, request: reqwest::Request) -> Awaited<'_>;

    /// `answer`, where it came from an address that may answer for its URL.
    ///
    /// # Errors
    /// [`FailureKind::AddressRefused`]
    fn believed(&self, answer: reqwest::Response) -> Result<reqwest::Response, Failure> {
        Ok(answer)
    }
}

/// An answer that is awaited.
pub type Awaited<'a> = Pin<Box<dyn Future<Output = reqwest::Result<reqwest::Response>> + Send + 'a>>;

/// The ways to the origins.
pub(crate) struct Network {
    guard: Arc<Guard>,
    /// Never through a proxy.
    direct: reqwest::Client,
    /// Through the system's proxies, where one of them is between us and an origin.
    proxied: Option<reqwest::Client>,
    proxies: Matcher,
}

impl Network {
    /// # Errors
    /// [`FailureKind::Tls`] where this machine has no trusted authorities and an origin wants TLS.
    pub(crate) fn new(guard: Arc<Guard>, names: Names, timeouts: &TimeoutPlan) -> Result<Self, Failure> {
        choose_cryptography();
        let names = Arc::new(GuardedNames { guard: Arc::clone(&guard), names });
        // The settings that reqwest reads for itself, so that both mean the same proxies.
        let proxies = Matcher::from_system();
        let is_proxied = guard.origins().any(|origin| leads_through(&proxies, origin));
        let build = |builder: reqwest::ClientBuilder| build(builder, &guard, &names, timeouts);
        Ok(Self {
            direct: build(reqwest::Client::builder().no_proxy())?,
            proxied: is_proxied.then(|| build(reqwest::Client::builder())).transpose()?,
            proxies,
            guard,
        })
    }

    fn way_to(&self, url: &Url) -> (&reqwest::Client, Way) {
        match &self.proxied {
            Some(proxied) if leads_through(&self.proxies, url) => (proxied, Way::Proxied),
            _ => (&self.direct, Way::Direct),
        }
    }
}

impl Transport for Network {
    fn execute(&self, request: reqwest::Request) -> Awaited<'_> {
        Box::pin(async { self.way_to(request.url()).0.execute(request).await })
    }

    fn believed(&self, answer: reqwest::Response) -> Result<reqwest::Response, Failure> {
        let (_, Way::Direct) = self.way_to(answer.url()) else { return Ok(answer) };
        let Some(peer) = answer.remote_addr().as_ref().map(SocketAddr::ip) else {
            let message = "nothing is known of the address that answered, so that its answer is not believed";
            return Err(Failure::new(FailureKind::AddressRefused, message));
        };
        match self.guard.check_peer(answer.url(), peer) {
            Ok(()) => Ok(answer),
            Err(refused) => Err(Failure::new(FailureKind::AddressRefused, format!("the connection to {refused}"))),
        }
    }
}

/// Whether a proxy is between us and what answers.
enum Way {
    Direct,
    Proxied,
}

/// Chooses ring as the provider of cryptography for the whole process, which rustls wants chosen once.
fn choose_cryptography() {
    // It fails where one is chosen already, by an earlier client or by the program around us: then that one holds.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn leads_through(proxies: &Matcher, url: &Url) -> bool {
    let origin = url.origin().ascii_serialization().parse::<Uri>();
    !is_loopback(url) && origin.is_ok_and(|origin| proxies.intercept(&origin).is_some())
}

fn build(
    builder: reqwest::ClientBuilder,
    guard: &Guard,
    names: &Arc<GuardedNames>,
    timeouts: &TimeoutPlan,
) -> Result<reqwest::Client, Failure> {
    let mut builder = builder
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .dns_resolver(Arc::clone(names))
        .connect_timeout(timeouts.connect);
    if guard.origins().all(|origin| origin.scheme() == "http") {
        // No other origin is ever asked, so no certificate is ever checked: a machine without trusted authorities
        // can run, and a run does not spend milliseconds reading them.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        let message = "TLS cannot be set up on this machine; are its trusted authorities installed (ca-certificates)?";
        Failure::new(FailureKind::Tls, message).caused_by(error.without_url())
    })
}

#[cfg(test)]
mod tests;
