//! Requests signed with a shared secret, over a text and into headers that the pipeline file says.
//!
//! What a template sees of the request is what goes out: it is signed last. Templates call it `request`; its values are
//! texts, and `request.signature` is there for the headers alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use jiff::Timestamp;
use ring::{digest, hmac};
use serde_json::{Map, Value};
use spile_expression::Scope;
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{HmacAlgorithm, HmacEncoding, HmacPlan};

use super::credential;
use crate::headers;

pub(crate) struct Hmac {
    plan: HmacPlan,
    secret: Secret,
    key: hmac::Key,
    scope: Scope,
}

impl Hmac {
    pub(super) fn prepare(plan: &HmacPlan, scope: &Scope) -> Result<Self, Failure> {
        let secret = credential("hmac.key", &plan.key, scope)?;
        let key = hmac::Key::new(hash(plan.algorithm), secret.expose().as_bytes());
        Ok(Self { plan: plan.clone(), secret, key, scope: scope.clone() })
    }

    /// Signs `request` as it is: nothing of it may change afterwards.
    pub(super) fn authorise(&self, request: &mut reqwest::Request, now: Timestamp) -> Result<(), Failure> {
        let mut seen = seen_by_templates(request, now);
        let message = self.rendered("message", &self.plan.message, &seen)?;
        let signed = hmac::sign(&self.key, message.as_bytes());
        let signature = match self.plan.encoding {
            HmacEncoding::Hex => hex(signed.as_ref()),
            HmacEncoding::Base64 => STANDARD.encode(signed.as_ref()),
        };
        seen.insert("signature".to_owned(), signature.into());
        for header in &self.plan.headers {
            let part = format!("headers.{}", header.name);
            let text = self.rendered(&part, &header.value, &seen)?;
            let name = HeaderName::try_from(&header.name).map_err(|_| refused(&part, "is not a header's name"))?;
            let value =
                headers::secret(&text).ok_or_else(|| refused(&part, "makes a value that no header can carry"))?;
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        vec![self.secret.clone()]
    }

    fn rendered(
        &self,
        part: &str,
        template: &spile_expression::Template,
        seen: &Map<String, Value>,
    ) -> Result<String, Failure> {
        match template.render(&self.scope.clone().with("request", seen)) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(refused(part, "renders to nothing: a name in it has no value")),
            // The template's own words could quote a secret.
            Err(_) => Err(refused(part, "does not render: a filter in it does not fit the value")),
        }
    }
}

fn seen_by_templates(request: &reqwest::Request, now: Timestamp) -> Map<String, Value> {
    let url = request.url();
    let query = url.query().unwrap_or_default();
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let target = if query.is_empty() { url.path().to_owned() } else { format!("{}?{query}", url.path()) };
    let values = [
        request.method().to_string(),
        host,
        url.path().to_owned(),
        query.to_owned(),
        target,
        String::from_utf8_lossy(body).into_owned(),
        hex(digest::digest(&digest::SHA256, body).as_ref()),
        now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        now.as_second().to_string(),
        now.as_millisecond().to_string(),
    ];
    let members = HmacPlan::REQUEST.into_iter().zip(values);
    members.map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

fn hash(algorithm: HmacAlgorithm) -> hmac::Algorithm {
    match algorithm {
        HmacAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HmacAlgorithm::Sha256 => hmac::HMAC_SHA256,
        HmacAlgorithm::Sha384 => hmac::HMAC_SHA384,
        HmacAlgorithm::Sha512 => hmac::HMAC_SHA512,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused(part: &str, why: &str) -> Failure {
    Failure::new(FailureKind::Configuration, format!("`auth.hmac.{part}` {why}"))
}
