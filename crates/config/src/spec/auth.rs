//! How requests prove who sends them: one kind for each way.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{BodySpec, DurationText, MethodSpec, Named, OneOrMany, Text, TokenSpec};

/// How requests prove who sends them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthSpec {
    /// No authentication, as without `auth`.
    None,
    /// A token in the `Authorization` header: `bearer: "{{ token }}"`.
    Bearer(Text),
    /// A user name and a password (RFC 7617).
    Basic(BasicSpec),
    /// A user name and a password that is never sent: each request answers a challenge of the API (RFC 7616). The first
    /// request goes out without it, and is sent again.
    Digest(DigestSpec),
    /// A key in a header, the query or a cookie.
    ApiKey(ApiKeySpec),
    /// A token that an authorization server gives out for the client's own credentials (RFC 6749, 4.4), or for what a
    /// person has allowed (`login`, `refresh_token`), sent as a bearer token. It is fetched when it is needed, shortly
    /// before it expires, and when the API refuses it.
    #[serde(rename = "oauth2")]
    OAuth2(OAuth2Spec),
    /// A token that an authorization server gives out for an assertion that is signed here (RFC 7523, 2.1).
    JwtBearer(JwtBearerSpec),
    /// A token that Google gives out for the key file of a service account.
    GoogleServiceAccount(GoogleSpec),
    /// A token from an API's own login: a request whose answer holds the token that all others send.
    Session(SessionSpec),
    /// Every request signed as AWS wants it (Signature Version 4).
    Aws(AwsSpec),
    /// Every request signed with a shared secret, in the API's own form.
    Hmac(HmacSpec),
    /// One of several kinds, by the value of a variable.
    Choose(ChooseSpec),
}

/// Several kinds, of which one is used.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChooseSpec {
    /// Which one: the name of a kind in `from`, mostly a template: `"{{ credentials }}"`.
    pub(crate) by: Text,

    /// The kinds, each under a name. All of them are checked; variables that only others than the chosen one read need
    /// no value.
    pub(crate) from: Named<AuthSpec>,
}

/// A user name and a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicSpec {
    /// The user name. It may not have a colon in it.
    pub(crate) username: Text,

    /// The password. Default: none, as for APIs where the user name is the key.
    pub(crate) password: Option<Text>,
}

/// A user name, and a password for answering challenges.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DigestSpec {
    /// The user name.
    pub(crate) username: Text,

    /// The password, mostly a template: `"{{ password }}"`.
    pub(crate) password: Text,
}

/// A key: exactly one of `header`, `query` and `cookie` names its place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeySpec {
    /// The name of the header that holds the key, such as `X-Api-Key`.
    #[schemars(length(min = 1))]
    pub(crate) header: Option<String>,

    /// The name of the query parameter that holds the key.
    #[schemars(length(min = 1))]
    pub(crate) query: Option<String>,

    /// The name of the cookie that holds the key.
    #[schemars(length(min = 1))]
    pub(crate) cookie: Option<String>,

    /// The key, mostly a template: `"{{ key }}"`.
    pub(crate) value: Text,
}

/// A token of an authorization server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth2Spec {
    /// The address that gives out tokens, such as `https://auth.example.com/oauth/token`. Its origin gets what stands
    /// here and nothing else. It must begin with `https://`, unless it is this machine. Variables may be used in it.
    #[schemars(length(min = 1))]
    pub(crate) token_url: String,

    /// The client's identifier.
    pub(crate) client_id: Text,

    /// The client's secret, mostly a template: `"{{ client_secret }}"`.
    pub(crate) client_secret: Option<Text>,

    /// The key with which the client signs who it is, in the place of a secret (RFC 7523, 2.2: `private_key_jwt`).
    pub(crate) private_key: Option<JwtSpec>,

    /// How the client's identifier and secret are sent (RFC 6749, 2.3.1). Default: `basic`.
    pub(crate) client_auth: Option<ClientAuthSpec>,

    /// The refresh token to begin with, mostly a template: `"{{ refresh_token }}"`. With it, tokens are given for what a
    /// person has allowed, and not for the client's own credentials.
    pub(crate) refresh_token: Option<Text>,

    /// How a person is asked what the client may do: once, by `spile login FILE`. Then tokens are given for what they
    /// have allowed, and not for the client's own credentials.
    pub(crate) login: Option<AuthorizationSpec>,

    /// What the token is to allow: a scope, or a list of them.
    pub(crate) scopes: Option<OneOrMany<Text>>,

    /// The API that the token is for, where the server wants it named.
    pub(crate) audience: Option<Text>,

    /// Further parameters of the token request, such as `resource`. Values may be templates; one that renders to
    /// nothing is left out.
    pub(crate) parameters: Option<Named<OneOrMany<Text>>>,

    /// How long a token lives where the answer does not say (`expires_in`): `1h`. Default: until the API refuses it.
    pub(crate) lifetime: Option<DurationText>,
}

