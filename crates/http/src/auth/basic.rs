//! `Authorization: Basic …` (RFC 7617), in UTF-8.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret};

use super::{credential, unsendable};
use crate::headers;

pub(crate) struct Basic {
    password: Option<Secret>,
    encoded: Secret,
    header: HeaderValue,
}

impl Basic {
    pub(super) fn prepare(username: &Template, password: &Template, scope: &Scope) -> Result<Self, Failure> {
        let username = credential("basic.username", username, scope)?;
        if username.expose().contains(':') {
            return Err(Failure::new(
                FailureKind::Configuration,
                "`auth.basic.username` holds a colon, which divides it from the password; move what follows to `password`",
            ));
        }
        // An empty password is usual where the username is a key.
        let password = match password.render(scope) {
            Ok(Some(text)) if text.is_empty() => None,
            _ => Some(credential("basic.password", password, scope)?),
        };
        let pair = format!("{}:{}", username.expose(), password.as_ref().map_or("", Secret::expose));
        let encoded = Secret::new(STANDARD.encode(pair));
        let header = headers::secret(&format!("Basic {}", encoded.expose())).ok_or_else(|| unsendable("basic"))?;
        Ok(Self { password, encoded, header })
    }

    pub(super) fn authorise(&self, request: &mut reqwest::Request) {
        request.headers_mut().insert(AUTHORIZATION, self.header.clone());
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        // A username that is a key is a secret variable, and known as such already.
        self.password.iter().cloned().chain([self.encoded.clone()]).collect()
    }
}
