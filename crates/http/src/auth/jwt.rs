//! Tokens that are signed here (RFC 7519): what proves to a server who asks.
//!
//! Enters: the plan's key and claims, once. Leaves: signed texts, each with a time and a number of its own. Invariant: a
//! key that does not fit its algorithm is refused before anything is sent, and never quoted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value};
use spile_expression::Scope;
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{JwtAlgorithm, JwtPlan};

use super::endpoint::Asking;
use super::{credential, signing};

/// A token is issued so long ago, for servers whose clock is behind ours.
const BACKDATED: SignedDuration = SignedDuration::from_secs(10);

pub(crate) struct JwtMaker {
    /// What the pipeline file calls the key.
    part: String,
    header: Header,
    key: EncodingKey,
    secret: Secret,
    claims: Map<String, Value>,
    lifetime: Duration,
    made: AtomicU64,
}

impl JwtMaker {
    /// `part` is the place of `plan` below `auth`; `own` are claims that hold unless the plan's say otherwise.
    pub(super) fn prepare(
        part: &str,
        plan: &JwtPlan,
        own: impl IntoIterator<Item = (&'static str, String)>,
        scope: &Scope,
    ) -> Result<Self, Failure> {
        let mut claims: Map<String, Value> =
            own.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
        match plan.claims.render(scope) {
            Ok(Some(Value::Object(more))) => claims.extend(more),
            // The template's own words could quote a secret.
            _ => return Err(refused(&format!("`auth.{part}.claims` do not render to a map of claims"))),
        }
        let secret = credential(&format!("{part}.key"), &plan.key, scope)?;
        let key_id = plan.key_id.as_ref().map(|id| credential(&format!("{part}.key_id"), id, scope)).transpose()?;
        Self::new(format!("{part}.key"), plan.algorithm, secret, key_id, claims, plan.lifetime)
    }

    pub(super) fn new(
        part: String,
        algorithm: JwtAlgorithm,
        secret: Secret,
        key_id: Option<Secret>,
        claims: Map<String, Value>,
        lifetime: Duration,
    ) -> Result<Self, Failure> {
        signing::choose_provider();
        let mut header = Header::new(library_name(algorithm));
        header.kid = key_id.map(|id| id.expose().to_owned());
        let key = encoding_key(&part, algorithm, &secret)?;
        let maker = Self { part, header, key, secret, claims, lifetime, made: AtomicU64::new(0) };
        // A key that does not fit is better known now than at the first request.
        maker.sign(Timestamp::UNIX_EPOCH)?;
        Ok(maker)
    }

    /// A token that nobody has seen before.
    pub(super) fn sign(&self, now: Timestamp) -> Result<Secret, Failure> {
        let mut claims = self.claims.clone();
        let issued = now.saturating_sub(BACKDATED).unwrap_or(now).as_second();
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        claims.entry("iat").or_insert_with(|| issued.into());
        claims.entry("exp").or_insert_with(|| issued.saturating_add(lifetime).into());
        // Unique in this process by its number, and beyond it by a time that no two processes share.
        claims.entry("jti").or_insert_with(|| format!("{:x}-{number:x}", now.as_nanosecond()).into());
        jsonwebtoken::encode(&self.header, &claims, &self.key)
            .map(Secret::new)
            .map_err(|_| refused(&format!("`auth.{}` is not a key for {:?}", self.part, self.header.alg)))
    }

    /// A token for what is asked now, which no message shows.
    pub(super) fn sign_for(&self, asking: &Asking) -> Result<Secret, Failure> {
        let signed = self.sign(asking.clock.now())?;
        asking.redactor.learn(vec![signed.clone()]);
        Ok(signed)
    }

    pub(super) fn secret(&self) -> Secret {
        self.secret.clone()
    }
}

fn encoding_key(part: &str, algorithm: JwtAlgorithm, secret: &Secret) -> Result<EncodingKey, Failure> {
    use JwtAlgorithm::{EdDsa, Es256, Es384, Hs256, Hs384, Hs512};
    if matches!(algorithm, Hs256 | Hs384 | Hs512) {
        return Ok(EncodingKey::from_secret(secret.expose().as_bytes()));
    }
    // Keys that came through an environment variable often have their line breaks written out.
    let pem = secret.expose().replace("\\n", "\n");
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        refused(&format!("`auth.{part}` is not a private key in PEM, which begins with `-----BEGIN PRIVATE KEY-----`"))
    })?;
    if matches!(der, PrivateKeyDer::Sec1(_)) {
        let message = format!(
            "`auth.{part}` is an EC key in its old form; turn it into PKCS #8: `openssl pkcs8 -topk8 -nocrypt`"
        );
        return Err(refused(&message));
    }
    let bytes = der.secret_der();
    Ok(match algorithm {
        Es256 | Es384 => EncodingKey::from_ec_der(bytes),
        EdDsa => EncodingKey::from_ed_der(bytes),
        _ => EncodingKey::from_rsa_der(bytes),
    })
}

fn library_name(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Hs256 => Algorithm::HS256,
        JwtAlgorithm::Hs384 => Algorithm::HS384,
        JwtAlgorithm::Hs512 => Algorithm::HS512,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Rs384 => Algorithm::RS384,
        JwtAlgorithm::Rs512 => Algorithm::RS512,
        JwtAlgorithm::Ps256 => Algorithm::PS256,
        JwtAlgorithm::Ps384 => Algorithm::PS384,
        JwtAlgorithm::Ps512 => Algorithm::PS512,
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::Es384 => Algorithm::ES384,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

fn refused(message: &str) -> Failure {
    Failure::new(FailureKind::Configuration, message)
}
