//! The one check of every URL before anything is sent to it: only the pipeline's own origin.
//!
//! Requests, redirects and next-page links all pass here. An allow-list of further origins has its place here.

use reqwest::Url;
use spile_model::{Failure, FailureKind};

/// The pipeline's own origin: scheme, host and port.
pub(crate) struct Home {
    base: Url,
}

impl Home {
    /// # Errors
    /// When `base_url` is not an absolute http(s) URL of a host.
    pub(crate) fn new(base_url: &str) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::new(FailureKind::Configuration, format!("`base_url` {why}"));
        let base = Url::parse(base_url).map_err(|error| refused(&format!("is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(refused("must begin with http:// or https:// and a host"));
        }
        Ok(Self { base })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.base
    }

    /// Whether `url` is of this origin and brings no user and password of its own.
    fn is_home(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() && url.username().is_empty() && url.password().is_none()
    }

    /// `None` where `url` may be asked; otherwise the reason, in words that end a sentence.
    pub(crate) fn refusal(&self, url: &Url) -> Option<String> {
        if self.is_home(url) {
            return None;
        }
        let own = self.base.origin().ascii_serialization();
        if url.origin() == self.base.origin() {
            return Some("the URL holds a user or password of its own, which is never followed".to_owned());
        }
        let other = show_origin(url);
        let hint = if url.scheme() == "https" && self.base.scheme() == "http" && url.host() == self.base.host() {
            "; write `base_url` with https"
        } else {
            "; if the API lives there, set `base_url` to it"
        };
        Some(format!(
            "{other} is another origin than the pipeline's own {own}, and credentials never leave theirs{hint}"
        ))
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.base.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

fn show_origin(url: &Url) -> String {
    let origin = url.origin();
    if origin.is_tuple() { origin.ascii_serialization() } else { format!("`{}:`", url.scheme()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(base: &str, url: &str) -> Option<String> {
        Home::new(base).unwrap().refusal(&Url::parse(url).unwrap())
    }

    #[test]
    fn only_scheme_host_and_port_together_are_the_same_origin() {
        assert_eq!(refusal("https://api.test/v1", "https://api.test:443/other?x=1"), None);
        assert_eq!(refusal("https://api.test", "https://API.test/"), None);
        for other in [
            "http://api.test/",
            "https://api.test:444/",
            "https://api.test.evil.test/",
            "https://evil.test/api.test",
            "https://api.test@evil.test/",
            "https://xapi.test/",
            "https://api.test./",
            "ftp://api.test/",
            "file:///etc/passwd",
        ] {
            assert!(refusal("https://api.test", other).is_some(), "{other}");
        }
    }

    #[test]
    fn a_user_in_the_url_is_refused_and_https_instead_of_http_gets_its_own_hint() {
        assert!(refusal("https://api.test", "https://u:p@api.test/").unwrap().contains("user or password"));
        assert!(refusal("http://api.test", "https://api.test/").unwrap().contains("write `base_url` with https"));
    }

    #[test]
    fn loopback_is_recognised() {
        for base in ["http://localhost:1", "http://127.8.0.1", "http://[::1]:3", "http://x.localhost"] {
            assert!(Home::new(base).unwrap().is_loopback(), "{base}");
        }
        assert!(!Home::new("http://localhost.test").unwrap().is_loopback());
    }
}
