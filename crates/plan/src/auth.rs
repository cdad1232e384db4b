//! How requests prove who sends them.

use std::time::Duration;

use spile_expression::{RecordPath, Template};

use crate::{BodyPlan, JsonTemplate, NamedTemplate, TokenSource};

/// How requests prove who sends them.
#[derive(Clone, Debug)]
pub enum AuthPlan {
    /// They do not.
    None,
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer(Template),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// May not hold a colon.
        username: Template,
        /// Often empty where the username is a key.
        password: Template,
    },
    /// `Authorization: Digest …` (RFC 7616).
    Digest {
        /// The user.
        username: Template,
        /// Never sent.
        password: Template,
    },
    /// A key in a place of the API's choosing.
    ApiKey {
        /// Where.
        place: KeyPlace,
        /// Under which name.
        name: String,
        /// The key.
        value: Template,
    },
    /// A token that an authorization server gives out (RFC 6749), sent as a bearer token.
    OAuth2(Box<OAuth2Plan>),
    /// A token from an API's own login.
    Session(Box<SessionPlan>),
    /// AWS Signature Version 4.
    Aws(AwsPlan),
    /// A signature with a shared secret, in the API's own form.
    Hmac(Box<HmacPlan>),
}

impl From<OAuth2Plan> for AuthPlan {
    fn from(plan: OAuth2Plan) -> Self {
        Self::OAuth2(Box::new(plan))
    }
}

impl AuthPlan {
    /// Parameters or headers whose values may be shown unless they read a secret; those of credentials never may.
    pub fn named(&self) -> &[NamedTemplate] {
        match self {
            Self::OAuth2(plan) => &plan.parameters,
            Self::Session(plan) => &plan.login.headers,
            _ => &[],
        }
    }

    /// A body of which the same is true.
    pub fn body(&self) -> Option<&BodyPlan> {
        match self {
            Self::Session(plan) => plan.login.body.as_ref(),
            _ => None,
        }
    }
}

/// Where an API key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a header.
    Header,
    /// In the query.
    Query,
    /// In a cookie.
    Cookie,
}

/// A token of OAuth 2.0.
#[derive(Clone, Debug)]
pub struct OAuth2Plan {
    /// Absolute, rendered and checked: `https`, or a loopback address.
    pub token_url: String,
    /// What a token is given for.
    pub grant: GrantPlan,
    /// What the token is to allow; sent as one parameter with spaces between them.
    pub scopes: Vec<Template>,
    /// Further parameters of the token request, `audience` and `resource` among them.
    pub parameters: Vec<NamedTemplate>,
    /// How long a token lives where its answer does not say; without it, until the API refuses it.
    pub lifetime: Option<Duration>,
}

/// What an authorization server gives a token for.
#[derive(Clone, Debug)]
pub enum GrantPlan {
    /// The client's own credentials (RFC 6749, 4.4).
    ClientCredentials(ClientPlan),
    /// A signed assertion (RFC 7523, 2.1).
    JwtBearer(JwtPlan),
    /// The assertion that Google wants of a service account.
    GoogleServiceAccount {
        /// The text of its key file, as Google gives it out: JSON.
        key: Template,
        /// The user in whose name it acts.
        subject: Option<Template>,
    },
    /// What a person has allowed, once, and what lives on in refresh tokens (RFC 6749, 6).
    Consent(Box<ConsentPlan>),
}

/// What a person has allowed a client. At least one of `refresh_token` and `login` is there.
#[derive(Clone, Debug)]
pub struct ConsentPlan {
    /// Who was allowed it.
    pub client: ClientPlan,
    /// The refresh token to begin with, which was had elsewhere.
    pub refresh_token: Option<Template>,
    /// How a person is asked.
    pub login: Option<AuthorizationPlan>,
}

/// How a person is asked what a client may do; at least one of the addresses is there.
#[derive(Clone, Debug)]
pub struct AuthorizationPlan {
    /// Where a browser is sent (RFC 6749, 4.1.1). Absolute, rendered and checked: `https`, or a loopback address.
    pub url: Option<String>,
    /// What gives out codes that a person enters elsewhere (RFC 8628, 3.1); as `url`.
    pub device_url: Option<String>,
    /// Where the browser is sent back to. A loopback address without a port stands for any free port (RFC 8252, 7.3).
    pub redirect_uri: String,
    /// What the server calls itself in its answers (RFC 9207); without it, the origin of `url` must be its own.
    pub issuer: Option<String>,
    /// Further parameters of what is asked.
    pub parameters: Vec<NamedTemplate>,
}

impl GrantPlan {
    /// What the pipeline file calls it.
    pub fn key(&self) -> &'static str {
        match self {
            Self::ClientCredentials(_) | Self::Consent(_) => "oauth2",
            Self::JwtBearer(_) => "jwt_bearer",
            Self::GoogleServiceAccount { .. } => "google_service_account",
        }
    }
}

