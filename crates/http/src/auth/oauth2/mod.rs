//! OAuth 2.0: a token that an authorization server gives for the client's own credentials (RFC 6749, 4.4), for a signed
//! assertion (RFC 7523), or for what a person has allowed (RFC 6749, 6), sent as a bearer token (RFC 6750).

mod authorization;
mod client;
mod consent;
mod google;
mod kept;
mod login;
mod server;

use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use reqwest::Url;
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret, SecretStore};
use spile_plan::{AuthorizationPlan, ConsentPlan, GrantPlan, OAuth2Plan, PipelinePlan};

use self::authorization::Authorization;
pub use self::authorization::{Asked, DeviceCode};
use self::client::Client;
use self::consent::Consent;
use self::kept::Kept;
pub use self::login::Login;
use self::server::{TokenRequest, TokenServer};
use super::endpoint::{Asking, Endpoint};
use super::jwt::JwtMaker;
use super::token::{ByToken, Grant};
use crate::headers;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(crate) struct OAuth2 {
    way: Way,
}

/// What a token is given for.
enum Way {
    /// The client's own credentials.
    Client { server: TokenServer, client: Client },
    /// An assertion that is signed here.
    Assertion { server: TokenServer, assertions: Box<JwtMaker> },
    /// What a person has allowed.
    Consent(Box<Consent>),
}

impl OAuth2 {
    pub(super) fn prepare(
        oauth2: &OAuth2Plan,
        scope: &Scope,
        plan: &PipelinePlan,
        secrets: Arc<dyn SecretStore>,
    ) -> Result<Self, Failure> {
        let scopes = scopes(oauth2, scope)?;
        let way = match &oauth2.grant {
            GrantPlan::ClientCredentials(client) => Way::Client {
                server: server(oauth2, &scopes, scope, plan)?,
                client: Client::prepare(client, &oauth2.token_url, scope)?,
            },
            GrantPlan::JwtBearer(jwt) => Way::Assertion {
                server: server(oauth2, &scopes, scope, plan)?,
                assertions: {
                    let own = [("aud", oauth2.token_url.clone())];
                    Box::new(JwtMaker::prepare("jwt_bearer.assertion", jwt, own, scope)?)
                },
            },
            GrantPlan::GoogleServiceAccount { key, subject } => Way::Assertion {
                // Google wants them claimed.
                server: server(oauth2, "", scope, plan)?,
                assertions: Box::new(google::prepare(key, subject.as_ref(), &scopes, &oauth2.token_url, scope)?),
            },
            GrantPlan::Consent(consent) => {
                Way::Consent(Box::new(Consent::prepare(oauth2, consent, &scopes, scope, plan, secrets)?))
            }
        };
        Ok(Self { way })
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        match &self.way {
            Way::Client { client, .. } => client.secrets(),
            Way::Assertion { assertions, .. } => vec![assertions.secret()],
            Way::Consent(consent) => consent.secrets(),
        }
    }
}

impl ByToken for OAuth2 {
    async fn fetch(&self, asking: &Asking) -> Result<Grant, Failure> {
        let answer = match &self.way {
            Way::Consent(consent) => return consent.fetch(asking).await,
            Way::Client { server, client } => {
                server.ask("client_credentials", |request| client.sign(request, asking), asking).await?
            }
            Way::Assertion { server, assertions } => {
                let fill = |request: &mut TokenRequest| {
                    request.put("assertion", assertions.sign_for(asking)?.expose());
                    Ok(())
                };
                server.ask(JWT_BEARER, fill, asking).await?
            }
        };
        Ok(answer.grant)
    }

    fn carry(&self, token: &Secret, request: &mut reqwest::Request) -> Result<(), Failure> {
        let unusable = || Failure::new(FailureKind::TokenRefused, "the token holds a character that no header can");
        let header = headers::secret(&format!("Bearer {}", token.expose())).ok_or_else(unusable)?;
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(())
    }

