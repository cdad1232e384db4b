//! The server that gives out tokens, as an authenticator asks it.
//!
//! Enters: a request, made anew for each try. Leaves: its answer as JSON, every secret of which the redactor knows by
//! then. Invariants: what is sent goes to the origin that the pipeline file names, over TLS or on this machine, and
//! follows no redirect; the timeouts and retries of the plan hold; the API's rate limits do not, for this is not the API.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::Url;
use serde_json::Value;
use spile_model::units::show_duration;
use spile_model::{ByteSize, Clock, Failure, FailureKind, Secret};
use spile_plan::SourcePlan;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::classify;
use crate::excerpt;
use crate::guard::names::Names;
use crate::guard::{Guard, is_loopback};
use crate::redact::Redactor;
use crate::retry::{Decision, RetryPolicy};
use crate::retry_after::asked_wait;
use crate::transport::Network;
use crate::wire::{Answered, Wire};

/// No token is larger; what is, is a download.
const LARGEST_ANSWER: ByteSize = ByteSize::mib(1);

/// A text of so many characters without white space, in an answer that gives out tokens, is taken for one.
const SHORTEST_UNNAMED_SECRET: usize = 20;

/// What a token's answer may say openly.
const OPEN: [&str; 6] = ["scope", "token_type", "error", "error_description", "error_uri", "issued_token_type"];

/// What an authenticator needs in order to ask for something itself. Cheap to clone, for what it asks may go on when the
/// request that wanted it has been given up.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) retries: Arc<RetryPolicy>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Cancelled when nobody is going to use what is asked for.
    pub(crate) stop: CancellationToken,
    /// Told of a wait that has begun, why and how long it may last.
    pub(crate) on_wait: Arc<dyn Fn(String, Duration) + Send + Sync>,
    /// Told of all that was waited.
    pub(crate) on_waited: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Asking {
    /// Fails once nobody is going to use what is asked for. To be called where nothing is on its way: what a server has
    /// been asked for may exist in its answer alone.
    pub(crate) fn goes_on(&self) -> Result<(), Failure> {
        if self.stop.is_cancelled() { Err(stopped()) } else { Ok(()) }
    }

    /// Waits; fails as soon as nobody is going to use what is asked for.
    pub(crate) async fn pause(&self, wait: Duration) -> Result<(), Failure> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(stopped()),
            () = sleep(wait) => (self.on_waited)(wait),
        }
        Ok(())
    }
}

pub(crate) fn stopped() -> Failure {
    Failure::new(FailureKind::Interrupted, "no token is asked for: the run is about to end")
}

pub(crate) struct Endpoint {
    url: Url,
    wire: Wire,
    any_body: bool,
}

/// Why nothing was given out.
pub(crate) struct Denied {
    pub(crate) failure: Failure,
    /// What the server calls it, where it speaks OAuth (RFC 6749, 5.2).
    pub(crate) code: Option<String>,
    asked: Option<Duration>,
}

impl Denied {
    pub(crate) fn with_code(failure: Failure, code: Option<&str>) -> Self {
        Self { failure, code: code.map(ToOwned::to_owned), asked: None }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self { failure, code: None, asked: None }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        denied.failure
    }
}

/// An answer with a status of success.
pub(crate) struct Granted {
    pub(crate) headers: HeaderMap,
    /// Null where the body may be anything, and is not JSON.
    pub(crate) body: Value,
}

