//! The assertion of a Google service account: a JWT bearer grant made of the key file that Google gives out.
//!
//! The file's `token_uri` is not followed: where secrets go stands in the pipeline file.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::JwtAlgorithm;

use crate::auth::credential;
use crate::auth::jwt::JwtMaker;

/// The longest that Google allows.
const LIFETIME: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    private_key_id: String,
}

/// Makes the assertions of the service account whose key file `key` renders to. Google wants the scopes claimed.
pub(super) fn prepare(
    key: &Template,
    subject: Option<&Template>,
    scopes: &str,
    audience: &str,
    scope: &Scope,
) -> Result<JwtMaker, Failure> {
    let part = "google_service_account.key";
    let text = credential(part, key, scope)?;
    let file: KeyFile = serde_json::from_str(text.expose()).map_err(|_| {
        let message = format!(
            "`auth.{part}` is not the text of a service account's key file: JSON with `client_email`, `private_key` and \
             `private_key_id`"
        );
        Failure::new(FailureKind::Configuration, message)
    })?;
    let subject = subject.map(|subject| credential("google_service_account.subject", subject, scope)).transpose()?;
    let claims = [
        ("iss", Some(file.client_email)),
        ("scope", Some(scopes.to_owned())),
        ("aud", Some(audience.to_owned())),
        ("sub", subject.map(|subject| subject.expose().to_owned())),
    ];
    let claims: Map<String, Value> =
        claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect();
    let (secret, key_id) = (Secret::new(file.private_key), Secret::new(file.private_key_id));
    JwtMaker::new(part.to_owned(), JwtAlgorithm::Rs256, secret, Some(key_id), claims, LIFETIME)
}
