//! The server that gives out tokens, as an authenticator asks it.
//!
//! Enters: a request, made anew for each try, which goes out as [`crate::aside`] says, by the timeouts and retries of the
//! plan. Leaves: its answer as JSON, every secret of which the redactor knows by then.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::Url;
use serde_json::Value;
use spile_model::{ByteSize, Failure, FailureKind, Secret};
use spile_plan::SourcePlan;

use crate::aside::Aside;
pub(crate) use crate::aside::{Asking, Denied, stopped};
use crate::retry_after::asked_wait;
use crate::wire::Answered;
use crate::{classify, excerpt};

/// No token is larger; what is, is a download.
const LARGEST_ANSWER: ByteSize = ByteSize::mib(1);

/// What servers give out under these names (RFC 6749, 5.1; OpenID Connect Core, 3.1.3.3; RFC 8628, 3.2) is secret.
const GIVEN_OUT: [&str; 4] = ["access_token", "refresh_token", "id_token", "device_code"];

/// A text of so many bytes whose name only sounds like a secret's may be one; shorter ones are words (`Bearer`, `read`).
const SHORTEST_NAMED_SECRET: usize = 8;

/// A text of so many bytes without white space may be a secret, whatever its name.
const SHORTEST_UNNAMED_SECRET: usize = 20;

/// What a token's answer may say openly.
const OPEN: [&str; 6] = ["scope", "token_type", "error", "error_description", "error_uri", "issued_token_type"];

pub(crate) struct Endpoint {
    aside: Aside,
    any_body: bool,
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
    /// As [`Aside::new`].
    pub(crate) fn new(key: &str, url: &str, source: &SourcePlan) -> Result<Self, Failure> {
        Ok(Self { aside: Aside::new(&format!("`auth.{key}`"), url, source, LARGEST_ANSWER)?, any_body: false })
    }

    /// What counts stands in the answer's head: its body may be anything.
    pub(crate) fn with_any_body(self) -> Self {
        Self { any_body: true, ..self }
    }

    pub(crate) fn url(&self) -> &Url {
        self.aside.url()
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
        let asked = self.aside.ask(request, |answered| self.read(answered, asking), asking).await;
        asked.map_err(|mut denied| {
            let place = asking.redactor.show_url(self.url());
            denied.failure.message = format!("no token from {place}: {}", denied.failure.message);
            denied
        })
    }

    fn read(&self, answered: Answered, asking: &Asking) -> Result<Granted, Box<Denied>> {
        let Answered { status, headers, body } = answered;
        let document = serde_json::from_slice::<Value>(&body);
        if let Ok(document) = &document {
            asking.redactor.learn(secrets_of(document, is_given_out));
            asking.redactor.suspect(secrets_of(document, may_be_secret));
        }
        if !status.is_success() {
            let asked = asked_wait(status, &headers, asking.clock.now());
            let document = document.unwrap_or_default();
            let said = oauth_error(&document);
            let said = said.or_else(|| excerpt::of_refusal(status, &body, |text| asking.redactor.clean(text)));
            let failure = refused(status, asked.is_some(), said);
            return Err(Box::new(Denied { asked, ..Denied::with_code(failure, error_code(&document)) }));
        }
        match document {
            Ok(body) => Ok(Granted { headers, body }),
            Err(_) if self.any_body => Ok(Granted { headers, body: Value::Null }),
            // Its text is not quoted: it may be a token in a form that nobody recognises.
            Err(_) => Err(Box::new(Failure::new(FailureKind::BadBody, "its answer is not JSON").into())),
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
        Value::String(text) if is_secret(name, text) => {
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

fn is_given_out(name: &str, text: &str) -> bool {
    !text.is_empty() && GIVEN_OUT.contains(&name)
}

fn may_be_secret(name: &str, text: &str) -> bool {
    !OPEN.contains(&name) && (sounds_secret(name, text) || looks_secret(text))
}

fn sounds_secret(name: &str, text: &str) -> bool {
    let words = ["token", "secret", "password", "session", "ticket", "jwt"];
    text.len() >= SHORTEST_NAMED_SECRET && words.iter().any(|word| name.contains(word))
}

fn looks_secret(text: &str) -> bool {
    text.len() >= SHORTEST_UNNAMED_SECRET
        && !text.contains(char::is_whitespace)
        && !text.starts_with("http://")
        && !text.starts_with("https://")
}
