//! The connection pools below the client, with everything that decides for itself switched off.
//!
//! TLS is rustls with ring and the machine's trusted authorities, or those that the plan names; HTTP/2 where the server
//! offers it (ALPN), otherwise HTTP/1.1. A client certificate is a credential: only the pipeline's own origin sees it.
//!
//! Where no proxy is between, every address is checked before it is connected to, and the one that answered once more
//! before it is believed. A proxy looks names up by itself, and what it may connect to is for whoever runs it to say;
//! only the check of origins holds then.

pub(crate) mod proxy;
mod tls;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::redirect::Policy;
use spile_model::{Failure, FailureKind};
use spile_plan::{SourcePlan, TimeoutPlan};

use self::proxy::Proxies;
use self::tls::Tls;
use crate::guard::Guard;
use crate::guard::names::{GuardedNames, Names};

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

    /// The proxy on the way to `url`, as `host:port`, where there is one.
    fn proxy_to(&self, url: &Url) -> Option<String> {
        let _ = url;
        None
    }

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
    proxies: Proxies,
    /// To the pipeline's own origin: those that show the client certificate.
    home: Ways,
    /// To allowed origins, where there is a certificate that they must not see; otherwise all share connections.
    others: Option<Ways>,
}

/// The pools of connections to some origins.
struct Ways {
    /// Never through a proxy.
    direct: reqwest::Client,
    /// Through a proxy, where one is between us and an origin.
    proxied: Option<reqwest::Client>,
}

impl Network {
    /// # Errors
    /// [`FailureKind::Tls`] where this machine has no trusted authorities and an origin wants TLS;
    /// [`FailureKind::Configuration`] where what `tls` and `proxy` name cannot be used.
    pub(crate) fn new(guard: Arc<Guard>, names: Names, source: &SourcePlan) -> Result<Self, Failure> {
        choose_cryptography();
        let names = Arc::new(GuardedNames { guard: Arc::clone(&guard), names });
        let (tls, proxies) = (Tls::prepare(&source.tls)?, Proxies::prepare(&source.proxy)?);
        let is_proxied = guard.origins().any(|origin| proxies.between(origin).is_some());
        let ways = |shows_identity: bool| {
            let build = |builder| build(tls.onto(builder, shows_identity), &tls, &guard, &names, &source.timeouts);
            Ok::<_, Failure>(Ways {
                direct: build(reqwest::Client::builder().no_proxy())?,
                proxied: is_proxied.then(|| build(proxies.onto(reqwest::Client::builder()))).transpose()?,
            })
        };
        let home = ways(true)?;
        let others = (tls.has_identity() && guard.origins().count() > 1).then(|| ways(false)).transpose()?;
        Ok(Self { home, others, proxies, guard })
    }

    /// The connections to `url`, and the proxy that they go through.
    fn way_to(&self, url: &Url) -> (&reqwest::Client, Option<String>) {
        let ways = self.others.as_ref().filter(|_| !self.guard.is_home(url)).unwrap_or(&self.home);
        match (&ways.proxied, self.proxies.between(url)) {
            (Some(proxied), Some(proxy)) => (proxied, Some(proxy)),
            _ => (&ways.direct, None),
        }
    }
}

impl Transport for Network {
    fn execute(&self, request: reqwest::Request) -> Awaited<'_> {
        Box::pin(async { self.way_to(request.url()).0.execute(request).await })
    }

    fn believed(&self, answer: reqwest::Response) -> Result<reqwest::Response, Failure> {
        let (_, None) = self.way_to(answer.url()) else { return Ok(answer) };
        let Some(peer) = answer.remote_addr().as_ref().map(SocketAddr::ip) else {
            let message = "nothing is known of the address that answered, so that its answer is not believed";
            return Err(Failure::new(FailureKind::AddressRefused, message));
        };
        match self.guard.check_peer(answer.url(), peer) {
            Ok(()) => Ok(answer),
            Err(refused) => Err(Failure::new(FailureKind::AddressRefused, format!("the connection to {refused}"))),
        }
    }

    fn proxy_to(&self, url: &Url) -> Option<String> {
        self.way_to(url).1
    }
}

/// Chooses ring as the provider of cryptography for the whole process, which rustls wants chosen once.
fn choose_cryptography() {
    // It fails where one is chosen already, by an earlier client or by the program around us: then that one holds.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn build(
    builder: reqwest::ClientBuilder,
    tls: &Tls,
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
    builder.build().map_err(|error| tls::unusable(tls, error))
}

#[cfg(test)]
mod tests;
