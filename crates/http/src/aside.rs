//! A server that is asked beside the API and before it: where credentials are kept.
//!
//! Enters: its address, which the user names; what must not be shown. Leaves: answers as they are, whatever their status,
//! as JSON. Invariants: what is sent goes to that one origin, over TLS or on this machine, and follows no redirect; the
//! guard of addresses holds (a private network is where such a server is, and the user names it; link-local and metadata
//! addresses are refused); a server that fails is asked again a few times.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;
use spile_model::{ByteSize, Failure, FailureKind, Secret};
use spile_plan::{AuthPlan, LimitPlan, ProxyPlan, RetryPlan, SourcePlan, TimeoutPlan, TlsPlan};
use tokio::time::sleep;

use crate::guard::names::Names;
use crate::guard::{Guard, is_loopback};
use crate::message::Request;
use crate::redact::Redactor;
use crate::retry::{Decision, RetryPolicy};
use crate::retry_after::asked_wait;
use crate::transport::Network;
use crate::wire::{Answered, Wire};
use crate::{classify, excerpt};

/// What holds credentials answers with some kilobytes.
const LARGEST_ANSWER: ByteSize = ByteSize::mib(4);

/// A person waits for the run to begin: better a clear message soon.
const TIMEOUTS: TimeoutPlan =
    TimeoutPlan { connect: Duration::from_secs(10), read: Duration::from_secs(30), total: Duration::from_secs(60) };

/// Such a server.
pub struct Aside {
    home: Url,
    wire: Wire,
    retries: RetryPolicy,
    redactor: Redactor,
}

/// What it answered.
pub struct Said {
    /// The answer's status; not one of a server that fails.
    pub status: StatusCode,
    /// The answer's body; null where it is not JSON.
    pub body: Value,
    /// Status and error in words for a person, without anything that must not be shown.
    pub words: String,
}

impl Aside {
    /// The server at `address`, trusted as `tls` says. `seed` determines the jitter of retries.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where the address cannot be asked, or secrets would travel openly;
    /// [`FailureKind::Tls`].
    pub fn new(address: &str, tls: TlsPlan, seed: u64) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::new(FailureKind::Configuration, format!("its address {why}"));
        let home = Url::parse(address).map_err(|_| refused("is not a URL"))?;
        let Some(host) = home.host_str() else { return Err(refused("is not the URL of a host")) };
        if home.scheme() != "https" && !is_loopback(&home) {
            return Err(refused("must begin with https://: what is sent there is secret"));
        }
        let source = source(&home, host, tls);
        let guard = Guard::new(&source)?;
        if let Some(reason) = guard.refusal(&home) {
            return Err(refused(&format!("cannot be used: {reason}")));
        }
        let network = Network::new(Arc::new(guard), Names::of_the_system(), &source)?;
        let wire = Wire::new(Arc::new(network), source.timeouts, source.limits);
        let redactor = Redactor::knowing(Vec::new(), std::collections::BTreeSet::new());
        Ok(Self { home, wire, retries: RetryPolicy::new(source.retries, seed), redactor })
    }

    /// Its address.
    pub fn home(&self) -> &Url {
        &self.home
    }

    /// From now on nothing that it says is shown with these in it.
    pub fn hide(&self, secrets: Vec<Secret>) {
        self.redactor.learn(secrets);
    }

    /// Sends `request`, again where the server fails, and gives its answer whatever it is.
    ///
    /// Cancel safe in that nothing more is sent.
    ///
    /// # Errors
    /// No answer came, or only of a server that fails. The message names the server, and holds nothing hidden.
    pub async fn ask(&self, request: &Request, now: impl Fn() -> Timestamp) -> Result<Said, Failure> {
        let mut tries = 1;
        loop {
            let (mut failure, asked) = match self.wire.ask(self.outgoing(request), excerpt::LOOKED_AT).await {
                Err(failure) => (failure, None),
                Ok(Answered { status, headers, body }) => {
                    let asked = asked_wait(status, &headers, now());
                    let said = self.said(status, &body);
                    match classify::status_kind(status, asked.is_some()) {
                        kind @ (FailureKind::ServerError(_) | FailureKind::RateLimited) => {
                            (Failure::new(kind, said.words), asked)
                        }
                        _ => return Ok(said),
                    }
                }
            };
            // What is asked here changes nothing that a second request would spoil.
            let Decision::Again(wait) = self.retries.decide(&failure.kind, true, tries, asked) else {
                failure.message = format!("{}: {}", self.redactor.show_url(&request.url), failure.message);
                return Err(failure);
            };
            sleep(wait).await;
            tries += 1;
        }
    }

    fn outgoing(&self, request: &Request) -> reqwest::Request {
        let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.clone());
        *outgoing.headers_mut() = request.headers.clone();
        outgoing.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(body) = &request.body {
            outgoing.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(body.content_type));
            *outgoing.body_mut() = Some(body.bytes.clone().into());
        }
        outgoing
    }

    fn said(&self, status: StatusCode, body: &Bytes) -> Said {
        let mut words = format!("answered with {}", classify::show_status(status));
        let error = (!status.is_success())
            .then(|| excerpt::of_refusal(status, body, |text| self.redactor.clean(text)))
            .flatten();
        if let Some(error) = error {
            words.push_str(&format!(": {error}"));
        }
        Said { status, body: serde_json::from_slice(body).unwrap_or(Value::Null), words }
    }
}

/// What a client of that one server would have in a pipeline file.
fn source(home: &Url, host: &str, tls: TlsPlan) -> SourcePlan {
    let retries = RetryPlan {
        attempts: NonZeroU32::MIN.saturating_add(3),
        base_wait: Duration::from_millis(500),
        max_wait: Duration::from_secs(30),
        ..RetryPlan::default()
    };
    SourcePlan {
        base_url: home.to_string(),
        allowed_origins: Vec::new(),
        private_hosts: vec![host.to_owned()],
        tls,
        proxy: ProxyPlan::System,
        auth: AuthPlan::None,
        api_version: None,
        headers: Vec::new(),
        query: Vec::new(),
        rate_limits: Vec::new(),
        concurrency: NonZeroU32::MIN,
        timeouts: TIMEOUTS,
        retries,
        limits: LimitPlan { body: LARGEST_ANSWER, ..LimitPlan::default() },
    }
}

/// Puts `value` into `headers`, marked as what is not to be shown.
///
/// # Errors
/// [`FailureKind::Configuration`] where it has characters that no header can have.
pub fn secret_header(headers: &mut HeaderMap, name: &'static str, value: &Secret) -> Result<(), Failure> {
    let mut text = HeaderValue::from_str(value.expose()).map_err(|_| {
        Failure::new(
            FailureKind::Configuration,
            format!("what is sent as {name} has characters that no header can have"),
        )
    })?;
    text.set_sensitive(true);
    headers.insert(name, text);
    Ok(())
}
