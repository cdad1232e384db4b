//! How requests prove who sends them: one kind per file, registered in [`Authenticator::prepare`].
//!
//! Enters: the plan's templates and the variables, once. Leaves: requests with credentials. Invariant: credentials are
//! put in last, replace what a pipeline's own headers or query hold under the same name, and are marked sensitive. A
//! template that renders to nothing or cannot be sent fails before the first request.
//!
//! Kinds that need something from a server first ([`endpoint`]) keep it in [`token`], which knows when it is stale.

mod api_key;
mod aws;
mod basic;
mod bearer;
mod digest;
mod endpoint;
mod hmac;
mod jwt;
mod oauth2;
mod session;
mod signing;
mod token;

use std::sync::Arc;

use http::HeaderMap;
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret, SecretStore};
use spile_plan::{AuthPlan, PipelinePlan};

use self::api_key::ApiKey;
use self::aws::Aws;
use self::basic::Basic;
use self::bearer::Bearer;
use self::digest::Digest;
pub(crate) use self::endpoint::Asking;
use self::hmac::Hmac;
use self::oauth2::OAuth2;
pub use self::oauth2::{Asked, DeviceCode, Login};
use self::session::Session;
use self::token::Tokens;
use crate::redact::Redactor;

/// Which credentials a request was sent with, so that a refusal of it says which were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    /// Those that never change, or none.
    Fixed,
    /// The token of that generation.
    Token(u64),
    /// The answer to the challenge of that generation; none for the generation 0.
    Answer(u64),
}

/// A prepared authenticator.
pub(crate) enum Authenticator {
    None,
    Bearer(Bearer),
    Basic(Basic),
    Digest(Digest),
    ApiKey(ApiKey),
    OAuth2(Tokens<OAuth2>),
    Session(Tokens<Session>),
    Aws(Aws),
    Hmac(Box<Hmac>),
}

impl Authenticator {
    /// Renders the templates of `source.auth`. What rotates is kept in `secrets`.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`], naming the part of `auth`; [`FailureKind::Tls`] where this machine cannot speak
    /// the TLS that a server of tokens wants.
    pub(crate) fn prepare(plan: &PipelinePlan, scope: &Scope, secrets: Arc<dyn SecretStore>) -> Result<Self, Failure> {
        Ok(match &plan.source.auth {
            AuthPlan::None => Self::None,
            AuthPlan::Bearer(token) => Self::Bearer(Bearer::prepare(token, scope)?),
            AuthPlan::Basic { username, password } => Self::Basic(Basic::prepare(username, password, scope)?),
            AuthPlan::Digest { username, password } => Self::Digest(Digest::prepare(username, password, scope)?),
            AuthPlan::ApiKey { place, name, value } => Self::ApiKey(ApiKey::prepare(*place, name, value, scope)?),
            AuthPlan::OAuth2(oauth2) => Self::OAuth2(Tokens::of(OAuth2::prepare(oauth2, scope, plan, secrets)?)),
            AuthPlan::Hmac(plan) => Self::Hmac(Box::new(Hmac::prepare(plan, scope)?)),
            AuthPlan::Aws(plan) => Self::Aws(Aws::prepare(plan, scope)?),
            AuthPlan::Session(session) => Self::Session(Tokens::of(Session::prepare(session, scope, &plan.source)?)),
        })
    }

    /// Waits until the credentials are at hand, so that a request that has its turn need not wait for them. (It may all
    /// the same, where they expire while it waits for its turn.)
    ///
    /// # Errors
    /// As [`Authenticator::authorise`].
    pub(crate) async fn ready(&self, asking: &Asking) -> Result<(), Failure> {
        match self {
            Self::None
            | Self::Bearer(_)
            | Self::Basic(_)
            | Self::Digest(_)
            | Self::ApiKey(_)
            | Self::Aws(_)
            | Self::Hmac(_) => Ok(()),
            Self::OAuth2(oauth2) => oauth2.ready(asking).await,
            Self::Session(session) => session.ready(asking).await,
        }
    }