    fn spends(&self) -> bool {
        matches!(self.way, Way::Consent(_))
    }
}

impl Consent {
    fn prepare(
        oauth2: &OAuth2Plan,
        consent: &ConsentPlan,
        scopes: &str,
        scope: &Scope,
        plan: &PipelinePlan,
        secrets: Arc<dyn SecretStore>,
    ) -> Result<Self, Failure> {
        let authorization = consent.login.as_ref();
        let authorization =
            authorization.map(|login| Authorization::prepare(login, scopes, scope, plan)).transpose()?;
        // Where a person is asked, they are told what for, and the server need not be told again what they have allowed.
        let repeated = if authorization.is_some() { "" } else { scopes };
        let client = Client::prepare(&consent.client, &oauth2.token_url, scope)?;
        let seed = consent.refresh_token.as_ref();
        let seed = seed.map(|seed| parameter("oauth2", "refresh_token", seed, scope)).transpose()?.flatten();
        let seed = seed.filter(|seed| !seed.is_empty()).map(Secret::new);
        let kept = Kept::new(secrets, &plan.name, &oauth2.token_url, client.id(), scopes.to_owned(), seed)?;
        let server = server(oauth2, repeated, scope, plan)?;
        Ok(Self { server, client, kept, authorization, handed_out: Mutex::default() })
    }
}

impl Authorization {
    fn prepare(login: &AuthorizationPlan, scopes: &str, scope: &Scope, plan: &PipelinePlan) -> Result<Self, Failure> {
        let refused = |_| {
            let message = "`auth.oauth2.login.authorization_url` is not a whole address";
            Failure::new(FailureKind::Configuration, message)
        };
        let device = login.device_url.as_ref();
        let device = device.map(|url| Endpoint::new("oauth2.login.device_url", url, &plan.source)).transpose()?;
        let mut parameters = Vec::new();
        for named in &login.parameters {
            let part = format!("login.parameters.{}", named.name);
            if let Some(value) = parameter("oauth2", &part, &named.value, scope)? {
                parameters.push((named.name.clone(), value));
            }
        }
        Ok(Self {
            url: login.url.as_ref().map(|url| Url::parse(url).map_err(refused)).transpose()?,
            device,
            redirect_uri: login.redirect_uri.clone(),
            issuer: login.issuer.clone(),
            scopes: scopes.to_owned(),
            parameters,
        })
    }
}

fn server(oauth2: &OAuth2Plan, scopes: &str, scope: &Scope, plan: &PipelinePlan) -> Result<TokenServer, Failure> {
    let kind = oauth2.grant.key();
    let endpoint = Endpoint::new(&format!("{kind}.token_url"), &oauth2.token_url, &plan.source)?;
    let mut parameters = Vec::new();
    if !scopes.is_empty() {
        parameters.push(("scope".to_owned(), scopes.to_owned()));
    }
    for named in &oauth2.parameters {
        let part = format!("parameters.{}", named.name);
        if let Some(value) = parameter(kind, &part, &named.value, scope)? {
            parameters.push((named.name.clone(), value));
        }
    }
    Ok(TokenServer::new(endpoint, parameters, oauth2.lifetime))
}

fn scopes(oauth2: &OAuth2Plan, scope: &Scope) -> Result<String, Failure> {
    let kind = oauth2.grant.key();
    let scopes: Result<Vec<_>, _> = oauth2.scopes.iter().map(|name| parameter(kind, "scopes", name, scope)).collect();
    Ok(scopes?.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// A parameter that renders to nothing is left out.
fn parameter(kind: &str, part: &str, template: &Template, scope: &Scope) -> Result<Option<String>, Failure> {
    template.render(scope).map_err(|_| {
        let message = format!("`auth.{kind}.{part}` does not render: a filter in it does not fit the variable's value");
        Failure::new(FailureKind::Configuration, message)
    })
}
