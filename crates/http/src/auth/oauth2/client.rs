//! How a client tells an authorization server who it is, in each request to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use spile_expression::{Scope, Template};
use spile_model::{Failure, Secret};
use spile_plan::{ClientPlan, ClientProof};
use url::form_urlencoded::byte_serialize;

use super::server::TokenRequest;
use crate::auth::endpoint::Asking;
use crate::auth::jwt::JwtMaker;
use crate::auth::{credential, unsendable};
use crate::headers;

const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client, as it is registered at an authorization server.
pub(super) struct Client {
    id: Secret,
    proof: Proof,
}

/// How it proves that it is the one that it says.
enum Proof {
    /// Not at all: whoever has the program has what is in it (RFC 6749, 2.1).
    Public,
    /// `id:secret` as `Authorization: Basic` has it (RFC 6749, 2.3.1).
    Basic { secret: Secret, encoded: Secret },
    /// The secret in the body.
    Body { secret: Secret },
    /// An assertion that it signs for each request (RFC 7523, 2.2).
    Key(Box<JwtMaker>),
}

impl Client {
    /// `audience` is whom an assertion is for.
    pub(super) fn prepare(plan: &ClientPlan, audience: &str, scope: &Scope) -> Result<Self, Failure> {
        let id = credential("oauth2.client_id", &plan.id, scope)?;
        let secret = |secret: &Template| credential("oauth2.client_secret", secret, scope);
        let proof = match &plan.proof {
            ClientProof::None => Proof::Public,
            ClientProof::Basic(template) => {
                let secret = secret(template)?;
                Proof::Basic { encoded: basic(&id, &secret), secret }
            }
            ClientProof::Body(template) => Proof::Body { secret: secret(template)? },
            ClientProof::PrivateKey(jwt) => {
                let name = || id.expose().to_owned();
                let own = [("iss", name()), ("sub", name()), ("aud", audience.to_owned())];
                Proof::Key(Box::new(JwtMaker::prepare("oauth2.private_key", jwt, own, scope)?))
            }
        };
        Ok(Self { id, proof })
    }

    /// Its identifier, which is no secret but where the file makes it one.
    pub(super) fn id(&self) -> &str {
        self.id.expose()
    }

    /// Puts into `request` who asks.
    pub(super) fn sign(&self, request: &mut TokenRequest, asking: &Asking) -> Result<(), Failure> {
        match &self.proof {
            Proof::Basic { encoded, .. } => {
                let header = headers::secret(&format!("Basic {}", encoded.expose()))
                    .ok_or_else(|| unsendable("oauth2.client_secret"))?;
                request.headers.insert(AUTHORIZATION, header);
                return Ok(());
            }
            Proof::Public => {}
            Proof::Body { secret } => request.put("client_secret", secret.expose()),
            Proof::Key(assertions) => {
                request.put("client_assertion_type", CLIENT_ASSERTION);
                request.put("client_assertion", assertions.sign_for(asking)?.expose());
            }
        }
        request.put("client_id", self.id());
        Ok(())
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        match &self.proof {
            Proof::Public => Vec::new(),
            Proof::Basic { secret, encoded } => vec![secret.clone(), encoded.clone()],
            Proof::Body { secret } => vec![secret.clone()],
            Proof::Key(assertions) => vec![assertions.secret()],
        }
    }
}

/// Identifier and secret are form-encoded before they are joined (RFC 6749, 2.3.1), so that either may hold a colon.
fn basic(id: &Secret, secret: &Secret) -> Secret {
    let encoded = |secret: &Secret| byte_serialize(secret.expose().as_bytes()).collect::<String>();
    Secret::new(STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}