    /// Puts the credentials into `request`, once they are there.
    ///
    /// Cancel safe: what was being fetched for this request is fetched by the next one.
    ///
    /// # Errors
    /// Why there are none, after all tries that may help.
    pub(crate) async fn authorise(&self, request: &mut reqwest::Request, asking: &Asking) -> Result<Used, Failure> {
        match self {
            Self::None => {}
            Self::Bearer(bearer) => bearer.authorise(request),
            Self::Basic(basic) => basic.authorise(request),
            Self::ApiKey(key) => key.authorise(request),
            Self::Hmac(hmac) => hmac.authorise(request, asking.clock.now())?,
            Self::Aws(aws) => aws.authorise(request, asking.clock.now())?,
            Self::Digest(digest) => return digest.authorise(request).map(Used::Answer),
            Self::OAuth2(oauth2) => return oauth2.authorise(request, asking).await.map(Used::Token),
            Self::Session(session) => return session.authorise(request, asking).await.map(Used::Token),
        }
        Ok(Used::Fixed)
    }

    /// Learns that the API refused (401) a request with these credentials, and what it said in the answer's head. Whether
    /// the next ones are others.
    pub(crate) fn refused(&self, used: Used, headers: &HeaderMap) -> bool {
        match (self, used) {
            (Self::Digest(digest), Used::Answer(generation)) => return digest.refused(generation, headers),
            (Self::OAuth2(oauth2), Used::Token(generation)) => oauth2.refused(generation),
            (Self::Session(session), Used::Token(generation)) => session.refused(generation),
            _ => return false,
        }
        true
    }

    /// Waits until nothing is being fetched that would be lost; tells `lasts` where that takes a while.
    pub(crate) async fn settled(&self, lasts: impl FnOnce()) {
        match self {
            Self::OAuth2(oauth2) => oauth2.settled(lasts).await,
            Self::Session(session) => session.settled(lasts).await,
            _ => {}
        }
    }

    /// What hides the plan's secrets and these credentials.
    pub(crate) fn redactor(&self, plan: &PipelinePlan, scope: &Scope) -> Redactor {
        Redactor::new(plan, self.secrets(), self.secret_parameter(), scope)
    }

    /// Every text that proves who sends: what must not appear in any message.
    fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::None => Vec::new(),
            Self::Bearer(bearer) => bearer.secrets(),
            Self::Basic(basic) => basic.secrets(),
            Self::Digest(digest) => digest.secrets(),
            Self::Aws(aws) => aws.secrets(),
            Self::Hmac(hmac) => hmac.secrets(),
            Self::ApiKey(key) => key.secrets(),
            Self::OAuth2(oauth2) => oauth2.kind().secrets(),
            Self::Session(session) => session.kind().secrets(),
        }
    }

    /// The query parameter that holds a credential.
    fn secret_parameter(&self) -> Option<&str> {
        match self {
            Self::ApiKey(key) => key.secret_parameter(),
            _ => None,
        }
    }
}

/// Renders the credential `part` (as the pipeline file calls it).
fn credential(part: &str, template: &Template, scope: &Scope) -> Result<Secret, Failure> {
    let refused = |reason: &str| Failure::new(FailureKind::Configuration, format!("`auth.{part}` {reason}"));
    match template.render(scope) {
        Ok(Some(text)) if !text.is_empty() => Ok(Secret::new(text)),
        Ok(_) => Err(refused("renders to nothing: a variable in it has no value")),
        // The template's own words could quote a secret.
        Err(_) => Err(refused("does not render: a filter in it does not fit the variable's value")),
    }
}

fn unsendable(part: &str) -> Failure {
    Failure::new(
        FailureKind::Configuration,
        format!("`auth.{part}` holds a character that a header cannot carry, for example a line break at its end"),
    )
}

#[cfg(test)]
mod tests;
