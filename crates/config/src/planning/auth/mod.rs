//! Authentication: one function for each kind.

mod choose;
mod oauth2;

use std::time::Duration;

use serde_json::Value as Json;
use spile_expression::Template;
use spile_plan::{
    AuthPlan, AwsPlan, BodyPlan, ExpiryPlace, GrantPlan, HmacAlgorithm, HmacEncoding, HmacPlan, JsonTemplate,
    JwtAlgorithm, JwtPlan, KeyPlace, LoginPlan, NamedTemplate, OAuth2Plan, SessionPlan,
};
use url::Url;

use super::source::complain_about_address;
use super::{Names, Planner};
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{
    ApiKeySpec, AuthSpec, AwsSpec, BasicSpec, DigestSpec, DurationText, GoogleSpec, HmacAlgorithmSpec,
    HmacEncodingSpec, HmacSpec, JwtAlgorithmSpec, JwtBearerSpec, JwtSpec, MethodSpec, SessionSpec, Text,
};

/// Where Google's service accounts get their tokens.
const GOOGLE_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// What AWS calls its API Gateway, behind which most APIs are that want its signatures.
const AWS_SERVICE: &str = "execute-api";

/// Long enough for any clock that is roughly right; an assertion is used at once, and once.
const JWT_LIFETIME: Duration = Duration::from_secs(300);

const AUTH: [&str; 2] = ["source", "auth"];

