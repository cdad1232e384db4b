//! The one guard of every URL before anything is sent to it, and of every address before it is believed.
//!
//! Enters: the URL of a request, a redirect, a next page, or whatever else an answer names; the addresses that a name
//! has; the address that a connection went to. Leaves: nothing, or why not, in words for a person. Invariants:
//! * Only origins (scheme, host and port together) that the pipeline file names are asked: its own, and those of
//!   `allowed_origins`, to which no credential goes.
//! * A private address is connected to only where the file names it: as the literal address, by a name that only a
//!   private network answers for, or by `private_hosts`. Link-local and metadata addresses only as the literal address.
//!
//! It deliberately asks nobody: names are looked up by [`names`], connections made by the transport.

mod address;
pub(crate) mod names;
mod reach;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use reqwest::Url;
use spile_model::{Failure, FailureKind};
use spile_plan::SourcePlan;
use url::Origin;

use self::reach::Reach;

/// What may be asked.
pub(crate) struct Guard {
    home: Url,
    allowed: Vec<Url>,
    /// The addresses of every host that is ever asked, by its name as URLs write it.
    reaches: HashMap<String, Reach>,
}

/// An address that its host may not lead to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedAddress {
    host: String,
    address: IpAddr,
    why: String,
}

impl Guard {
    /// # Errors
    /// When `base_url` or an allowed origin is not an absolute http(s) URL of a host.
    pub(crate) fn new(source: &SourcePlan) -> Result<Self, Failure> {
        let home = web_url("base_url", &source.base_url)?;
        let allowed = source.allowed_origins.iter().map(|origin| web_url("allowed_origins", origin));
        let allowed = allowed.collect::<Result<Vec<_>, _>>()?;
        let reaches = std::iter::once(&home).chain(&allowed).filter_map(|url| {
            let reach = Reach::of(&url.host()?, &source.private_hosts);
            Some((url.host_str()?.to_owned(), reach))
        });
        Ok(Self { reaches: reaches.collect(), home, allowed })
    }

    /// The `base_url`.
    pub(crate) fn home(&self) -> &Url {
        &self.home
    }

    /// Every origin that may be asked, as a URL of it.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Url> {
        std::iter::once(&self.home).chain(&self.allowed)
    }

    /// Whether `url` is of the pipeline's own origin: the one that its credentials are for.
    pub(crate) fn is_home(&self, url: &Url) -> bool {
        url.origin() == self.home.origin()
    }

    /// `None` where `url` may be asked; otherwise the reason, in words that end a sentence.
    pub(crate) fn refusal(&self, url: &Url) -> Option<String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Some(format!("only http and https are ever asked, not `{}:`", url.scheme()));
        }
        let origin = url.origin();
        if self.origins().all(|known| known.origin() != origin) {
            return Some(self.unknown(url, &origin));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Some("the URL holds a user or password of its own, which is never followed".to_owned());
        }
        None
    }

    fn unknown(&self, url: &Url, origin: &Origin) -> String {
        let other = origin.ascii_serialization();
        let own = self.home.origin().ascii_serialization();
        let is_same_host = |known: &Url, scheme: &str| known.scheme() == scheme && known.host() == url.host();
        // What to do otherwise is for whoever sees what names it: an answer must not say where credentials go.
        let hint = if url.scheme() == "https" && is_same_host(&self.home, "http") {
            "; write `base_url` with https"
        } else if url.scheme() == "http" && self.origins().any(|known| is_same_host(known, "https")) {
            "; without TLS everybody on the way could read and change the answer; only if that is meant, add it there"
        } else {
            ""
        };
        format!("{other} is another origin than the pipeline's own {own} and not among its `allowed_origins`{hint}")
    }

    /// Those of `addresses` that `host` may lead to. A name that is no origin's is a proxy's, which whoever runs this
    /// machine has chosen, and leads where it will.
    ///
    /// # Errors
    /// Where there are none left, with the first that was refused.
    pub(crate) fn admitted(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, RefusedAddress> {
        let Some(reach) = self.reaches.get(host) else { return Ok(addresses) };
        let mut refused = None;
        let admitted = |address: &IpAddr| match reach.refusal(*address) {
            None => true,
            Some(why) => {
                refused.get_or_insert(RefusedAddress { host: host.to_owned(), address: *address, why });
                false
            }
        };
        let admitted: Vec<_> = addresses.into_iter().filter(admitted).collect();
        match refused {
            Some(refused) if admitted.is_empty() => Err(refused),
            _ => Ok(admitted),
        }
    }

    /// Whether an answer for `url` may come from `peer`, the address that its connection went to.
    ///
    /// # Errors
    /// With the address, where it may not.
    pub(crate) fn check_peer(&self, url: &Url, peer: IpAddr) -> Result<(), RefusedAddress> {
        let host = url.host_str().unwrap_or_default();
        let why = match self.reaches.get(host) {
            Some(reach) => reach.refusal(peer),
            None => Some("and is no origin's".to_owned()),
        };
        why.map_or(Ok(()), |why| Err(RefusedAddress { host: host.to_owned(), address: peer, why }))
    }
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address, why } = self;
        write!(f, "{host} leads to {address}, {why}")
    }
}

impl std::error::Error for RefusedAddress {}

/// Whether the URL's host is this machine, by its name or address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn web_url(key: &str, text: &str) -> Result<Url, Failure> {
    let refused = |why: &str| Failure::new(FailureKind::Configuration, format!("`{key}` {why}"));
    let url = Url::parse(text).map_err(|error| refused(&format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(refused("must begin with http:// or https:// and a host"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
