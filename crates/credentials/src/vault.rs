//! Secrets in HashiCorp Vault (and OpenBao, which speaks the same), by the HTTP API of its KV engines, versions 1 and 2.
//!
//! Enters: which server and how to log in ([`VaultPlan`]; where that is silent, the environment variables that Vault's own
//! program knows), the path of a secret as the HTTP API has it, one of its fields. Leaves: the field's text. A secret is
//! asked for once, a login is made once. Sources: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>,
//! <https://developer.hashicorp.com/vault/api-docs/auth/approle>,
//! <https://developer.hashicorp.com/vault/docs/commands#environment-variables>.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use spile_http::{
    Body, CredentialServer, HeaderMap, HeaderValue, Method, Request, Said, StatusCode, Url, secret_header,
};
use spile_model::{Clock, Failure, FailureKind, Secret};
use spile_plan::{Found, PemPlan, TlsPlan, VaultAuth, VaultField, VaultPlan};

use crate::environment::Environment;
use crate::file;

/// Where Vault is.
const ADDRESS: &str = "VAULT_ADDR";
/// Whose it is, where one server serves many.
const NAMESPACE: &str = "VAULT_NAMESPACE";
/// The token of who has logged in.
const TOKEN: &str = "VAULT_TOKEN";
/// A file with the certificates of the authorities that Vault's certificate comes from.
const AUTHORITIES: &str = "VAULT_CACERT";
/// Where Vault's own program keeps the token of a login, in the user's folder.
const TOKEN_FILE: &str = ".vault-token";

/// One server, and what it has said so far.
pub(crate) struct Vault {
    server: CredentialServer,
    namespace: Option<String>,
    login: Login,
    token: Option<Secret>,
    /// The fields of the secrets that were asked for, by path and version.
    known: HashMap<(String, Option<u64>), Option<Value>>,
}

/// How the token is had.
enum Login {
    Token { token: Secret, from: String },
    AppRole { mount: String, role_id: Secret, secret_id: Option<Secret> },
}

impl Vault {
    /// # Errors
    /// Nothing says where Vault is or how to log in, or it cannot be asked there.
    pub(crate) fn new(plan: &VaultPlan, environment: &Environment, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let Some(address) = plan.address.clone().or_else(|| environment.get(ADDRESS)) else {
            return Err(failure(format!("nothing says where Vault is: neither `vault.address` nor {ADDRESS} is set")));
        };
        let authorities = environment.get(AUTHORITIES).map(|path| PemPlan::File(PathBuf::from(path)));
        let tls = TlsPlan { authorities, ..TlsPlan::default() };
        let seed = clock.now().as_nanosecond().unsigned_abs();
        let server =
            CredentialServer::new(&address, tls, clock, u64::try_from(seed % u128::from(u64::MAX)).unwrap_or(0))
                .map_err(|failure| Failure { message: format!("Vault: {}", failure.message), ..failure })?;
        let namespace = plan.namespace.clone().or_else(|| environment.get(NAMESPACE));
        let login = login(&plan.auth, environment)?;
        Ok(Self { server, namespace, login, token: None, known: HashMap::new() })
    }

    /// The field of a secret; none where there is no such secret.
    ///
    /// # Errors
    /// Vault refuses, the secret was deleted, or it has no such field.
    pub(crate) async fn look(&mut self, field: &VaultField) -> Result<Found, Failure> {
        let key = (field.path.clone(), field.version);
        if !self.known.contains_key(&key) {
            let fields = self.secret(field).await?;
            self.known.insert(key.clone(), fields);
        }
        let Some(Some(fields)) = self.known.get(&key) else { return Ok(Found::default()) };
        let Some(value) = fields.get(&field.field) else {
            let known: Vec<_> = fields
                .as_object()
                .into_iter()
                .flat_map(|fields| fields.keys())
                .map(|name| format!("`{name}`"))
                .collect();
            return Err(failure(format!(
                "the secret {} of Vault has no field `{}`; it has {}",
                field.path,
                field.field,
                known.join(", ")
            )));
        };
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        Ok(Found { secret: (!text.is_empty()).then(|| Secret::new(text)), warning: None })
    }

    async fn secret(&mut self, field: &VaultField) -> Result<Option<Value>, Failure> {
        let mut url = self.url(&field.path);
        if let Some(version) = field.version {
            url.query_pairs_mut().append_pair("version", &version.to_string());
        }
        let mut request = Request { headers: self.headers(true).await?, ..Request::get(url) };
        request.method = Method::GET;
        let said = self.ask(&request).await?;
        match said.status {
            StatusCode::OK => fields(&said.body, &field.path).map(Some),
            StatusCode::NOT_FOUND => missing(&said.body, field).map(|()| None),
            StatusCode::FORBIDDEN => {
                let from = match &self.login {
                    Login::Token { from, .. } => format!("the token from {from}"),
                    Login::AppRole { .. } => "the token of its AppRole".to_owned(),
                };
                Err(failure(format!("Vault does not let {from} read {}: it {}", field.path, said.words)))
            }
            _ => Err(failure(format!("Vault does not give {}: it {}", field.path, said.words))),
        }
    }

