//! Which proxy is between us and an origin: the one that the pipeline file names, or the system's, or none.
//!
//! A proxy is never asked for this machine itself: a proxy elsewhere cannot mean our loopback.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::{ClientBuilder, NoProxy, Proxy, Url};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{ProxyPlan, ProxyServerPlan, ProxyUser};

use crate::guard::is_loopback;

/// The proxies of one pipeline.
pub(crate) struct Proxies {
    matcher: Matcher,
    /// The one that the pipeline file names; the system's are known to the library below.
    named: Option<Proxy>,
}

impl Proxies {
    /// # Errors
    /// [`FailureKind::Configuration`] where the file's proxy cannot be used.
    pub(crate) fn prepare(plan: &ProxyPlan) -> Result<Self, Failure> {
        match plan {
            ProxyPlan::System => Ok(Self { matcher: Matcher::from_system(), named: None }),
            ProxyPlan::None => Ok(Self { matcher: Matcher::builder().build(), named: None }),
            ProxyPlan::Through(server) => Self::through(server),
        }
    }

    fn through(server: &ProxyServerPlan) -> Result<Self, Failure> {
        let except = server.except.join(",");
        let wrong = |_| Failure::new(FailureKind::Configuration, "`proxy.url` cannot be used");
        let mut proxy = Proxy::all(&server.url).map_err(wrong)?.no_proxy(NoProxy::from_string(&except));
        if let Some(ProxyUser { username, password }) = &server.user {
            proxy = proxy.basic_auth(username.expose(), password.expose());
        }
        let matcher = Matcher::builder().all(server.url.as_str()).no(except.as_str()).build();
        Ok(Self { matcher, named: Some(proxy) })
    }

    /// The proxy on the way to `url`, as `host:port`.
    pub(crate) fn between(&self, url: &Url) -> Option<String> {
        let proxy = self.intercept(url)?;
        proxy.uri().authority().map(|authority| authority.host().to_owned() + &port(&authority.port_u16()))
    }

    fn intercept(&self, url: &Url) -> Option<Intercept> {
        if is_loopback(url) {
            return None;
        }
        self.matcher.intercept(&url.origin().ascii_serialization().parse::<Uri>().ok()?)
    }

    /// `builder` with these proxies.
    pub(crate) fn onto(&self, builder: ClientBuilder) -> ClientBuilder {
        match &self.named {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        }
    }
}

/// What must not be shown of the proxies: their passwords, and the credentials as they are sent.
pub(crate) fn secrets(plan: &ProxyPlan) -> Vec<Secret> {
    match plan {
        ProxyPlan::None => Vec::new(),
        ProxyPlan::System => secrets_of_the_system(),
        ProxyPlan::Through(server) => server.user.as_ref().map_or_else(Vec::new, |ProxyUser { username, password }| {
            let sent = STANDARD.encode(format!("{}:{}", username.expose(), password.expose()));
            vec![password.clone(), Secret::new(sent)]
        }),
    }
}

/// Those in the environment's `HTTPS_PROXY` and the like.
fn secrets_of_the_system() -> Vec<Secret> {
    let matcher = Matcher::from_system();
    let proxy = |scheme: &str| matcher.intercept(&format!("{scheme}://some.test").parse::<Uri>().ok()?);
    ["http", "https"].into_iter().filter_map(proxy).flat_map(|proxy| secrets_of(&proxy)).collect()
}

fn secrets_of(proxy: &Intercept) -> Vec<Secret> {
    if let Some((_, password)) = proxy.raw_auth() {
        return vec![Secret::new(password)];
    }
    let sent = proxy.basic_auth().and_then(|header| header.to_str().ok()?.strip_prefix("Basic "));
    let Some(sent) = sent else { return Vec::new() };
    let pair = STANDARD.decode(sent).ok().and_then(|pair| String::from_utf8(pair).ok());
    let password = pair.as_ref().and_then(|pair| pair.split_once(':')).map(|(_, password)| Secret::new(password));
    password.into_iter().chain([Secret::new(sent)]).collect()
}

fn port(port: &Option<u16>) -> String {
    port.map_or_else(String::new, |port| format!(":{port}"))
}