/// How a person is asked what a client may do: in a browser, by a code that they enter elsewhere, or by either.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizationSpec {
    /// The page that asks, such as `https://auth.example.com/oauth/authorize` (RFC 6749, 4.1, with PKCE, RFC 7636). It
    /// must begin with `https://`, unless it is this machine. Variables may be used in it, but no secret ones.
    #[schemars(length(min = 1))]
    pub(crate) authorization_url: Option<String>,

    /// The address that gives out codes to enter (RFC 8628), for machines without a browser. As `token_url`.
    #[schemars(length(min = 1))]
    pub(crate) device_url: Option<String>,

    /// Where the browser is sent back to, exactly as it is registered at the server: an address of this machine, such as
    /// `http://localhost:8400/callback`; without a port, any free one. Or one that begins with `https://`: then the
    /// address that the browser ends at is pasted into the terminal. Default: `http://127.0.0.1/callback`.
    #[schemars(length(min = 1))]
    pub(crate) redirect_uri: Option<String>,

    /// What the server calls itself in its answers (`iss`, RFC 9207); an answer that says otherwise is refused. Default:
    /// whatever begins with the origin of `authorization_url`.
    #[schemars(length(min = 1))]
    pub(crate) issuer: Option<String>,

    /// Further parameters of what is asked, such as `{ access_type: offline, prompt: consent }`, without which Google
    /// gives no refresh token. Values may be templates; one that renders to nothing is left out.
    pub(crate) parameters: Option<Named<OneOrMany<Text>>>,
}

/// How a client's secret is sent to the server that gives out tokens.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum ClientAuthSpec {
    /// In the `Authorization` header, as every server must take it.
    Basic,
    /// As parameters of the body.
    Body,
}

/// A token that is signed here (RFC 7519). It claims to be issued ten seconds ago, for servers whose clock is behind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtSpec {
    /// A private key in PEM (PKCS #8, or PKCS #1 for RSA), mostly a template: `"{{ private_key }}"`; for an algorithm
    /// that begins with `HS`, the shared secret.
    pub(crate) key: Text,

    /// How it is signed. Default: `RS256`.
    pub(crate) algorithm: Option<JwtAlgorithmSpec>,

    /// Which of the signer's keys it is (`kid`).
    pub(crate) key_id: Option<Text>,

    /// Further claims, or others in the place of those that are made (`iss`, `sub`, `aud`, `iat`, `exp`, `jti`). Text
    /// in them may be a template; a claim that renders to nothing is left out.
    pub(crate) claims: Option<Map<String, Json>>,

    /// How long it is valid. Default: `5m`.
    pub(crate) lifetime: Option<DurationText>,
}

/// A way of signing.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub(crate) enum JwtAlgorithmSpec {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A token for a signed assertion.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtBearerSpec {
    /// The address that gives out tokens; as `oauth2.token_url`.
    #[schemars(length(min = 1))]
    pub(crate) token_url: String,

    /// The assertion. It claims `token_url` as its audience (`aud`); `iss` and mostly `sub` are for `claims`.
    pub(crate) assertion: JwtSpec,

    /// What the token is to allow: a scope, or a list of them.
    pub(crate) scopes: Option<OneOrMany<Text>>,

    /// Further parameters of the token request. Values may be templates; one that renders to nothing is left out.
    pub(crate) parameters: Option<Named<OneOrMany<Text>>>,

    /// How long a token lives where the answer does not say (`expires_in`): `1h`. Default: until the API refuses it.
    pub(crate) lifetime: Option<DurationText>,
}