/// How every request is signed with a shared secret. Templates call the request `request`.
#[derive(Clone, Debug)]
pub struct HmacPlan {
    /// The secret.
    pub key: Template,
    /// The hash.
    pub algorithm: HmacAlgorithm,
    /// How the signature is written.
    pub encoding: HmacEncoding,
    /// What is signed.
    pub message: Template,
    /// What carries the signature, `request.signature`.
    pub headers: Vec<NamedTemplate>,
}

impl AuthPlan {
    /// Whether credentials that are refused can be replaced by others.
    pub fn renews(&self) -> bool {
        matches!(self, Self::OAuth2(_) | Self::Session(_))
    }
}

impl HmacPlan {
    /// What templates know of `request`; and `signature`, where it is sent.
    pub const REQUEST: [&'static str; 10] =
        ["method", "host", "path", "query", "target", "body", "body_sha256", "time", "seconds", "milliseconds"];
}

/// The hash of an HMAC (RFC 2104).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HmacAlgorithm {
    /// SHA-1, for APIs that have nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HmacEncoding {
    /// Digits and small letters.
    Hex,
    /// With `+`, `/` and padding.
    Base64,
}

/// Keys with which every request is signed.
#[derive(Clone, Debug)]
pub struct AwsPlan {
    /// Which key it is.
    pub access_key_id: Template,
    /// The key.
    pub secret_access_key: Template,
    /// What belongs to temporary keys.
    pub session_token: Option<Template>,
    /// Where the service is, such as `eu-central-1`.
    pub region: String,
    /// Which service it is, such as `execute-api`.
    pub service: String,
}

/// A login whose answer holds a token.
#[derive(Clone, Debug)]
pub struct SessionPlan {
    /// The request.
    pub login: LoginPlan,
    /// Where its answer has the token.
    pub token: TokenSource,
    /// Where it says how long the token lives.
    pub expiry: Option<ExpiryPlace>,
    /// How long it lives where the answer does not say; without it, until the API refuses it.
    pub lifetime: Option<Duration>,
    /// The headers that carry the token, which templates call `session_token`; without any, `Authorization: Bearer …`.
    pub send: Vec<NamedTemplate>,
}

/// The request of a login.
#[derive(Clone, Debug)]
pub struct LoginPlan {
    /// An HTTP method in capitals.
    pub method: String,
    /// Absolute, rendered and checked: `https`, or a loopback address.
    pub url: String,
    /// What it sends.
    pub headers: Vec<NamedTemplate>,
    /// What it sends in the body.
    pub body: Option<BodyPlan>,
    /// A token that is signed for each login, which its templates call `signed_jwt`.
    pub signs: Option<JwtPlan>,
}

/// Where an answer says how long its token lives.
#[derive(Clone, Debug)]
pub enum ExpiryPlace {
    /// So many seconds.
    Seconds(RecordPath),
    /// Until this time: RFC 3339, or seconds or milliseconds since 1970.
    Time(RecordPath),
}

/// A token that is signed here (RFC 7519): it says who we are, from ten seconds ago until its lifetime is over.
#[derive(Clone, Debug)]
pub struct JwtPlan {
    /// A private key in PEM, or the shared secret of an `HS…` algorithm.
    pub key: Template,
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// Which of the signer's keys it is (`kid`).
    pub key_id: Option<Template>,
    /// What it claims, beside `iat`, `exp` and `jti`; an object.
    pub claims: JsonTemplate,
    /// From `iat` to `exp`.
    pub lifetime: Duration,
}

/// A way of signing (RFC 7518, 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA (PKCS #1 1.5) with SHA-256.
    Rs256,
    /// RSA (PKCS #1 1.5) with SHA-384.
    Rs384,
    /// RSA (PKCS #1 1.5) with SHA-512.
    Rs512,
    /// RSA (PSS) with SHA-256.
    Ps256,
    /// RSA (PSS) with SHA-384.
    Ps384,
    /// RSA (PSS) with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// A client, as it is registered at an authorization server.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// Its identifier.
    pub id: Template,
    /// How it authenticates.
    pub proof: ClientProof,
}

/// How a client authenticates to an authorization server.
#[derive(Clone, Debug)]
pub enum ClientProof {
    /// Not at all: a public client names itself (RFC 6749, 2.1).
    None,
    /// Its secret, by `Authorization: Basic …` (RFC 6749, 2.3.1).
    Basic(Template),
    /// Its secret, as a parameter of the body.
    Body(Template),
    /// An assertion that it signs for each token request (RFC 7523, 2.2).
    PrivateKey(JwtPlan),
}
