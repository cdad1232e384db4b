//! From a host's name to the addresses that the guard admits.
//!
//! The check stands between the look-up and the connection: what was checked is what is connected to, so that a name
//! which answers differently the second time gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use super::Guard;

/// How names become addresses: injected, as time is, so that tests can let a name lead anywhere.
#[derive(Clone)]
pub struct Names(Lookup);

#[derive(Clone)]
enum Lookup {
    System,
    Given(Arc<Given>),
}

type Given = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl Names {
    /// As this machine looks them up: its hosts file, then its name servers.
    pub fn of_the_system() -> Self {
        Self(Lookup::System)
    }

    /// As `lookup` says.
    pub fn given(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self(Lookup::Given(Arc::new(lookup)))
    }

    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match &self.0 {
            // The port is the URL's, not the look-up's.
            Lookup::System => Ok(lookup_host((host, 0)).await?.map(|found| found.ip()).collect()),
            Lookup::Given(lookup) => lookup(host),
        }
    }
}

/// What the transport asks for addresses.
pub(crate) struct GuardedNames {
    pub(crate) guard: Arc<Guard>,
    pub(crate) names: Names,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, names) = (Arc::clone(&self.guard), self.names.clone());
        Box::pin(async move {
            let found = names.addresses(name.as_str()).await?;
            let admitted = guard.admitted(name.as_str(), found)?;
            Ok(Box::new(admitted.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