    /// What every request has; with the token where it is for one who has logged in.
    async fn headers(&mut self, logged_in: bool) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        // Without it, agents and proxies of Vault that defend against forged requests refuse.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            let text = HeaderValue::from_str(namespace)
                .map_err(|_| failure("the namespace of Vault cannot be sent".to_owned()))?;
            headers.insert("x-vault-namespace", text);
        }
        if logged_in {
            secret_header(&mut headers, "x-vault-token", &self.token().await?)?;
        }
        Ok(headers)
    }

    async fn token(&mut self) -> Result<Secret, Failure> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let token = match &self.login {
            Login::Token { token, .. } => token.clone(),
            Login::AppRole { mount, role_id, secret_id } => {
                let mut body = json!({ "role_id": role_id.expose() });
                if let Some(secret_id) = secret_id {
                    body["secret_id"] = secret_id.expose().into();
                }
                self.server.hide([Some(role_id.clone()), secret_id.clone()].into_iter().flatten().collect());
                let url = self.url(&format!("auth/{mount}/login"));
                let bytes = body.to_string().into_bytes().into();
                let body = Some(Body { content_type: "application/json", bytes });
                let headers = Box::pin(self.headers(false)).await?;
                let said = self.ask(&Request { method: Method::POST, headers, body, ..Request::get(url) }).await?;
                let token = said.body.pointer("/auth/client_token").and_then(Value::as_str);
                match token.filter(|token| said.status.is_success() && !token.is_empty()) {
                    Some(token) => Secret::new(token),
                    None => return Err(failure(format!("Vault gives its AppRole no token: it {}", said.words))),
                }
            }
        };
        self.server.hide(vec![token.clone()]);
        self.token = Some(token.clone());
        Ok(token)
    }

    async fn ask(&self, request: &Request) -> Result<Said, Failure> {
        let said = self.server.ask(request).await;
        said.map_err(|failure| Failure { message: format!("Vault: {}", failure.message), ..failure })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.server.home().clone();
        url.set_query(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        url
    }
}

fn login(auth: &VaultAuth, environment: &Environment) -> Result<Login, Failure> {
    match auth {
        VaultAuth::Token(token) => Ok(Login::Token { token: token.clone(), from: "`vault.auth.token`".to_owned() }),
        VaultAuth::AppRole { mount, role_id, secret_id } => {
            Ok(Login::AppRole { mount: mount.clone(), role_id: role_id.clone(), secret_id: secret_id.clone() })
        }
        VaultAuth::Environment => {
            if let Some(token) = environment.get(TOKEN) {
                return Ok(Login::Token { token: Secret::new(token), from: TOKEN.to_owned() });
            }
            let kept = environment.home().map(|home| home.join(TOKEN_FILE));
            let found = kept.as_ref().map(|path| file::look(path)).transpose()?.and_then(|found| found.secret);
            match (found, kept) {
                (Some(token), Some(path)) => Ok(Login::Token { token, from: path.display().to_string() }),
                _ => Err(failure(format!(
                    "nothing says how to log in to Vault: there is no `vault.auth`, {TOKEN} is not set, and `vault login` has \
                     left no ~/{TOKEN_FILE}"
                ))),
            }
        }
    }
}

/// The fields of a secret. Version 2 of the engine puts them one level deeper, beside what it knows of the version.
fn fields(body: &Value, path: &str) -> Result<Value, Failure> {
    let data = body.get("data").filter(|data| data.is_object());
    let data = data.ok_or_else(|| failure(format!("what Vault answers for {path} is no secret")))?;
    let versioned = path.split('/').any(|part| part == "data") && data.get("metadata").is_some_and(Value::is_object);
    match data.get("data").filter(|inner| versioned && inner.is_object()) {
        Some(inner) => Ok(inner.clone()),
        None => Ok(data.clone()),
    }
}

/// Vault answers 404 also for a version that was deleted, and for a path that lacks its `data`.
fn missing(body: &Value, field: &VaultField) -> Result<(), Failure> {
    let path = &field.path;
    if let Some(metadata) = body.pointer("/data/metadata") {
        let version =
            metadata.get("version").map_or_else(|| "the version".to_owned(), |number| format!("version {number}"));
        return Err(failure(format!("{version} of the secret {path} was deleted in Vault")));
    }
    let warnings = body.get("warnings").and_then(Value::as_array).into_iter().flatten();
    let mut texts = warnings.filter_map(Value::as_str);
    if texts.any(|text| text.contains("versioned")) {
        let (mount, rest) = path.split_once('/').unwrap_or((path, ""));
        return Err(failure(format!(
            "{path} is in a versioned engine of Vault: write its path as `{mount}/data/{rest}`"
        )));
    }
    Ok(())
}

fn failure(message: String) -> Failure {
    Failure::new(FailureKind::Credential, message)
}
