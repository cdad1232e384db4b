//! How a person is asked: in a browser that comes back with a code (RFC 6749, 4.1, with PKCE, RFC 7636), or by a code that
//! they enter elsewhere (RFC 8628).
//!
//! Enters: what the pipeline file says, and the answers. Leaves: what to show, and the fields of the token request that
//! an answer entitles to. Invariants: nothing that is shown or put into a URL is secret; an answer counts only with the
//! state of what was asked, and from the server that was asked.

use std::time::Duration;

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope as OAuthScope};
use reqwest::Url;
use serde_json::Value;
use spile_model::{Failure, FailureKind, Secret};

use super::client::Client;
use super::server::TokenRequest;
use crate::auth::endpoint::{Asking, Endpoint, oauth_error, seconds};

/// How long a device code lives where the answer does not say, which it must (RFC 8628, 3.2).
const DEVICE_LIFETIME: Duration = Duration::from_secs(900);

/// How long to wait between two questions where the answer does not say (RFC 8628, 3.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// No server wants to be asked more often.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// As long as a code is worth waiting for; servers mean minutes.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);

pub(super) struct Authorization {
    /// The page that asks.
    pub(super) url: Option<Url>,
    /// What gives out codes to enter.
    pub(super) device: Option<Endpoint>,
    /// Where the browser is sent back to, as the file has it.
    pub(super) redirect_uri: String,
    pub(super) issuer: Option<String>,
    pub(super) scopes: String,
    pub(super) parameters: Vec<(String, String)>,
}

/// What a browser is to be asked.
pub struct Asked {
    url: Url,
    redirect_uri: String,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
}

/// A code that a person enters at a page of the server's.
pub struct DeviceCode {
    code: Secret,
    /// What to enter.
    pub user_code: String,
    /// Where.
    pub page: Url,
    /// The same page, with the code filled in; not every server has it.
    pub whole_page: Option<Url>,
    /// How long it can be entered.
    pub lifetime: Duration,
    pub(super) interval: Duration,
}

impl Asked {
    /// Where the browser is sent. It holds no secret.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where the browser comes back to.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Whether what the browser came back with is an answer to this, and not to another login or to none.
    pub fn is_answered_by(&self, parameters: &[(String, String)]) -> bool {
        value(parameters, "state") == Some(self.state.secret())
    }

    /// What the code of an answer is exchanged by.
    pub(super) fn fill(&self, code: &Secret, request: &mut TokenRequest) {
        request.put("code", code.expose());
        request.put("redirect_uri", self.redirect_uri.as_str());
        request.put("code_verifier", self.verifier.secret().as_str());
    }
}

impl DeviceCode {
    pub(super) fn fill(&self, request: &mut TokenRequest) {
        request.put("device_code", self.code.expose());
    }
}

