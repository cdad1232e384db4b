//! A server where credentials are kept, which is asked before a run.
//!
//! Enters: its address, which the user names; what must not be shown. Leaves: answers as they are, whatever their status,
//! as JSON. It is asked as [`crate::aside`] says: a private network is where such a server is, and the user names it;
//! link-local and metadata addresses are refused.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::Url;
use serde_json::Value;
use spile_model::{ByteSize, Clock, Failure, FailureKind, Secret};
use spile_plan::{AuthPlan, LimitPlan, ProxyPlan, RetryPlan, SourcePlan, TimeoutPlan, TlsPlan};
use tokio_util::sync::CancellationToken;

use crate::aside::{Aside, Asking, Denied, Unheard};
use crate::message::Request;
use crate::redact::Redactor;
use crate::retry::RetryPolicy;
use crate::retry_after::asked_wait;
use crate::wire::Answered;
use crate::{classify, excerpt, headers};

/// What holds credentials answers with some kilobytes.
const LARGEST_ANSWER: ByteSize = ByteSize::mib(4);

/// A person waits for the run to begin: better a clear message soon.
const TIMEOUTS: TimeoutPlan =
    TimeoutPlan { connect: Duration::from_secs(10), read: Duration::from_secs(30), total: Duration::from_secs(60) };

/// Such a server.
pub struct CredentialServer {
    aside: Aside,
    asking: Asking,
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

impl CredentialServer {
    /// The server at `address`, trusted as `tls` says. `seed` determines the jitter of retries.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where the address cannot be asked, or secrets would travel openly;
    /// [`FailureKind::Tls`].
    pub fn new(address: &str, tls: TlsPlan, clock: Arc<dyn Clock>, seed: u64) -> Result<Self, Failure> {
        let source = source(address, tls);
        let asking = Asking {
            retries: Arc::new(RetryPolicy::new(source.retries, seed)),
            redactor: Arc::new(Redactor::knowing(Vec::new(), std::collections::BTreeSet::new())),
            clock,
            stop: CancellationToken::new(),
            hears: Arc::new(Unheard),
        };
        Ok(Self { aside: Aside::new("its address", address, &source, LARGEST_ANSWER)?, asking })
    }

    /// Its address.
    pub fn home(&self) -> &Url {
        self.aside.url()
    }

    /// From now on nothing that it says is shown with these in it.
    pub fn hide(&self, secrets: Vec<Secret>) {
        self.asking.redactor.learn(secrets);
    }

    /// Sends `request`, again where the server fails, and gives its answer whatever it is.
    ///
    /// Cancel safe in that nothing more is sent.
    ///
    /// # Errors
    /// No answer came, or only of a server that fails. The message names the server, and holds nothing hidden.
    pub async fn ask(&self, request: &Request) -> Result<Said, Failure> {
        let asked = self.aside.ask(|| Ok(outgoing(request)), |answered| self.said(&answered), &self.asking).await;
        asked.map_err(|Denied { failure, .. }| {
            let place = self.asking.redactor.show_url(&request.url);
            Failure { message: format!("{place}: {}", failure.message), ..failure }
        })
    }

    fn said(&self, answered: &Answered) -> Result<Said, Box<Denied>> {
        let Answered { status, headers, body } = answered;
        let words = self.words(*status, body);
        let asked = asked_wait(*status, headers, self.asking.clock.now());
        match classify::status_kind(*status, asked.is_some()) {
            kind @ (FailureKind::ServerError(_) | FailureKind::RateLimited) => {
                Err(Box::new(Denied { asked, ..Failure::new(kind, words).into() }))
            }
            _ => Ok(Said { status: *status, body: serde_json::from_slice(body).unwrap_or(Value::Null), words }),
        }
    }

    fn words(&self, status: StatusCode, body: &Bytes) -> String {
        let words = format!("answered with {}", classify::show_status(status));
        let clean = |text: &str| self.asking.redactor.clean(text);
        match (!status.is_success()).then(|| excerpt::of_refusal(status, body, clean)).flatten() {
            Some(error) => format!("{words}: {error}"),
            None => words,
        }
    }
}

fn outgoing(request: &Request) -> reqwest::Request {
    let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.clone());
    *outgoing.headers_mut() = request.headers.clone();
    if let Some(body) = &request.body {
        outgoing.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(body.content_type));
        *outgoing.body_mut() = Some(body.bytes.clone().into());
    }
    outgoing
}

/// What a client of that one server would have in a pipeline file.
fn source(address: &str, tls: TlsPlan) -> SourcePlan {
    let host = Url::parse(address).ok().and_then(|home| Some(home.host_str()?.to_owned()));
    let retries = RetryPlan {
        attempts: NonZeroU32::MIN.saturating_add(3),
        base_wait: Duration::from_millis(500),
        max_wait: Duration::from_secs(30),
        ..RetryPlan::default()
    };
    SourcePlan {
        base_url: address.to_owned(),
        allowed_origins: Vec::new(),
        private_hosts: host.into_iter().collect(),
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
        limits: LimitPlan::default(),
    }
}

/// Puts `value` `into` headers, marked as what is not to be shown.
///
/// # Errors
/// [`FailureKind::Configuration`] where it has characters that no header can have.
pub fn secret_header(into: &mut HeaderMap, name: &'static str, value: &Secret) -> Result<(), Failure> {
    let text = headers::secret(value.expose()).ok_or_else(|| {
        let message = format!("what is sent as {name} has characters that no header can have");
        Failure::new(FailureKind::Configuration, message)
    })?;
    into.insert(name, text);
    Ok(())
}
