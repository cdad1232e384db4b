//! A login: a request whose answer holds a token, which all further requests send in headers.
//!
//! The login may prove itself by a token that is signed here: that is how the installation of a GitHub App gets its
//! tokens.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::Value;
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{BodyPlan, ExpiryPlace, LoginPlan, NamedTemplate, SessionPlan, SourcePlan, TokenSource};
use url::form_urlencoded;

use super::endpoint::{Asking, Endpoint, Granted, oauth_error, seconds};
use super::jwt::JwtMaker;
use super::token::{ByToken, Grant};
use crate::headers;

/// A number of seconds since 1970 beyond this is one of milliseconds: as seconds it is in the year 5138.
const MOST_SECONDS: f64 = 1e11;

pub(crate) struct Session {
    endpoint: Endpoint,
    method: Method,
    login: LoginPlan,
    signs: Option<JwtMaker>,
    scope: Scope,
    token: TokenSource,
    expiry: Option<ExpiryPlace>,
    lifetime: Option<Duration>,
    /// Headers; without any, the token is sent as a bearer token.
    send: Vec<NamedTemplate>,
}

impl Session {
    pub(super) fn prepare(plan: &SessionPlan, scope: &Scope, source: &SourcePlan) -> Result<Self, Failure> {
        let login = &plan.login;
        let mut endpoint = Endpoint::new("session.url", &login.url, source)?;
        if matches!(plan.token, TokenSource::Header(_)) {
            endpoint = endpoint.with_any_body();
        }
        let signs = login.signs.as_ref().map(|jwt| JwtMaker::prepare("session.sign", jwt, [], scope)).transpose()?;
        let method =
            Method::from_bytes(login.method.as_bytes()).map_err(|_| refused("method", "is not one of HTTP"))?;
        let session = Self {
            endpoint,
            method,
            login: login.clone(),
            signs,
            scope: scope.clone(),
            token: plan.token.clone(),
            expiry: plan.expiry.clone(),
            lifetime: plan.lifetime,
            send: plan.send.clone(),
        };
        // What does not render is better known now than at the first request.
        let signed = session.signs.as_ref().map(|signs| signs.sign(Timestamp::UNIX_EPOCH)).transpose()?;
        session.request(signed.as_ref())?;
        Ok(session)
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.signs.iter().map(JwtMaker::secret).collect()
    }

    fn request(&self, signed: Option<&Secret>) -> Result<reqwest::Request, Failure> {
        let scope = match signed {
            Some(signed) => self.scope.clone().with("signed_jwt", signed.expose()),
            None => self.scope.clone(),
        };
        let mut request = reqwest::Request::new(self.method.clone(), self.endpoint.url().clone());
        if let Some(body) = &self.login.body {
            let (content_type, bytes) = body_of(body, &scope)?;
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            *request.body_mut() = Some(bytes.into());
        }
        for (name, value) in headers(&self.login.headers, "headers", &scope)? {
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    fn token_in(&self, granted: &Granted) -> Option<Secret> {
        let text = match &self.token {
            TokenSource::Header(name) => granted.headers.get(name)?.to_str().ok()?.to_owned(),
            TokenSource::Body(path) => match path.select(&granted.body).first()? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            },
        };
        (!text.is_empty()).then(|| Secret::new(text))
    }

    fn expires_after(&self, answer: &Value, now: Timestamp) -> Option<Duration> {
        match self.expiry.as_ref()? {
            ExpiryPlace::Seconds(path) => seconds(path.select(answer).first()?),
            ExpiryPlace::Time(path) => {
                let lifetime = instant(path.select(answer).first()?)?.duration_since(now);
                // What has expired already is a clock that is wrong, ours or theirs: then a refusal tells.
                Duration::try_from(lifetime).ok().filter(|lifetime| !lifetime.is_zero())
            }
        }
    }

    /// The headers that carry the token.
    fn sent(&self, token: &Secret) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        if self.send.is_empty() {
            return Ok(vec![(AUTHORIZATION, sensitive(&format!("Bearer {}", token.expose()), "send")?)]);
        }
        let scope = self.scope.clone().with("session_token", token.expose());
        headers(&self.send, "send", &scope)
    }
}

