//! OAuth 2.0 without a person: a token for the client's own credentials (RFC 6749, 4.4) or for a signed assertion (RFC
//! 7523), sent as a bearer token (RFC 6750).
//!
//! Authorization servers bend the standard where it is strictest (lifetimes as text, no token type, refusals with
//! status 200), and every text of theirs has to pass the redactor first; so requests are made and answers read here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde_json::Value;
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{ClientProof, GrantPlan, OAuth2Plan, SourcePlan};
use url::form_urlencoded::{self, byte_serialize};

use super::endpoint::{Asking, Endpoint, oauth_error, seconds};
use super::jwt::JwtMaker;
use super::token::{Grant, Token, Tokens};
use super::{credential, google, unsendable};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Kinds of token that mean nothing to an API unless each request is signed.
const UNUSABLE_TYPES: [&str; 3] = ["mac", "dpop", "pop"];

const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(crate) struct OAuth2 {
    endpoint: Endpoint,
    /// What every token request says beside who asks.
    parameters: Vec<(String, String)>,
    proof: Proof,
    lifetime: Option<Duration>,
    tokens: Tokens,
}

/// What a token is given for.
enum Proof {
    /// `id:secret` as `Authorization: Basic` has it (RFC 6749, 2.3.1).
    Basic { secret: Secret, encoded: Secret },
    /// Identifier and secret in the body.
    Body { id: Secret, secret: Secret },
    /// The client's identifier, and an assertion that it is ours (RFC 7523, 2.2).
    Key { id: Secret, assertions: JwtMaker },
    /// An assertion that is the grant itself (RFC 7523, 2.1).
    Grant { assertions: JwtMaker },
}

impl OAuth2 {
    pub(super) fn prepare(plan: &OAuth2Plan, scope: &Scope, source: &SourcePlan) -> Result<Self, Failure> {
        let kind = plan.grant.key();
        let endpoint = Endpoint::new(&format!("{kind}.token_url"), &plan.token_url, source)?;
        let scopes: Result<Vec<_>, _> = plan.scopes.iter().map(|name| parameter(kind, "scopes", name, scope)).collect();
        let scopes = scopes?.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let (proof, grant) = Proof::prepare(plan, &scopes, scope)?;
        let mut parameters = vec![("grant_type".to_owned(), grant.to_owned())];
        let are_claimed = matches!(plan.grant, GrantPlan::GoogleServiceAccount { .. });
        if !scopes.is_empty() && !are_claimed {
            parameters.push(("scope".to_owned(), scopes));
        }
        for named in &plan.parameters {
            let part = format!("parameters.{}", named.name);
            if let Some(value) = parameter(kind, &part, &named.value, scope)? {
                parameters.push((named.name.clone(), value));
            }
        }
        Ok(Self { endpoint, parameters, proof, lifetime: plan.lifetime, tokens: Tokens::default() })
    }

    pub(super) async fn token(&self, asking: &Asking<'_>) -> Result<Token, Failure> {
        self.tokens.get(asking.clock, self.fetch(asking)).await
    }

