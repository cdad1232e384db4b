//! Connections: TLS and proxies.

use std::net::IpAddr;
use std::path::Path;

use spile_model::Secret;
use spile_plan::{CredentialSource, IdentityPlan, PemPlan, ProxyPlan, ProxyServerPlan, ProxyUser, TlsPlan, TlsVersion};
use url::Url;

use super::Planner;
use super::credentials::{Outside, below};
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{OneOrMany, ProxyForm, ProxySpec, Text, TlsSpec, TlsVersionSpec};

/// What stands before everything that is written in PEM (RFC 7468), and in the name of no file.
const PEM_BEGINS: &str = "-----BEGIN ";

impl Planner<'_, '_, '_> {
    pub(super) fn tls(&mut self, spec: Option<&TlsSpec>, outside: &Outside<'_>) -> Option<TlsPlan> {
        let default = TlsPlan::default();
        let Some(spec) = spec else { return Some(default) };
        let authorities = spec.ca.as_ref().map(|text| self.pem("ca", text, outside));
        let identity = self.identity(spec, outside);
        let trusts_system = spec.system_ca.unwrap_or(default.trusts_system);
        if !trusts_system && spec.ca.is_none() {
            let message = "without `ca` and without the authorities of this machine, no server is trusted";
            let help = "name the file with the authorities that are: `ca: FILE`";
            self.report(&tls("system_ca"), Diagnostic::error(Code::Conflict, message).with_help(help));
        }
        Some(TlsPlan {
            authorities: authorities.map_or(Some(None), |pem| pem.map(Some))?,
            trusts_system,
            identity: identity?,
            oldest: match spec.min_version {
                None => default.oldest,
                Some(TlsVersionSpec::V1_2) => TlsVersion::V1_2,
                Some(TlsVersionSpec::V1_3) => TlsVersion::V1_3,
            },
        })
    }

    /// A certificate and its key: both, or neither.
    fn identity(&mut self, spec: &TlsSpec, outside: &Outside<'_>) -> Option<Option<IdentityPlan>> {
        let certificate = spec.client_certificate.as_ref().map(|text| self.pem("client_certificate", text, outside));
        let key = spec.client_key.as_ref().map(|text| self.pem("client_key", text, outside));
        let (present, absent) = match (certificate, key) {
            (None, None) => return Some(None),
            (Some(certificate), Some(key)) => {
                self.check_that_it_is_shown();
                return Some(Some(IdentityPlan { certificate: certificate?, key: key? }));
            }
            (Some(_), None) => ("client_certificate", "client_key"),
            (None, Some(_)) => ("client_key", "client_certificate"),
        };
        let message = format!("`{present}` is of no use without `{absent}`");
        let help = format!("add `{absent}: FILE`; one file may hold both, and is then named twice");
        self.places.report_key(&tls(present), Diagnostic::error(Code::MissingKey, message).with_help(help));
        None
    }

    fn check_that_it_is_shown(&mut self) {
        if self.base.as_ref().is_some_and(|base| base.scheme() == "http") {
            let message = "the client certificate would never be shown: `base_url` begins with http://";
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("begin `base_url` with `https://`");
            self.places.report_key(&tls("client_certificate"), diagnostic);
        }
    }

    fn pem(&mut self, key: &str, text: &str, outside: &Outside<'_>) -> Option<PemPlan> {
        let rendered = self.rendered(&tls(key), text)?;
        if !rendered.contains(PEM_BEGINS) {
            self.check_that_it_names_a_file(key, text)?;
            let file = below(outside.folder, rendered.trim());
            if key == "client_key" {
                self.tell_who_reads(&file, outside);
            }
            return Some(PemPlan::File(file));
        }
        Some(PemPlan::Text(Secret::new(rendered)))
    }

    /// What a secret holds is meant to be the text itself: to take it for a file's name would show it.
    fn check_that_it_names_a_file(&mut self, key: &str, text: &str) -> Option<()> {
        if !self.reads_secret(text) {
            return Some(());
        }
        let message = format!("what stands in `{key}` is no PEM: it has no `{PEM_BEGINS}…` in it");
        let help = "give the whole text of the PEM file, its first and last line too; base64 of it is another thing";
        self.report(&tls(key), Diagnostic::error(Code::InvalidValue, message).with_help(help));
        None
    }

    /// A key that others than its owner can read is none of theirs. What cannot be read at all is told by who needs it.
    fn tell_who_reads(&mut self, file: &Path, outside: &Outside<'_>) {
        let found = (outside.settings.credentials)(&CredentialSource::File(file.to_owned()));
        if let Some(warning) = found.ok().and_then(|found| found.warning) {
            let diagnostic = Diagnostic::warning(Code::Exposed, warning.message).with_help(warning.remedy);
            self.report(&tls("client_key"), diagnostic);
        }
    }

    pub(super) fn proxy(&mut self, form: Option<&ProxyForm>) -> Option<ProxyPlan> {
        let place = ["source", "proxy"];
        match form {
            None => Some(ProxyPlan::System),
            Some(ProxyForm::Url(text)) if text.trim() == "none" => Some(ProxyPlan::None),
            Some(ProxyForm::Url(text)) => {
                let url = self.proxy_url(&place, text)?;
                Some(ProxyPlan::Through(Box::new(ProxyServerPlan { url, user: None, except: Vec::new() })))
            }
            Some(ProxyForm::Settings(spec)) => {
                let url = self.proxy_url(&[&place[..], &["url"]].concat(), &spec.url);
                let user = self.proxy_user(spec);
                let except = self.no_proxy(spec);
                Some(ProxyPlan::Through(Box::new(ProxyServerPlan { url: url?, user: user?, except: except? })))
            }
        }
    }

    fn no_proxy(&mut self, spec: &ProxySpec) -> Option<Vec<String>> {
        let many = matches!(spec.no_proxy, Some(OneOrMany::Many(_)));
        let mut out = Vec::new();
        let texts = spec.no_proxy.as_ref().map_or(&[][..], OneOrMany::as_slice);
        for (index, text) in texts.iter().enumerate() {
            let index = index.to_string();
            let whole = ["source", "proxy", "no_proxy", &index];
            let path = if many { &whole[..] } else { &whole[..3] };
            let host = self.rendered(path, text)?.trim().to_owned();
            if !is_host_or_range(&host) {
                let message = format!("{} names no host", self.quoted(text, &host));
                let expected = "a host (`api.example.com`, with all below it), an address (`10.1.2.3`), a range of them \
                                (`10.0.0.0/8`), or `*`";
                self.report(path, Diagnostic::error(Code::InvalidValue, message).with_expected(expected));
                return None;
            }
            out.push(host);
        }
        Some(out)
    }

    fn proxy_user(&mut self, spec: &ProxySpec) -> Option<Option<ProxyUser>> {
        let path = ["source", "proxy", "password"];
        if let (None, Some(_)) = (&spec.username, &spec.password) {
            let message = "`password` is of no use without `username`";
            let diagnostic = Diagnostic::error(Code::MissingKey, message).with_help("add `username:`");
            self.places.report_key(&path, diagnostic);
            return None;
        }
        let Some(Text(username)) = &spec.username else { return Some(None) };
        let username = self.rendered(&["source", "proxy", "username"], username).map(Secret::new);
        let password = match &spec.password {
            Some(Text(password)) => self.rendered(&path, password).map(Secret::new),
            None => Some(Secret::new("")),
        };
        Some(Some(ProxyUser { username: username?, password: password? }))
    }

    fn proxy_url(&mut self, path: &[&str], text: &str) -> Option<String> {
        let rendered = self.rendered(path, text)?.trim().to_owned();
        let example = "write it like `http://proxy.example.com:3128`";
        let complaint = match Url::parse(&rendered) {
            Ok(url) if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") => Some((
                "is of a kind that is not spoken",
                "begin it with `http://`, `https://`, `socks5://` or `socks5h://`",
            )),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => Some((
                "has credentials in it",
                "put them below keys of their own: `proxy: { url: …, username: …, password: … }`",
            )),
            Ok(url) if url.host_str().is_none_or(str::is_empty) => Some(("names no host", example)),
            Ok(_) => None,
            Err(_) => Some(("is not a whole address", example)),
        };
        let Some((problem, help)) = complaint else { return Some(rendered) };
        let message = format!("the address of the proxy {problem}");
        self.report(path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
        None
    }
}

/// What stands in a list of hosts that no proxy is for.
fn is_host_or_range(text: &str) -> bool {
    if let Some((address, bits)) = text.split_once('/') {
        let most = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        return bits.parse::<u8>().is_ok_and(|bits| bits <= most);
    }
    let name = text.strip_prefix('.').unwrap_or(text);
    let is_name = || !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    text == "*" || text.parse::<IpAddr>().is_ok() || is_name()
}

/// A path below `source.tls`.
fn tls(key: &str) -> [&str; 3] {
    ["source", "tls", key]
}
