//! How connections are made: TLS and proxies.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OneOrMany, Text};

/// What TLS connections trust, and the certificate that they show. Files are in PEM, and relative paths begin at the
/// pipeline file's folder; in the place of a file may stand its text, as a template: `"{{ client_key }}"`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSpec {
    /// A file with the certificates of authorities that are trusted as well, such as a company's own.
    #[schemars(length(min = 1))]
    pub(crate) ca: Option<String>,

    /// Whether the authorities that this machine trusts are trusted. `false` trusts those of `ca` alone. Default:
    /// `true`.
    pub(crate) system_ca: Option<bool>,

    /// A file with the certificate that is shown to a server that asks for one (mutual TLS), and with those between it
    /// and its authority. It is shown to the origin of `base_url` and to the server that gives out tokens, in addition
    /// to whatever `auth` says, and never to `allowed_origins`.
    #[schemars(length(min = 1))]
    pub(crate) client_certificate: Option<String>,

    /// A file with the private key of `client_certificate` (PKCS #8, PKCS #1 or SEC 1), without a passphrase. Nobody
    /// else should be able to read it.
    #[schemars(length(min = 1))]
    pub(crate) client_key: Option<String>,

    /// The oldest version of TLS that is spoken: `1.2` or `1.3`. Older ones never are. Default: `1.2`.
    pub(crate) min_version: Option<TlsVersionSpec>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) enum TlsVersionSpec {
    #[serde(rename = "1.2")]
    V1_2,
    #[serde(rename = "1.3")]
    V1_3,
}

/// A proxy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, extend("x-spile-words" = "the address of a proxy, `none`, or a map with `url`"))]
pub(crate) enum ProxyForm {
    /// Its address, or `none`.
    Url(#[schemars(length(min = 1))] String),
    /// Its address, and who asks it.
    Settings(ProxySpec),
}

/// A proxy, and who asks it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProxySpec {
    /// Its address, such as `http://proxy.example.com:3128`; `https`, `socks5` and `socks5h` are spoken too. Variables
    /// may be used in it. Requests with `https` go through it in a tunnel that it cannot look into.
    #[schemars(length(min = 1))]
    pub(crate) url: String,

    /// The user name that the proxy wants.
    pub(crate) username: Option<Text>,

    /// The password that the proxy wants, mostly a template: `"{{ proxy_password }}"`.
    pub(crate) password: Option<Text>,

    /// Hosts that are asked directly: names (their subdomains included), addresses, and ranges such as `10.0.0.0/8`.
    pub(crate) no_proxy: Option<OneOrMany<String>>,
}
