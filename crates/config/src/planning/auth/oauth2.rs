//! `oauth2`: the client, what a token is given for, and how a person is asked.

use spile_expression::Template;
use spile_plan::{
    AuthPlan, AuthorizationPlan, ClientPlan, ClientProof, ConsentPlan, GrantPlan, NamedTemplate, OAuth2Plan,
};
use url::Url;

use super::{at, is_this_machine};
use crate::diagnostic::{Code, Diagnostic};
use crate::planning::{Names, Planner};
use crate::spec::{AuthorizationSpec, ClientAuthSpec, Named, OAuth2Spec, OneOrMany, Text};

/// Where a browser comes back to: a port of this machine that is free (RFC 8252, 7.3).
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// It stands in the browser's history and on the screen.
const ASKED_IN_A_BROWSER: &str = "what a browser is asked is shown";

/// What the token request says of itself, and what stands under a key of its own.
const TAKEN: [(&str, &str); 9] = [
    ("grant_type", "it follows from the kind of authentication"),
    ("client_id", "it has a key of its own, `client_id`"),
    ("client_secret", "it has a key of its own, `client_secret`"),
    ("refresh_token", "it has a key of its own, `refresh_token`"),
    ("scope", "it has a key of its own, `scopes`"),
    ("audience", "it has a key of its own, `audience`"),
    ("assertion", "it is signed by what `assertion` says"),
    ("client_assertion", "it is signed by what `private_key` says"),
    ("client_assertion_type", "it follows from `private_key`"),
];

/// The same for what a person is asked.
const TAKEN_AT_LOGIN: [(&str, &str); 8] = [
    ("response_type", "a login always asks for a code"),
    ("client_id", "it stands under `oauth2`"),
    ("redirect_uri", "it has a key of its own, `redirect_uri`"),
    ("scope", "it stands under `oauth2`, as `scopes`"),
    ("audience", "it stands under `oauth2`"),
    ("state", "each login has its own"),
    ("code_challenge", "each login has its own"),
    ("code_challenge_method", "it is always `S256`"),
];