impl Authorization {
    /// Something to ask in a browser that can come back to `redirect_uri`; none where the file names no page.
    pub(super) fn ask(&self, client: &Client, redirect_uri: String) -> Option<Result<Asked, Failure>> {
        let page = AuthUrl::from_url(self.url.clone()?);
        let Ok(redirect) = RedirectUrl::new(redirect_uri.clone()) else {
            let message = "`auth.oauth2.login.redirect_uri` is not an address";
            return Some(Err(Failure::new(FailureKind::Configuration, message)));
        };
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let asking =
            BasicClient::new(ClientId::new(client.id().to_owned())).set_auth_uri(page).set_redirect_uri(redirect);
        let mut request = asking.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        for scope in self.scopes.split(' ').filter(|scope| !scope.is_empty()) {
            request = request.add_scope(OAuthScope::new(scope.to_owned()));
        }
        for (name, value) in &self.parameters {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        let (url, state) = request.url();
        Some(Ok(Asked { url, redirect_uri, state, verifier }))
    }

    /// The code in the answer to what was asked.
    ///
    /// # Errors
    /// [`FailureKind::LoginNeeded`] where the person refused, [`FailureKind::TokenRefused`] where the server did.
    pub(super) fn code(&self, parameters: &[(String, String)]) -> Result<Secret, Failure> {
        self.check_issuer(value(parameters, "iss"))?;
        if let Some(error) = value(parameters, "error") {
            let said = value(parameters, "error_description").map_or_else(String::new, |said| format!(": {said}"));
            return Err(refusal(error, &format!("{error}{said}")));
        }
        match value(parameters, "code") {
            Some(code) if !code.is_empty() => Ok(Secret::new(code)),
            _ => Err(Failure::new(FailureKind::TokenRefused, "the server sent the browser back without a code")),
        }
    }

    /// The answer is from the server that was asked (RFC 9207): a code of another one would go to the wrong place.
    fn check_issuer(&self, told: Option<&str>) -> Result<(), Failure> {
        let problem = match (&self.issuer, told) {
            (Some(expected), Some(told)) if told == expected => return Ok(()),
            (Some(expected), Some(told)) => format!("it says that it is `{told}`, and `issuer` is `{expected}`"),
            (Some(expected), None) => format!("it does not say who it is (`iss`), and `issuer` is `{expected}`"),
            (None, None) => return Ok(()),
            (None, Some(told)) => {
                let origin = |url: &Url| url.origin().ascii_serialization();
                let told_origin = Url::parse(told).ok().as_ref().map(origin);
                if self.url.as_ref().map(origin) == told_origin {
                    return Ok(());
                }
                format!("it says that it is `{told}`; if that is right, write `issuer: {told}` below `login`")
            }
        };
        let message = format!("the answer is not from the server that was asked: {problem}");
        Err(Failure::new(FailureKind::TokenRefused, message))
    }

    /// Gets a code to enter; none where the file names no address for that.
    pub(super) async fn device_code(&self, client: &Client, asking: &Asking) -> Option<Result<DeviceCode, Failure>> {
        let device = self.device.as_ref()?;
        let request = || {
            let mut request = TokenRequest::default();
            if !self.scopes.is_empty() {
                request.put("scope", self.scopes.as_str());
            }
            request.put_all(&self.parameters);
            client.sign(&mut request, asking)?;
            Ok(request.to(device.url()))
        };
        let granted = match device.ask(request, asking).await {
            Ok(granted) => granted,
            Err(denied) => return Some(Err(denied.into())),
        };
        Some(read_device_code(&granted.body).map_err(|why| {
            let place = asking.redactor.show_url(device.url());
            Failure::new(FailureKind::TokenRefused, format!("no code from {place}: {why}"))
        }))
    }
}

/// Reads a code (RFC 8628, 3.2); why it is none, in words.
fn read_device_code(answer: &Value) -> Result<DeviceCode, String> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    // What is shown as a link is one.
    let page =
        |name: &str| text(name).and_then(|url| Url::parse(url).ok()).filter(|url| url.scheme().starts_with("http"));
    // Google calls it by the draft's name.
    let pages = (page("verification_uri").or_else(|| page("verification_url")), page("verification_uri_complete"));
    let (Some(code), Some(user_code), (Some(page), whole_page)) = (text("device_code"), text("user_code"), pages)
    else {
        let error = oauth_error(answer).map(|error| format!("it refused: {error}"));
        return Err(
            error.unwrap_or_else(|| "its answer has no `device_code`, `user_code` and `verification_uri`".to_owned())
        );
    };
    if user_code.chars().any(char::is_control) {
        return Err("its `user_code` cannot be shown".to_owned());
    }
    let lifetime = answer.get("expires_in").and_then(seconds).unwrap_or(DEVICE_LIFETIME).min(LONGEST_LIFETIME);
    let interval =
        answer.get("interval").and_then(seconds).unwrap_or(INTERVAL).clamp(SHORTEST_INTERVAL, LONGEST_LIFETIME);
    Ok(DeviceCode { code: Secret::new(code), user_code: user_code.to_owned(), page, whole_page, lifetime, interval })
}

