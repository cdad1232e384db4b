//! The authorization server: token requests out (RFC 6749, 4), what it grants in (5.1).
//!
//! Authorization servers bend the standard where it is strictest (lifetimes as text, no token type, refusals with
//! status 200), and every text of theirs has to pass the redactor first; so requests are made and answers read here.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Url;
use serde_json::Value;
use spile_model::{Failure, FailureKind, Secret};
use url::form_urlencoded;

use crate::auth::endpoint::{Asking, Denied, Endpoint, error_code, oauth_error, seconds};
use crate::auth::token::Grant;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Kinds of token that mean nothing to an API unless each request is signed.
const UNUSABLE_TYPES: [&str; 3] = ["mac", "dpop", "pop"];

pub(super) struct TokenServer {
    endpoint: Endpoint,
    /// What every token request says beside what it asks for and who asks.
    parameters: Vec<(String, String)>,
    /// How long a token lives where the answer does not say.
    lifetime: Option<Duration>,
}

/// A request while it is put together.
#[derive(Default)]
pub(super) struct TokenRequest {
    pub(super) headers: HeaderMap,
    form: Vec<(String, String)>,
}

/// What an answer of success gives.
pub(super) struct Answer {
    pub(super) grant: Grant,
    /// With which the next token is had (RFC 6749, 6); an answer to an older one may lack it, and then that one stays.
    pub(super) refresh_token: Option<Secret>,
}

impl TokenRequest {
    pub(super) fn put(&mut self, name: &str, value: impl Into<String>) {
        self.form.push((name.to_owned(), value.into()));
    }

    pub(super) fn put_all(&mut self, parameters: &[(String, String)]) {
        self.form.extend_from_slice(parameters);
    }

    pub(super) fn to(self, url: &Url) -> reqwest::Request {
        let mut request = reqwest::Request::new(Method::POST, url.clone());
        *request.headers_mut() = self.headers;
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.form).finish();
        *request.body_mut() = Some(form.into());
        request
    }
}

impl TokenServer {
    pub(super) fn new(endpoint: Endpoint, parameters: Vec<(String, String)>, lifetime: Option<Duration>) -> Self {
        Self { endpoint, parameters, lifetime }
    }

    /// Asks for a token by a grant of that type; `fill` says what else, anew for each try: servers take no assertion
    /// twice.
    ///
    /// # Errors
    /// [`FailureKind::TokenRefused`] where the server refuses, with its code; otherwise what broke.
    pub(super) async fn ask(
        &self,
        grant_type: &str,
        fill: impl Fn(&mut TokenRequest) -> Result<(), Failure>,
        asking: &Asking,
    ) -> Result<Answer, Denied> {
        let request = || {
            let mut request = TokenRequest::default();
            request.put("grant_type", grant_type);
            request.put_all(&self.parameters);
            fill(&mut request)?;
            Ok(request.to(self.endpoint.url()))
        };
        let granted = self.endpoint.ask(request, asking).await?;
        self.read(&granted.body).map_err(|why| {
            let place = asking.redactor.show_url(self.endpoint.url());
            let failure = Failure::new(FailureKind::TokenRefused, format!("no token from {place}: {why}"));
            Denied::with_code(failure, error_code(&granted.body))
        })
    }

    /// Reads an answer of success; why it is none, in words.
    fn read(&self, answer: &Value) -> Result<Answer, String> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(token) = text("access_token") else {
            // Some servers refuse with a status of success.
            let error = oauth_error(answer).map(|error| format!("it refused: {error}"));
            return Err(error.unwrap_or_else(|| "its answer has no `access_token`".to_owned()));
        };
        if let Some(other) = text("token_type").filter(|kind| UNUSABLE_TYPES.contains(&kind.to_lowercase().as_str())) {
            return Err(format!("it gives tokens of the type {other}, where bearer tokens are wanted"));
        }
        let lifetime = answer.get("expires_in").and_then(seconds).or(self.lifetime);
        let grant = Grant { token: Secret::new(token), lifetime };
        Ok(Answer { grant, refresh_token: text("refresh_token").map(Secret::new) })
    }
}