impl Planner<'_, '_, '_> {
    pub(super) fn oauth2(&mut self, spec: &OAuth2Spec) -> Option<AuthPlan> {
        let token_url = self.secret_address(&at(&["oauth2", "token_url"]), &spec.token_url);
        let id = self.template(&at(&["oauth2", "client_id"]), &spec.client_id.0, Names::Variables);
        let proof = self.client_proof(spec);
        let refresh_token = spec.refresh_token.as_ref();
        let refresh_token = refresh_token.map(|token| self.credential(&at(&["oauth2", "refresh_token"]), token));
        let scopes = self.scopes("oauth2", spec.scopes.as_ref());
        let mut parameters = self.token_parameters("oauth2", spec.parameters.as_ref());
        let audience = spec.audience.as_ref();
        let audience = audience.map(|Text(text)| self.template(&at(&["oauth2", "audience"]), text, Names::Variables));
        let audience = audience.map_or(Some(None), |value| value.map(Some))?;
        let audience = audience.map(|value| NamedTemplate { name: "audience".to_owned(), value });
        let login = spec.login.as_ref().map(|login| self.authorization(login, audience.as_ref()));
        parameters.as_mut()?.extend(audience);
        let lifetime = self.lifetime(&at(&["oauth2", "lifetime"]), spec.lifetime);
        let client = ClientPlan { id: id?, proof: proof? };
        let grant = if refresh_token.is_none() && login.is_none() {
            GrantPlan::ClientCredentials(client)
        } else {
            let refresh_token = refresh_token.map_or(Some(None), |token| token.map(Some))?;
            let login = login.map_or(Some(None), |login| login.map(Some))?;
            GrantPlan::Consent(Box::new(ConsentPlan { client, refresh_token, login }))
        };
        let (token_url, scopes, parameters) = (token_url?, scopes?, parameters?);
        Some(AuthPlan::from(OAuth2Plan { token_url, grant, scopes, parameters, lifetime }))
    }

    /// A secret or a key, and not both; who acts for a person may have neither.
    fn client_proof(&mut self, spec: &OAuth2Spec) -> Option<ClientProof> {
        let secret =
            spec.client_secret.as_ref().map(|secret| self.credential(&at(&["oauth2", "client_secret"]), secret));
        let key = spec.private_key.as_ref().map(|key| self.jwt(&["oauth2", "private_key"], key));
        let for_a_person = spec.refresh_token.is_some() || spec.login.is_some();
        match (secret, key, spec.client_auth) {
            (Some(secret), None, Some(ClientAuthSpec::Body)) => secret.map(ClientProof::Body),
            (Some(secret), None, _) => secret.map(ClientProof::Basic),
            (None, Some(key), None) => key.map(ClientProof::PrivateKey),
            (None, None, None) if for_a_person => Some(ClientProof::None),
            (None, None, _) => {
                let message = "`oauth2` does not say how the client proves who it is";
                let help = "add `client_secret: …`, or `private_key: { key: … }` if the client signs";
                self.report(&at(&["oauth2"]), Diagnostic::error(Code::MissingKey, message).with_help(help));
                None
            }
            (secret, Some(_), _) => {
                let other = if secret.is_some() { "client_secret" } else { "client_auth" };
                let message = format!("a client with a `private_key` has no use for `{other}`");
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("keep one of them");
                self.places.report_key(&at(&["oauth2", other]), diagnostic);
                None
            }
        }
    }

    fn authorization(
        &mut self,
        spec: &AuthorizationSpec,
        audience: Option<&NamedTemplate>,
    ) -> Option<AuthorizationPlan> {
        let below = |key| at(&["oauth2", "login", key]);
        let mut address = |key, text: Option<&String>| {
            text.map_or(Some(None), |text| self.secret_address(&below(key), text).map(Some))
        };
        let url = address("authorization_url", spec.authorization_url.as_ref());
        let device_url = address("device_url", spec.device_url.as_ref());
        if spec.authorization_url.is_none() && spec.device_url.is_none() {
            let message = "`login` does not say where a person is asked";
            let help =
                "add `authorization_url: …` for a browser, or `device_url: …` for a code that is entered elsewhere";
            let diagnostic = Diagnostic::error(Code::MissingKey, message).with_help(help);
            self.report(&at(&["oauth2", "login"]), diagnostic);
            return None;
        }
        if let Some(text) = &spec.authorization_url {
            self.is_shown(&below("authorization_url"), text, ASKED_IN_A_BROWSER);
        }
        let redirect_uri = self.redirect_uri(spec.redirect_uri.as_deref().unwrap_or(REDIRECT_URI));
        let issuer = spec.issuer.as_ref().map_or(Some(None), |text| self.rendered(&below("issuer"), text).map(Some));
        let place = at(&["oauth2", "login", "parameters"]);
        let mut parameters = self.parameters(&place, spec.parameters.as_ref(), &TAKEN_AT_LOGIN)?;
        for parameter in &parameters {
            self.is_shown(&[&place[..], &[&parameter.name]].concat(), parameter.value.source(), ASKED_IN_A_BROWSER);
        }
        parameters.extend(audience.cloned());
        let (url, device_url, redirect_uri, issuer) = (url?, device_url?, redirect_uri?, issuer?);
        Some(AuthorizationPlan { url, device_url, redirect_uri, issuer, parameters })
    }

    /// An address of this machine, where the answer is waited for; or one of a server, from which it is copied.
    fn redirect_uri(&mut self, text: &str) -> Option<String> {
        let path = at(&["oauth2", "login", "redirect_uri"]);
        let rendered = self.rendered(&path, text)?.trim().to_owned();
        let complaint = match Url::parse(&rendered) {
            Err(_) => Some(("is not a whole address", "write it like `http://localhost:8400/callback`")),
            Ok(url) if url.fragment().is_some() => {
                Some(("has a fragment (`#…`) in it", "remove it: servers allow none"))
            }
            Ok(url) => match url.scheme() {
                "https" if is_this_machine(&url) => {
                    Some(("wants TLS of this machine, which Spile has not", "begin it with `http://`"))
                }
                "http" if is_this_machine(&url) => None,
                "https" => None,
                _ => Some((
                    "would send the code openly",
                    "name this machine, as in `http://localhost:8400/callback`, or begin it with `https://`",
                )),
            },
        };
        let Some((problem, help)) = complaint else { return Some(rendered) };
        let message = format!("`redirect_uri` {problem}");
        self.report(&path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
        None
    }

    pub(super) fn scopes(&mut self, kind: &str, scopes: Option<&OneOrMany<Text>>) -> Option<Vec<Template>> {
        let many = matches!(scopes, Some(OneOrMany::Many(_)));
        let scopes = scopes.map_or(&[][..], OneOrMany::as_slice).iter().enumerate();
        let templates = scopes.map(|(index, Text(text))| {
            let index = index.to_string();
            let path = if many { at(&[kind, "scopes", &index]) } else { at(&[kind, "scopes"]) };
            self.template(&path, text, Names::Variables)
        });
        templates.collect::<Vec<_>>().into_iter().collect()
    }

    pub(super) fn token_parameters(
        &mut self,
        kind: &str,
        parameters: Option<&Named<OneOrMany<Text>>>,
    ) -> Option<Vec<NamedTemplate>> {
        self.parameters(&at(&[kind, "parameters"]), parameters, &TAKEN)
    }

    /// Parameters, without those that something else determines.
    fn parameters(
        &mut self,
        place: &[&str],
        parameters: Option<&Named<OneOrMany<Text>>>,
        taken: &[(&str, &str)],
    ) -> Option<Vec<NamedTemplate>> {
        let parameters = self.named(place, parameters, Names::Variables);
        for parameter in parameters.iter().flatten() {
            if let Some((name, why)) = taken.iter().find(|(name, _)| *name == parameter.name) {
                let message = format!("`{name}` cannot be one of the further parameters: {why}");
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("remove it here");
                self.places.report_key(&[place, &[name]].concat(), diagnostic);
            }
        }
        parameters
    }
}