impl Endpoint {
    /// The endpoint at `url`; `key` is what the pipeline file calls it.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where secrets would travel openly, [`FailureKind::Tls`].
    pub(crate) fn new(key: &str, url: &str, source: &SourcePlan) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::new(FailureKind::Configuration, format!("`auth.{key}` {why}"));
        let place = Url::parse(url).map_err(|_| refused("is not the URL of a host"))?;
        if place.scheme() != "https" && !is_loopback(&place) {
            return Err(refused("must begin with https://: what is sent there is secret"));
        }
        // This server is a home of its own: nothing that is allowed to the API's requests leads away from it.
        let own = SourcePlan { base_url: url.to_owned(), allowed_origins: Vec::new(), ..source.clone() };
        let guard = Guard::new(&own).map_err(|_| refused("is not the URL of a host"))?;
        if let Some(reason) = guard.refusal(&place) {
            return Err(refused(&format!("cannot be used: {reason}")));
        }
        let mut limits = source.limits;
        limits.body = limits.body.min(LARGEST_ANSWER);
        let network = Network::new(Arc::new(guard), Names::of_the_system(), &own)?;
        let wire = Wire::new(Arc::new(network), source.timeouts, limits);
        Ok(Self { url: place, wire, any_body: false })
    }

    /// What counts stands in the answer's head: its body may be anything.
    pub(crate) fn with_any_body(self) -> Self {
        Self { any_body: true, ..self }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Sends what `request` makes, until it is answered well or no further try helps.
    ///
    /// # Errors
    /// [`FailureKind::TokenRefused`] where the server refuses; otherwise what broke. The message names the server.
    pub(crate) async fn ask(
        &self,
        request: impl Fn() -> Result<reqwest::Request, Failure>,
        asking: &Asking,
    ) -> Result<Granted, Denied> {
        let mut tries = 1;
        loop {
            asking.goes_on()?;
            let mut denied = match self.try_once(request()?, asking).await {
                Ok(granted) => return Ok(granted),
                Err(denied) => denied,
            };
            let failure = &mut denied.failure;
            // A request for a token changes nothing at the server that a second one would spoil: it may be repeated
            // although it is a POST. One that exchanges a refresh token for its successor may be lost with its answer;
            // then the same token is all there is, and sooner is better: servers that forgive do so for seconds.
            match asking.retries.decide(&failure.kind, true, tries, denied.asked) {
                Decision::Again(wait) => {
                    (asking.on_wait)("the server that gives out tokens fails".to_owned(), wait);
                    asking.pause(wait).await?;
                    tries += 1;
                }
                decision => {
                    if let Decision::AskedTooLong(asked) = decision {
                        failure.message.push_str(&format!("; it asks to wait {}", show_duration(asked)));
                    }
                    let times = if tries > 1 { format!(" (tried {tries} times)") } else { String::new() };
                    let place = asking.redactor.show_url(&self.url);
                    failure.message = format!("no token from {place}: {}{times}", failure.message);
                    return Err(denied);
                }
            }
        }
    }

    async fn try_once(&self, mut outgoing: reqwest::Request, asking: &Asking) -> Result<Granted, Denied> {
        let json = HeaderValue::from_static("application/json");
        outgoing.headers_mut().entry(header::ACCEPT).or_insert(json);
        let answered = self.wire.ask(outgoing, excerpt::LOOKED_AT).await.map_err(|mut failure| {
            if failure.kind == FailureKind::TooLarge {
                failure.message = format!("its answer is larger than {LARGEST_ANSWER}, and no token is");
            }
            failure
        })?;
        let Answered { status, headers, body } = answered;
        let document = serde_json::from_slice::<Value>(&body);
        if let Ok(document) = &document {
            asking.redactor.learn(secrets_of(document, names_secret));
            asking.redactor.suspect(secrets_of(document, |_, text| looks_secret(text)));
        }
        if !status.is_success() {
            let asked = asked_wait(status, &headers, asking.clock.now());
            let document = document.unwrap_or_default();
            let said = oauth_error(&document);
            let said = said.or_else(|| excerpt::of_refusal(status, &body, |text| asking.redactor.clean(text)));
            let failure = refused(status, asked.is_some(), said);
            return Err(Denied { asked, ..Denied::with_code(failure, error_code(&document)) });
        }
        match document {
            Ok(body) => Ok(Granted { headers, body }),
            Err(_) if self.any_body => Ok(Granted { headers, body: Value::Null }),
            // Its text is not quoted: it may be a token in a form that nobody recognises.
            Err(_) => Err(Failure::new(FailureKind::BadBody, "its answer is not JSON").into()),
        }
    }
}

/// A status of refusal: what was sent is not accepted, or the server fails.
fn refused(status: StatusCode, asks_to_wait: bool, said: Option<String>) -> Failure {
    let kind = match classify::status_kind(status, asks_to_wait) {
        FailureKind::Unauthorized | FailureKind::Forbidden | FailureKind::NotFound | FailureKind::Rejected(_) => {
            FailureKind::TokenRefused
        }
        other => other,
    };
    let mut message = format!("answered with {}", classify::show_status(status));
    if let Some(said) = said {
        message.push_str(&format!(": {said}"));
    }
    Failure::new(kind, message)
}

/// What a server that speaks OAuth calls its error (RFC 6749, 5.2).
pub(crate) fn error_code(document: &Value) -> Option<&str> {
    document.get("error")?.as_str()
}

/// What an error of OAuth says: its code and, in words, its description.
pub(crate) fn oauth_error(document: &Value) -> Option<String> {
    let code = error_code(document)?;
    match document.get("error_description").and_then(Value::as_str) {
        Some(description) => Some(format!("{code}: {description}")),
        None => Some(code.to_owned()),
    }
}

/// A lifetime in seconds; some servers write it as text, some with a fraction, and some mean by 0 that they do not say.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|lifetime| !lifetime.is_zero())
}

/// Every text in an answer that `is_secret` takes for a credential by the name that it has, in small letters, and by
/// itself.
fn secrets_of(answer: &Value, is_secret: fn(&str, &str) -> bool) -> Vec<Secret> {
    let mut found = Vec::new();
    collect_secrets("", answer, is_secret, &mut found);
    found
}

fn collect_secrets(name: &str, value: &Value, is_secret: fn(&str, &str) -> bool, found: &mut Vec<Secret>) {
    match value {
        Value::String(text) if !OPEN.contains(&name) && is_secret(name, text) => {
            found.push(Secret::new(text.as_str()));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_secrets(name, item, is_secret, found)),
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| {
                collect_secrets(&name.to_ascii_lowercase(), value, is_secret, found);
            });
        }
        _ => {}
    }
}

fn names_secret(name: &str, text: &str) -> bool {
    !text.is_empty()
        && ["token", "secret", "password", "session", "ticket", "jwt"].iter().any(|word| name.contains(word))
}

fn looks_secret(text: &str) -> bool {
    text.len() >= SHORTEST_UNNAMED_SECRET
        && !text.contains(char::is_whitespace)
        && !text.starts_with("http://")
        && !text.starts_with("https://")
}