/// A login that came to nothing: the person's decision, or the server's.
pub(super) fn refusal(code: &str, said: &str) -> Failure {
    match code {
        "access_denied" => Failure::new(FailureKind::LoginNeeded, format!("the login was refused: {said}")),
        "expired_token" => Failure::new(FailureKind::LoginNeeded, format!("the code was not entered in time: {said}")),
        _ => Failure::new(FailureKind::TokenRefused, format!("the server refuses the login: {said}")),
    }
}

fn value<'p>(parameters: &'p [(String, String)], name: &str) -> Option<&'p str> {
    // A name that is there twice is no answer of a server's (RFC 6749, 3.1).
    let mut values = parameters.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn authorization(issuer: Option<&str>) -> Authorization {
        Authorization {
            url: Some(Url::parse("https://auth.test/authorize").unwrap()),
            device: None,
            redirect_uri: "http://127.0.0.1/callback".to_owned(),
            issuer: issuer.map(ToOwned::to_owned),
            scopes: String::new(),
            parameters: Vec::new(),
        }
    }

    fn answer(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_code_counts_only_from_the_server_that_was_asked() {
        let from = |iss: &str, expected: Option<&str>| {
            authorization(expected).code(&answer(&[("code", "c"), ("iss", iss)])).is_ok()
        };
        assert!(from("https://auth.test", None) && from("https://auth.test/realm", None));
        assert!(!from("https://other.test", None) && !from("auth.test", None));
        assert!(from("https://other.test", Some("https://other.test")));
        assert!(!from("https://auth.test/", Some("https://auth.test")), "compared as texts (RFC 9207, 2.4)");
        assert!(authorization(None).code(&answer(&[("code", "c")])).is_ok());
        assert!(authorization(Some("https://auth.test")).code(&answer(&[("code", "c")])).is_err());
    }

    #[test]
    fn a_refusal_says_whose_it_is() {
        let refused = |error: &str| authorization(None).code(&answer(&[("error", error)])).err().unwrap();
        assert_eq!(refused("access_denied").kind, FailureKind::LoginNeeded);
        assert_eq!(refused("invalid_scope").kind, FailureKind::TokenRefused);
        assert_eq!(refused("invalid_scope").message, "the server refuses the login: invalid_scope");
        let twice = answer(&[("code", "a"), ("code", "b")]);
        assert!(authorization(None).code(&twice).is_err(), "which of them?");
    }

    #[test]
    fn a_device_code_is_read_as_servers_write_it() {
        let google = json!({"device_code": "d", "user_code": "AB-CD", "verification_url": "https://a.test/device",
            "expires_in": 1800, "interval": 5});
        let code = read_device_code(&google).ok().unwrap();
        assert_eq!((code.user_code.as_str(), code.page.as_str()), ("AB-CD", "https://a.test/device"));
        assert_eq!((code.lifetime, code.interval), (Duration::from_secs(1800), INTERVAL));
        for broken in [
            json!({"user_code": "AB", "verification_uri": "https://a.test"}),
            json!({"device_code": "d", "user_code": "AB", "verification_uri": "javascript:alert(1)"}),
            json!({"device_code": "d", "user_code": "A\u{1b}[2J", "verification_uri": "https://a.test"}),
            json!({"error": "invalid_client"}),
        ] {
            assert!(read_device_code(&broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn times_that_no_server_should_write_are_brought_within_bounds() {
        for (expires_in, interval, expected) in [
            (json!(0.5), json!(null), (500, 5_000)),
            (json!(0.5), json!(0.001), (500, 1_000)),
            (json!(1e300), json!(1e300), (900_000, 5_000)),
            (json!(1e15), json!("1e15"), (3_600_000, 3_600_000)),
            (json!(0), json!(-1), (900_000, 5_000)),
        ] {
            let answer = json!({"device_code": "d", "user_code": "AB", "verification_uri": "https://a.test/",
                "expires_in": expires_in, "interval": interval});
            let code = read_device_code(&answer).ok().unwrap();
            assert_eq!((code.lifetime.as_millis(), code.interval.as_millis()), expected, "{answer}");
        }
    }
}