impl ByToken for Session {
    async fn fetch(&self, asking: &Asking) -> Result<Grant, Failure> {
        let request = || {
            let signed = self.signs.as_ref().map(|signs| signs.sign_for(asking)).transpose()?;
            self.request(signed.as_ref())
        };
        let granted = self.endpoint.ask(request, asking).await?;
        let Some(token) = self.token_in(&granted) else {
            let place = asking.redactor.show_url(self.endpoint.url());
            let found = match &self.token {
                TokenSource::Body(path) => format!("its answer has no text at `{path}`"),
                TokenSource::Header(name) => format!("its answer has no header `{name}`"),
            };
            let said = oauth_error(&granted.body).map_or(String::new(), |error| format!("; it says: {error}"));
            return Err(Failure::new(FailureKind::TokenRefused, format!("no token from {place}: {found}{said}")));
        };
        asking.redactor.learn(vec![token.clone()]);
        // What is sent may be made of the token in a way that does not show it.
        let sent = self.sent(&token)?.into_iter().filter_map(|(_, value)| Some(Secret::new(value.to_str().ok()?)));
        asking.redactor.learn(sent.collect());
        let lifetime = self.expires_after(&granted.body, asking.clock.now()).or(self.lifetime);
        Ok(Grant { token, lifetime })
    }

    fn carry(&self, token: &Secret, request: &mut reqwest::Request) -> Result<(), Failure> {
        for (name, value) in self.sent(token)? {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    fn spends(&self) -> bool {
        false
    }
}

/// RFC 3339, or a number of seconds or milliseconds since 1970, also as text.
fn instant(value: &Value) -> Option<Timestamp> {
    if let Some(at) = value.as_str().and_then(|text| text.trim().parse::<Timestamp>().ok()) {
        return Some(at);
    }
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    let seconds = if number > MOST_SECONDS { number / 1000.0 } else { number };
    Timestamp::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?).ok()
}

fn headers(plan: &[NamedTemplate], part: &str, scope: &Scope) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
    let mut headers = Vec::new();
    for named in plan {
        let part = format!("{part}.{}", named.name);
        if let Some(text) = rendered(&part, &named.value, scope)? {
            let name = HeaderName::try_from(&named.name).map_err(|_| refused(&part, "is not a header's name"))?;
            headers.push((name, sensitive(&text, &part)?));
        }
    }
    Ok(headers)
}

fn sensitive(text: &str, part: &str) -> Result<HeaderValue, Failure> {
    headers::secret(text).ok_or_else(|| refused(part, "makes a value that no header can carry"))
}

fn body_of(plan: &BodyPlan, scope: &Scope) -> Result<(&'static str, Bytes), Failure> {
    match plan {
        BodyPlan::Json(template) => {
            let document = template.render(scope).map_err(|_| unrendered("body.json"))?.unwrap_or_default();
            Ok(("application/json", document.to_string().into()))
        }
        BodyPlan::Form(fields) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for field in fields {
                if let Some(value) = rendered(&format!("body.form.{}", field.name), &field.value, scope)? {
                    form.append_pair(&field.name, &value);
                }
            }
            Ok(("application/x-www-form-urlencoded", form.finish().into()))
        }
    }
}

fn rendered(part: &str, template: &Template, scope: &Scope) -> Result<Option<String>, Failure> {
    template.render(scope).map_err(|_| unrendered(part))
}

/// The template's own words could quote a secret.
fn unrendered(part: &str) -> Failure {
    refused(part, "does not render: a filter in it does not fit the value")
}

fn refused(part: &str, why: &str) -> Failure {
    Failure::new(FailureKind::Configuration, format!("`auth.session.{part}` {why}"))
}
