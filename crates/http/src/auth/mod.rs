//! How requests prove who sends them: one kind per file, registered in [`Authenticator::prepare`].
//!
//! Enters: the plan's templates and the variables, once. Leaves: requests with credentials. Invariant: credentials are
//! put in last, replace what a pipeline's own headers or query hold under the same name, and are marked sensitive. A
//! template that renders to nothing or cannot be sent fails before the first request.

mod api_key;
mod basic;
mod bearer;

use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::AuthPlan;

use self::api_key::ApiKey;
use self::basic::Basic;
use self::bearer::Bearer;

/// A prepared authenticator.
pub(crate) enum Authenticator {
    None,
    Bearer(Bearer),
    Basic(Basic),
    ApiKey(ApiKey),
}

impl Authenticator {
    /// Renders the plan's templates.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`], naming the part of `auth`.
    pub(crate) fn prepare(plan: &AuthPlan, scope: &Scope) -> Result<Self, Failure> {
        Ok(match plan {
            AuthPlan::None => Self::None,
            AuthPlan::Bearer(token) => Self::Bearer(Bearer::prepare(token, scope)?),
            AuthPlan::Basic { username, password } => Self::Basic(Basic::prepare(username, password, scope)?),
            AuthPlan::ApiKey { place, name, value } => Self::ApiKey(ApiKey::prepare(*place, name, value, scope)?),
        })
    }

    /// Puts the credentials into `request`.
    pub(crate) fn authorise(&self, request: &mut reqwest::Request) {
        match self {
            Self::None => {}
            Self::Bearer(bearer) => bearer.authorise(request),
            Self::Basic(basic) => basic.authorise(request),
            Self::ApiKey(key) => key.authorise(request),
        }
    }

    /// Every text that proves who sends: what must not appear in any message.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::None => Vec::new(),
            Self::Bearer(bearer) => bearer.secrets(),
            Self::Basic(basic) => basic.secrets(),
            Self::ApiKey(key) => key.secrets(),
        }
    }

    /// The query parameter that holds a credential.
    pub(crate) fn secret_parameter(&self) -> Option<&str> {
        match self {
            Self::ApiKey(key) => key.secret_parameter(),
            Self::None | Self::Bearer(_) | Self::Basic(_) => None,
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
