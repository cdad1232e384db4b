//! How connections are made: what TLS trusts and shows, and which proxy is between.

use std::path::PathBuf;

use spile_model::Secret;

/// What TLS connections trust, what they show, and what they speak at least.
#[derive(Clone, Debug)]
pub struct TlsPlan {
    /// Certificates of authorities that are trusted as well.
    pub authorities: Option<PemPlan>,
    /// Whether the authorities that this machine trusts are trusted.
    pub trusts_system: bool,
    /// What is shown to a server that asks who connects.
    pub identity: Option<IdentityPlan>,
    /// The oldest version of TLS that is spoken.
    pub oldest: TlsVersion,
}

impl Default for TlsPlan {
    fn default() -> Self {
        Self { authorities: None, trusts_system: true, identity: None, oldest: TlsVersion::V1_2 }
    }
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct IdentityPlan {
    /// The certificate, and those between it and its authority.
    pub certificate: PemPlan,
    /// Its private key.
    pub key: PemPlan,
}

/// Text in PEM (RFC 7468), or the file that has it.
#[derive(Clone, Debug)]
pub enum PemPlan {
    /// The file. It is read when a client is made, so that a renewed one is found by the next run.
    File(PathBuf),
    /// The text itself.
    Text(Secret),
}

/// A version of TLS that is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// Which proxy is between this machine and others. It is never asked for this machine itself.
#[derive(Clone, Debug, Default)]
pub enum ProxyPlan {
    /// The one that the environment names, if any.
    #[default]
    System,
    /// None, whatever the environment says.
    None,
    /// This one.
    Through(Box<ProxyServerPlan>),
}

/// A proxy.
#[derive(Clone, Debug)]
pub struct ProxyServerPlan {
    /// Absolute: `http`, `https`, `socks5` or `socks5h`, a host and perhaps a port.
    pub url: String,
    /// Who asks it.
    pub user: Option<ProxyUser>,
    /// Hosts, domains and addresses that are asked directly, as `NO_PROXY` writes them.
    pub except: Vec<String>,
}

/// Who asks a proxy.
#[derive(Clone, Debug)]
pub struct ProxyUser {
    /// The user name.
    pub username: Secret,
    /// The password.
    pub password: Secret,
}