    pub(super) async fn authorise(&self, request: &mut reqwest::Request, asking: &Asking<'_>) -> Result<u64, Failure> {
        let token = self.token(asking).await?;
        let unusable = || Failure::new(FailureKind::TokenRefused, "the token holds a character that no header can");
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.text.expose())).map_err(|_| unusable())?;
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(token.generation)
    }

    pub(super) fn refused(&self, generation: u64) {
        self.tokens.refused(generation);
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        match &self.proof {
            Proof::Basic { secret, encoded } => vec![secret.clone(), encoded.clone()],
            Proof::Body { secret, .. } => vec![secret.clone()],
            Proof::Key { assertions, .. } | Proof::Grant { assertions } => vec![assertions.secret()],
        }
    }

    async fn fetch(&self, asking: &Asking<'_>) -> Result<Grant, Failure> {
        let granted = self.endpoint.ask(|| self.token_request(asking), asking).await?;
        self.grant(&granted.body).map_err(|why| {
            let place = asking.redactor.show_url(self.endpoint.url());
            Failure::new(FailureKind::TokenRefused, format!("no token from {place}: {why}"))
        })
    }

    /// A token request. Each try has an assertion of its own: servers take none twice.
    fn token_request(&self, asking: &Asking<'_>) -> Result<reqwest::Request, Failure> {
        let mut request = reqwest::Request::new(Method::POST, self.endpoint.url().clone());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.parameters);
        let assert = |assertions: &JwtMaker| {
            let assertion = assertions.sign(asking.clock.now())?;
            asking.redactor.learn(vec![assertion.clone()]);
            Ok(assertion)
        };
        match &self.proof {
            Proof::Basic { encoded, .. } => {
                let mut header = HeaderValue::try_from(format!("Basic {}", encoded.expose()))
                    .map_err(|_| unsendable("oauth2.client_secret"))?;
                header.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            Proof::Body { id, secret } => {
                form.append_pair("client_id", id.expose());
                form.append_pair("client_secret", secret.expose());
            }
            Proof::Key { id, assertions } => {
                form.append_pair("client_id", id.expose());
                form.append_pair("client_assertion_type", CLIENT_ASSERTION);
                form.append_pair("client_assertion", assert(assertions)?.expose());
            }
            Proof::Grant { assertions } => {
                form.append_pair("assertion", assert(assertions)?.expose());
            }
        }
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        *request.body_mut() = Some(form.finish().into());
        Ok(request)
    }

    /// Reads an answer of success (RFC 6749, 5.1); why it is none, in words.
    fn grant(&self, answer: &Value) -> Result<Grant, String> {
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
        Ok(Grant { token: Secret::new(token), lifetime })
    }
}

impl Proof {
    /// And the type of the grant that it makes.
    fn prepare(plan: &OAuth2Plan, scopes: &str, scope: &Scope) -> Result<(Self, &'static str), Failure> {
        let client = match &plan.grant {
            GrantPlan::ClientCredentials(client) => client,
            GrantPlan::JwtBearer(jwt) => {
                let assertions =
                    JwtMaker::prepare("jwt_bearer.assertion", jwt, [("aud", plan.token_url.clone())], scope)?;
                return Ok((Self::Grant { assertions }, JWT_BEARER));
            }
            GrantPlan::GoogleServiceAccount { key, subject } => {
                let assertions = google::prepare(key, subject.as_ref(), scopes, &plan.token_url, scope)?;
                return Ok((Self::Grant { assertions }, JWT_BEARER));
            }
        };
        let id = credential("oauth2.client_id", &client.id, scope)?;
        let secret = |secret: &Template| credential("oauth2.client_secret", secret, scope);
        let proof = match &client.proof {
            ClientProof::Basic(template) => {
                let secret = secret(template)?;
                Self::Basic { encoded: basic(&id, &secret), secret }
            }
            ClientProof::Body(template) => Self::Body { secret: secret(template)?, id },
            ClientProof::PrivateKey(jwt) => {
                let name = || id.expose().to_owned();
                let own = [("iss", name()), ("sub", name()), ("aud", plan.token_url.clone())];
                Self::Key { assertions: JwtMaker::prepare("oauth2.private_key", jwt, own, scope)?, id }
            }
        };
        Ok((proof, "client_credentials"))
    }
}

/// Identifier and secret are form-encoded before they are joined (RFC 6749, 2.3.1), so that either may hold a colon.
fn basic(id: &Secret, secret: &Secret) -> Secret {
    let encoded = |secret: &Secret| byte_serialize(secret.expose().as_bytes()).collect::<String>();
    Secret::new(STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}

/// A parameter that renders to nothing is left out.
fn parameter(kind: &str, part: &str, template: &Template, scope: &Scope) -> Result<Option<String>, Failure> {
    template.render(scope).map_err(|_| {
        let message = format!("`auth.{kind}.{part}` does not render: a filter in it does not fit the variable's value");
        Failure::new(FailureKind::Configuration, message)
    })
}