impl Planner<'_, '_, '_> {
    pub(super) fn auth(&mut self, spec: &AuthSpec) -> Option<AuthPlan> {
        match spec {
            AuthSpec::None => Some(AuthPlan::None),
            AuthSpec::Bearer(token) => self.credential(&at(&["bearer"]), token).map(AuthPlan::Bearer),
            AuthSpec::Basic(basic) => self.basic(basic),
            AuthSpec::Digest(digest) => self.digest(digest),
            AuthSpec::ApiKey(key) => self.api_key(key),
            AuthSpec::OAuth2(oauth2) => self.oauth2(oauth2),
            AuthSpec::JwtBearer(jwt) => self.jwt_bearer(jwt),
            AuthSpec::GoogleServiceAccount(account) => self.google_service_account(account),
            AuthSpec::Session(session) => self.session(session),
            AuthSpec::Aws(aws) => self.aws(aws),
            AuthSpec::Hmac(hmac) => self.hmac(hmac),
            AuthSpec::Choose(choice) => self.choose(choice),
        }
    }

    fn basic(&mut self, spec: &BasicSpec) -> Option<AuthPlan> {
        let path = at(&["basic", "username"]);
        let username = self.template(&path, &spec.username.0, Names::Variables);
        if username.as_ref().is_some_and(|name| name.is_literal() && name.source().contains(':')) {
            let message = "a user name cannot have a colon in it";
            let help = "what stands behind the colon is probably the `password`";
            self.report(&path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
        }
        let none = Text(String::new());
        let password = spec.password.as_ref().unwrap_or(&none);
        let password = self.credential(&at(&["basic", "password"]), password);
        Some(AuthPlan::Basic { username: username?, password: password? })
    }

    fn digest(&mut self, spec: &DigestSpec) -> Option<AuthPlan> {
        let username = self.template(&at(&["digest", "username"]), &spec.username.0, Names::Variables);
        let password = self.credential(&at(&["digest", "password"]), &spec.password);
        Some(AuthPlan::Digest { username: username?, password: password? })
    }

    fn aws(&mut self, spec: &AwsSpec) -> Option<AuthPlan> {
        let access_key_id = self.template(&at(&["aws", "access_key_id"]), &spec.access_key_id.0, Names::Variables);
        let secret_access_key = self.credential(&at(&["aws", "secret_access_key"]), &spec.secret_access_key);
        let session_token = spec.session_token.as_ref();
        let session_token = session_token.map(|token| self.credential(&at(&["aws", "session_token"]), token));
        let region = self.rendered(&at(&["aws", "region"]), &spec.region);
        let service = self.rendered(&at(&["aws", "service"]), spec.service.as_deref().unwrap_or(AWS_SERVICE));
        Some(AuthPlan::Aws(AwsPlan {
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token: session_token.map_or(Some(None), |token| token.map(Some))?,
            region: region?,
            service: service?,
        }))
    }

    fn hmac(&mut self, spec: &HmacSpec) -> Option<AuthPlan> {
        let key = self.credential(&at(&["hmac", "key"]), &spec.key);
        let message = self.template(&at(&["hmac", "message"]), &spec.message.0, Names::Signing);
        if let Some(message) = &message {
            self.try_to_sign(&at(&["hmac", "message"]), message)?;
        }
        let headers = self.headers(&at(&["hmac", "headers"]), Some(&spec.headers), Names::Signing)?;
        if !headers.iter().any(|header| header.value.source().contains("request.signature")) {
            let message = "`headers` do not send the signature";
            let help = "use it in the value of one of them: `X-Signature: \"{{ request.signature }}\"`";
            self.report(&at(&["hmac", "headers"]), Diagnostic::error(Code::Conflict, message).with_help(help));
        }
        let algorithm = match spec.algorithm.unwrap_or(HmacAlgorithmSpec::Sha256) {
            HmacAlgorithmSpec::Sha1 => HmacAlgorithm::Sha1,
            HmacAlgorithmSpec::Sha256 => HmacAlgorithm::Sha256,
            HmacAlgorithmSpec::Sha384 => HmacAlgorithm::Sha384,
            HmacAlgorithmSpec::Sha512 => HmacAlgorithm::Sha512,
        };
        let encoding = match spec.encoding.unwrap_or(HmacEncodingSpec::Hex) {
            HmacEncodingSpec::Hex => HmacEncoding::Hex,
            HmacEncodingSpec::Base64 => HmacEncoding::Base64,
        };
        let plan = HmacPlan { key: key?, algorithm, encoding, message: message?, headers };
        Some(AuthPlan::Hmac(Box::new(plan)))
    }

    /// What is signed has all that it names.
    fn try_to_sign(&mut self, path: &[&str], message: &Template) -> Option<()> {
        let ready = message.names().iter().all(|name| name == "request" || self.variables.0.contains_key(name));
        let request: serde_json::Map<String, Json> =
            HmacPlan::REQUEST.iter().map(|name| ((*name).to_owned(), Json::from("1"))).collect();
        let scope = self.variables.scope().with("request", &request);
        if !ready || !matches!(message.render(&scope), Ok(None)) {
            return Some(());
        }
        let known: Vec<String> = HmacPlan::REQUEST.iter().map(|name| format!("`{name}`")).collect();
        let help = format!("of `request` there is {}; its signature is there for `headers` alone", known.join(", "));
        let diagnostic = Diagnostic::error(Code::UnknownName, "a name in the message has no value");
        self.report(path, diagnostic.with_help(help));
        None
    }

    fn api_key(&mut self, spec: &ApiKeySpec) -> Option<AuthPlan> {
        let path = at(&["api_key"]);
        let value = self.credential(&at(&["api_key", "value"]), &spec.value);
        let places = [
            (KeyPlace::Header, "header", &spec.header),
            (KeyPlace::Query, "query", &spec.query),
            (KeyPlace::Cookie, "cookie", &spec.cookie),
        ];
        let named: Vec<_> =
            places.into_iter().filter_map(|(place, key, name)| Some((place, key, name.as_deref()?))).collect();
        match named.as_slice() {
            [(place, key, name)] => {
                let fits = match place {
                    KeyPlace::Query => self.is_literal(&at(&["api_key", key]), name),
                    _ => self.check_header_name(&at(&["api_key", key]), name),
                };
                fits.then_some(AuthPlan::ApiKey { place: *place, name: (*name).to_owned(), value: value? })
            }
            [] => {
                let message = "`api_key` does not say where the key is sent";
                let help = "add `header: NAME`, `query: NAME` or `cookie: NAME`";
                self.report(&path, Diagnostic::error(Code::MissingKey, message).with_help(help));
                None
            }
            [(_, first, _), (_, second, _), ..] => {
                let message = format!("`api_key` has both `{first}` and `{second}`");
                let help = "the key is sent in one place: keep one of them";
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
                self.places.report_key(&at(&["api_key", second]), diagnostic);
                None
            }
        }
    }

    fn jwt_bearer(&mut self, spec: &JwtBearerSpec) -> Option<AuthPlan> {
        let token_url = self.secret_address(&at(&["jwt_bearer", "token_url"]), &spec.token_url);
        let assertion = self.jwt(&["jwt_bearer", "assertion"], &spec.assertion);
        let scopes = self.scopes("jwt_bearer", spec.scopes.as_ref());
        let parameters = self.token_parameters("jwt_bearer", spec.parameters.as_ref());
        let lifetime = self.lifetime(&at(&["jwt_bearer", "lifetime"]), spec.lifetime);
        Some(AuthPlan::from(OAuth2Plan {
            token_url: token_url?,
            grant: GrantPlan::JwtBearer(assertion?),
            scopes: scopes?,
            parameters: parameters?,
            lifetime,
        }))
    }

    fn google_service_account(&mut self, spec: &GoogleSpec) -> Option<AuthPlan> {
        let kind = "google_service_account";
        let token_url = spec.token_url.as_deref().unwrap_or(GOOGLE_TOKEN_URL);
        let token_url = self.secret_address(&at(&[kind, "token_url"]), token_url);
        let key = self.credential(&at(&[kind, "key"]), &spec.key);
        let subject = spec.subject.as_ref();
        let subject = subject.map(|Text(text)| self.template(&at(&[kind, "subject"]), text, Names::Variables));
        let scopes = self.scopes(kind, Some(&spec.scopes));
        Some(AuthPlan::from(OAuth2Plan {
            token_url: token_url?,
            grant: GrantPlan::GoogleServiceAccount {
                key: key?,
                subject: subject.map_or(Some(None), |name| name.map(Some))?,
            },
            scopes: scopes?,
            parameters: Vec::new(),
            lifetime: None,
        }))
    }

    fn session(&mut self, spec: &SessionSpec) -> Option<AuthPlan> {
        let names = Names::Login { signs: spec.sign.is_some() };
        let url = self.secret_address(&at(&["session", "url"]), &spec.url);
        let headers = self.headers(&at(&["session", "headers"]), spec.headers.as_ref(), names);
        let body = self.body(&at(&["session", "body"]), spec.body.as_ref(), names);
        self.remember_credentials_of_login(headers.as_deref(), body.as_ref().and_then(Option::as_ref));
        let signs = spec.sign.as_ref().map(|jwt| self.jwt(&["session", "sign"], jwt));
        let token = self.token_source(&at(&["session", "token"]), &spec.token);
        let expiry = self.expiry(spec);
        let lifetime = self.lifetime(&at(&["session", "lifetime"]), spec.lifetime);
        let send = self.headers(&at(&["session", "send"]), spec.send.as_ref(), Names::Session)?;
        if !send.is_empty() && !send.iter().any(|header| header.value.names().contains("session_token")) {
            let message = "`send` does not send the token";
            let help = "use it in the value of a header: `X-Session: \"{{ session_token }}\"`";
            self.report(&at(&["session", "send"]), Diagnostic::error(Code::Conflict, message).with_help(help));
        }
        let method = spec.method.unwrap_or(MethodSpec::Post).as_str().to_owned();
        let login = LoginPlan {
            method,
            url: url?,
            headers: headers?,
            body: body?,
            signs: signs.map_or(Some(None), |jwt| jwt.map(Some))?,
        };
        let plan = SessionPlan { login, token: token?, expiry: expiry?, lifetime, send };
        Some(AuthPlan::Session(Box::new(plan)))
    }

    /// `Some(None)` where no path is given.
    fn expiry(&mut self, spec: &SessionSpec) -> Option<Option<ExpiryPlace>> {
        match (&spec.expires_in, &spec.expires_at) {
            (None, None) => Some(None),
            (Some(path), None) => {
                self.record_path(&at(&["session", "expires_in"]), path).map(ExpiryPlace::Seconds).map(Some)
            }
            (None, Some(path)) => {
                self.record_path(&at(&["session", "expires_at"]), path).map(ExpiryPlace::Time).map(Some)
            }
            (Some(_), Some(_)) => {
                let message = "`session` has both `expires_in` and `expires_at`";
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("keep one of them");
                self.places.report_key(&at(&["session", "expires_at"]), diagnostic);
                None
            }
        }
    }

    /// A password that stands in the file itself, under a name that tells so.
    fn remember_credentials_of_login(&mut self, headers: Option<&[NamedTemplate]>, body: Option<&BodyPlan>) {
        let mut named: Vec<(&str, &Template)> = Vec::new();
        let fields = match body {
            Some(BodyPlan::Form(fields)) => fields.as_slice(),
            Some(BodyPlan::Json(json)) => {
                named_texts("", json, &mut named);
                &[]
            }
            None => &[],
        };
        let headers = headers.unwrap_or_default().iter().chain(fields);
        named.extend(headers.map(|named| (named.name.as_str(), &named.value)));
        for (name, template) in named.into_iter().filter(|(name, _)| crate::masking::tells(name)) {
            self.remember_credential(&at(&["session", name]), template);
        }
    }

    /// A token that is signed here.
    fn jwt(&mut self, place: &[&str], spec: &JwtSpec) -> Option<JwtPlan> {
        let below = |key| at(&[place, &[key]].concat());
        let key = self.credential(&below("key"), &spec.key);
        let key_id = spec.key_id.as_ref().map(|Text(id)| self.template(&below("key_id"), id, Names::Variables));
        let claims = Json::Object(spec.claims.clone().unwrap_or_default());
        let claims = self.json(&below("claims"), &claims, Names::Variables);
        let lifetime = self.lifetime(&below("lifetime"), spec.lifetime).unwrap_or(JWT_LIFETIME);
        Some(JwtPlan {
            key: key?,
            algorithm: algorithm(spec.algorithm.unwrap_or(JwtAlgorithmSpec::Rs256)),
            key_id: key_id.map_or(Some(None), |id| id.map(Some))?,
            claims: claims?,
            lifetime,
        })
    }

    /// How long something lives: longer than nothing.
    fn lifetime(&mut self, path: &[&str], lifetime: Option<DurationText>) -> Option<Duration> {
        let lifetime = lifetime?;
        self.above_zero(path, lifetime);
        Some(lifetime.0)
    }

    /// The address of a server that is sent secrets: over TLS, or on this machine.
    fn secret_address(&mut self, path: &[&str], text: &str) -> Option<String> {
        let rendered = self.rendered(path, text)?.trim().to_owned();
        let complaint = match Url::parse(&rendered) {
            Err(_) => Some(("is not a whole address", "write it like `https://auth.example.com/oauth/token`")),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Some(("has credentials in it", "write them below keys of their own"))
            }
            Ok(url) => complain_about_address(&url).or_else(|| {
                let open = url.scheme() == "http" && !is_this_machine(&url);
                open.then_some(("would send secrets openly", "begin it with `https://`"))
            }),
        };
        let Some((problem, help)) = complaint else { return Some(rendered) };
        let key = path.last().copied().unwrap_or_default();
        self.report(path, Diagnostic::error(Code::InvalidValue, format!("`{key}` {problem}")).with_help(help));
        None
    }

    fn credential(&mut self, path: &[&str], text: &Text) -> Option<Template> {
        let template = self.template(path, &text.0, Names::Variables)?;
        self.remember_credential(path, &template);
        Some(template)
    }
}

