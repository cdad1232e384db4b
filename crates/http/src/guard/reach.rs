//! Which addresses a host of the pipeline file may lead to.

use std::net::IpAddr;

use url::Host;

use super::address::{Range, range};

/// Names below these are answered for by no public name server: who uses them means a network of their own. RFC 6761
/// (`localhost`, `test`), RFC 6762 (`local`, and its appendix G: the names that private networks were found to use),
/// RFC 8375 (`home.arpa`); `internal` is reserved by ICANN for this very purpose.
const PRIVATE_NAMES: [&str; 10] =
    ["corp", "home", "home.arpa", "internal", "intranet", "lan", "local", "localhost", "private", "test"];

/// The addresses that one host may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The one that the pipeline file has in place of a name, whatever it is: somebody wrote it there.
    Only(IpAddr),
    /// Public and private ones.
    Private,
    /// Public ones: whoever answers for the name must not choose a host inside the network that Spile runs in.
    Public,
}

impl Reach {
    /// That of `host`, where the hosts in `named` may be private.
    pub(super) fn of(host: &Host<&str>, named: &[String]) -> Self {
        match host {
            Host::Ipv4(address) => Self::Only(IpAddr::V4(*address)),
            Host::Ipv6(address) => Self::Only(IpAddr::V6(*address)),
            Host::Domain(name) if is_private_name(name) || named.iter().any(|host| host == name) => Self::Private,
            Host::Domain(_) => Self::Public,
        }
    }

    /// `None` where the host may lead to `address`; otherwise what that is, and what to do.
    pub(super) fn refusal(self, address: IpAddr) -> Option<String> {
        // A socket for both families shows IPv4 peers as mapped addresses.
        let is = |known: IpAddr| known.to_canonical() == address.to_canonical();
        match (self, range(address)) {
            (Self::Only(known), _) if is(known) => None,
            (Self::Only(_), _) => Some("which is another address than the one that was asked".to_owned()),
            (_, Range::Public) | (Self::Private, Range::Private(_)) => None,
            (Self::Public, Range::Private(what)) => {
                Some(format!("{what}; if it is there on purpose, add the host to `private_hosts`"))
            }
            (Self::Private | Self::Public, Range::Closed(what)) => {
                Some(format!("{what}, which no name may lead to; where it is meant, write the address itself"))
            }
        }
    }
}

/// Whether only a private network answers for `name`: one without a dot, or below a reserved one.
fn is_private_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_in = |parent: &str| name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || PRIVATE_NAMES.iter().any(|parent| is_in(parent))
}
