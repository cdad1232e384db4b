//! Where requests may go besides `base_url`: further origins, and hosts with private addresses.

use url::{Host, Url};

use super::Planner;
use crate::check::did_you_mean;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{OneOrMany, SourceSpec};

const ALLOWED_ORIGINS: &str = "allowed_origins";
const PRIVATE_HOSTS: &str = "private_hosts";

impl Planner<'_, '_, '_> {
    /// The allowed origins, as URLs write them. `None` where one cannot be; all of them are looked at.
    pub(super) fn allowed_origins(&mut self, spec: &SourceSpec) -> Option<Vec<String>> {
        let origins = self.each(ALLOWED_ORIGINS, spec.allowed_origins.as_ref(), |planner, path, text| {
            let problem = match Url::parse(text) {
                Err(url::ParseError::RelativeUrlWithoutBase) => Some(("is not a whole address", EXAMPLE)),
                Err(_) => Some(("is not an address", EXAMPLE)),
                Ok(url) => match complain_about(&url) {
                    None => return Some(url),
                    complaint => complaint,
                },
            };
            if let Some((problem, help)) = problem {
                let message = format!("the allowed origin {problem}");
                planner.report(path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
            }
            None
        });
        let written = |origins: &Vec<Url>| origins.iter().map(|url| url.origin().ascii_serialization()).collect();
        let plan = origins.as_ref().map(written);
        self.allowed = origins;
        plan
    }

    /// The hosts that may have private addresses; each is that of `base_url` or of an allowed origin.
    pub(super) fn private_hosts(&mut self, spec: &SourceSpec) -> Option<Vec<String>> {
        let asked: Option<Vec<String>> = self.base.iter().zip(self.allowed.as_ref()).next().map(|(base, allowed)| {
            let urls = std::iter::once(base).chain(allowed);
            urls.filter_map(|url| url.host_str().map(ToOwned::to_owned)).collect()
        });
        self.each(PRIVATE_HOSTS, spec.private_hosts.as_ref(), |planner, path, text| {
            let refused = |message: &str| Diagnostic::error(Code::InvalidValue, message);
            let Ok(host) = Host::parse(text) else {
                let help = "write the host alone, such as `api.example.com`, without scheme, port and path";
                planner.report(path, refused("the private host is not a host's name").with_help(help));
                return None;
            };
            let host = host.to_string();
            if let Some(asked) = asked.as_ref().filter(|asked| !asked.contains(&host)) {
                let asked = asked.iter().map(String::as_str);
                let help = did_you_mean(&host, asked.clone()).unwrap_or_else(|| {
                    format!("no other host is ever asked than {}", asked.collect::<Vec<_>>().join(", "))
                });
                let message = "the private host is neither that of `base_url` nor that of an allowed origin";
                planner.report(path, refused(message).with_help(help));
                return None;
            }
            Some(host)
        })
    }

    /// What `make` makes of each text below `source.key`, rendered; `None` where it makes nothing of one.
    fn each<T>(
        &mut self,
        key: &str,
        texts: Option<&OneOrMany<String>>,
        make: impl Fn(&mut Self, &[&str], &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let all = texts.map_or(&[][..], OneOrMany::as_slice);
        let made: Vec<Option<T>> = (0..)
            .zip(all)
            .map(|(index, text): (usize, _)| {
                let index = index.to_string();
                let path = match texts {
                    Some(OneOrMany::Many(_)) => vec!["source", key, &index],
                    _ => vec!["source", key],
                };
                let rendered = self.rendered(&path, text)?;
                make(self, &path, rendered.trim())
            })
            .collect();
        made.into_iter().collect()
    }
}

const EXAMPLE: &str = "write it like `https://files.example.com`";

/// What an origin may not have, and what to do about it.
fn complain_about(url: &Url) -> Option<(&'static str, &'static str)> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some(("is neither `http` nor `https`", "begin it with `https://`"));
    }
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Some(("names no host", EXAMPLE));
    }
    if host.contains('*') {
        return Some(("has a `*` in it, which stands for nothing here", "name each host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("has credentials in it", "remove them: no credential goes there"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Some((
            "has more in it than scheme, host and port",
            "remove what follows the host: all of it is allowed",
        ));
    }
    None
}