/// The texts in a JSON value, each with the nearest name above it.
fn named_texts<'j>(name: &'j str, json: &'j JsonTemplate, found: &mut Vec<(&'j str, &'j Template)>) {
    match json {
        JsonTemplate::Literal(_) => {}
        JsonTemplate::Text(template) => found.push((name, template)),
        JsonTemplate::List(items) => items.iter().for_each(|item| named_texts(name, item, found)),
        JsonTemplate::Object(members) => members.iter().for_each(|(name, member)| named_texts(name, member, found)),
    }
}

/// A path below `source.auth`.
fn at<'k>(keys: &[&'k str]) -> Vec<&'k str> {
    [&AUTH[..], keys].concat()
}

fn algorithm(spec: JwtAlgorithmSpec) -> JwtAlgorithm {
    match spec {
        JwtAlgorithmSpec::Hs256 => JwtAlgorithm::Hs256,
        JwtAlgorithmSpec::Hs384 => JwtAlgorithm::Hs384,
        JwtAlgorithmSpec::Hs512 => JwtAlgorithm::Hs512,
        JwtAlgorithmSpec::Rs256 => JwtAlgorithm::Rs256,
        JwtAlgorithmSpec::Rs384 => JwtAlgorithm::Rs384,
        JwtAlgorithmSpec::Rs512 => JwtAlgorithm::Rs512,
        JwtAlgorithmSpec::Ps256 => JwtAlgorithm::Ps256,
        JwtAlgorithmSpec::Ps384 => JwtAlgorithm::Ps384,
        JwtAlgorithmSpec::Ps512 => JwtAlgorithm::Ps512,
        JwtAlgorithmSpec::Es256 => JwtAlgorithm::Es256,
        JwtAlgorithmSpec::Es384 => JwtAlgorithm::Es384,
        JwtAlgorithmSpec::EdDsa => JwtAlgorithm::EdDsa,
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