/// A Google service account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoogleSpec {
    /// The text of its key file, as Google gives it out (JSON), mostly a template: `"{{ key_file }}"`.
    pub(crate) key: Text,

    /// What the token is to allow: a scope, or a list of them, such as
    /// `https://www.googleapis.com/auth/analytics.readonly`.
    pub(crate) scopes: OneOrMany<Text>,

    /// The user in whose name it acts (domain-wide delegation).
    pub(crate) subject: Option<Text>,

    /// The address that gives out tokens. What the key file says of it is not followed. Default:
    /// `https://oauth2.googleapis.com/token`.
    #[schemars(length(min = 1))]
    pub(crate) token_url: Option<String>,
}

/// A login whose answer holds a token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionSpec {
    /// The whole address of the login, such as `https://api.example.com/login`. Its origin gets what stands here and
    /// nothing else. It must begin with `https://`, unless it is this machine. Variables may be used in it.
    #[schemars(length(min = 1))]
    pub(crate) url: String,

    /// The HTTP method. Default: `POST`.
    pub(crate) method: Option<MethodSpec>,

    /// Headers of the login. Values may be templates; one that renders to nothing is left out.
    pub(crate) headers: Option<Named<Text>>,

    /// The body of the login: `{ json: … }` or `{ form: … }`.
    pub(crate) body: Option<BodySpec>,

    /// A token that is signed for each login; templates of the login use it as `{{ signed_jwt }}`.
    pub(crate) sign: Option<JwtSpec>,

    /// Where the answer has the token: a JSONPath such as `$.data.token`, or `{ header: X-Auth-Token }`.
    pub(crate) token: TokenSpec,

    /// The path of the token's lifetime in seconds, if the answer tells it.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) expires_in: Option<String>,

    /// The path of the time at which the token ends, if the answer tells it: RFC 3339, or seconds or milliseconds since
    /// 1970.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) expires_at: Option<String>,

    /// How long a token lives where the answer does not say: `1h`. Default: until the API refuses it.
    pub(crate) lifetime: Option<DurationText>,

    /// The headers that carry the token: `{ X-Session: "{{ session_token }}" }`. Default:
    /// `Authorization: Bearer {{ session_token }}`.
    pub(crate) send: Option<Named<Text>>,
}

/// Keys of AWS.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AwsSpec {
    /// Which key it is: `AKIA…`.
    pub(crate) access_key_id: Text,

    /// The key, mostly a template: `"{{ secret_key }}"`.
    pub(crate) secret_access_key: Text,

    /// What belongs to temporary keys. A template that renders to nothing is an error: leave it out for lasting keys.
    pub(crate) session_token: Option<Text>,

    /// Where the service is, such as `eu-central-1`.
    #[schemars(length(min = 1))]
    pub(crate) region: String,

    /// Which service it is, as its signatures name it: `s3`, `es`, `aps`. Default: `execute-api`, the API Gateway.
    #[schemars(length(min = 1))]
    pub(crate) service: Option<String>,
}

/// How every request is signed with a shared secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HmacSpec {
    /// The shared secret, mostly a template: `"{{ secret }}"`.
    pub(crate) key: Text,

    /// The hash. Default: `sha256`.
    pub(crate) algorithm: Option<HmacAlgorithmSpec>,

    /// How the signature is written. Default: `hex`.
    pub(crate) encoding: Option<HmacEncodingSpec>,

    /// What is signed, a template: `"{{ request.seconds }}{{ request.method }}{{ request.target }}{{ request.body }}"`.
    pub(crate) message: Text,

    /// The headers that carry the signature, `{{ request.signature }}`, and what belongs to it.
    pub(crate) headers: Named<Text>,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum HmacAlgorithmSpec {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum HmacEncodingSpec {
    Hex,
    Base64,
}
