//! HashiCorp Vault, as its HTTP API is documented: a fake, for there is no Vault in the registries that tests may use.

use std::fs;
use std::sync::Arc;

use serde_json::json;
use spile_credentials::Lookup;
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{CredentialSource, Found, VaultAuth, VaultField, VaultPlan};
use spile_testkit::fake_api::{FakeApi, Response, get, post};

use crate::support::{User, clock, shown};

const TOKEN: &str = "hvs.CAESIJ-canary-token";
const SECRET_ID: &str = "84896a0c-canary-secret-id";

/// What `vault kv get` reads of an engine of version 2.
fn versioned(fields: &serde_json::Value, version: u64) -> Response {
    Response::json(json!({
        "request_id": "61c5e6a6-4f0f-5a4e-9e8b-8f5f3f0f0b5a", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": {
            "data": fields,
            "metadata": {
                "created_time": "2026-01-02T03:04:05.678Z", "custom_metadata": null, "deletion_time": "",
                "destroyed": false, "version": version
            }
        },
        "wrap_info": null, "warnings": null, "auth": null, "mount_type": "kv"
    }))
}

fn refused(status: u16, errors: &[&str]) -> Response {
    Response::json(json!({ "errors": errors })).with_status(status)
}

/// A user who has a token of that server in the environment.
fn user(api: &FakeApi) -> User {
    User::new().with("VAULT_ADDR", &api.url()).with("VAULT_TOKEN", TOKEN)
}

fn source(server: &Arc<VaultPlan>, path: &str, field: &str) -> CredentialSource {
    let field = VaultField { path: path.to_owned(), field: field.to_owned(), version: None };
    CredentialSource::Vault { server: server.clone(), field }
}

fn look(user: &User, plan: VaultPlan, path: &str, field: &str) -> Result<Found, Failure> {
    let looked = Lookup::new(user.environment(), clock()).look(&source(&Arc::new(plan), path, field));
    if let Err(failure) = &looked {
        let shown = shown(failure);
        assert!(!shown.contains("canary"), "{shown}");
    }
    looked
}

fn value(found: Found) -> String {
    found.secret.unwrap().expose().to_owned()
}

#[test]
fn the_fields_of_a_versioned_secret_are_read_with_one_request() {
    let api = FakeApi::start_blocking();
    api.expect(get("/v1/secret/data/github").header("X-Vault-Token", TOKEN).header("X-Vault-Request", "true"))
        .times(1)
        .respond(versioned(&json!({ "token": "ghp_1", "port": 8200, "data": { "a": 1 }, "empty": "" }), 3));
    let user = user(&api);
    let (lookup, server) = (Lookup::new(user.environment(), clock()), Arc::new(VaultPlan::default()));
    let field = |name: &str| lookup.look(&source(&server, "secret/data/github", name));
    assert_eq!(value(field("token").unwrap()), "ghp_1");
    assert_eq!(value(field("port").unwrap()), "8200", "what is no text is taken as its JSON text");
    assert_eq!(value(field("data").unwrap()), r#"{"a":1}"#);
    assert!(field("empty").unwrap().secret.is_none());
    let failure = field("tokne").unwrap_err();
    assert!(failure.to_string().contains("has no field `tokne`; it has `token`, `port`, `data`, `empty`"), "{failure}");
    api.finish();
}

#[test]
fn a_chosen_version_is_asked_for() {
    let api = FakeApi::start_blocking();
    let matcher = get("/v1/secret/data/github").only_query(&[("version", "2")]);
    api.expect(matcher).times(1).respond(versioned(&json!({ "token": "old" }), 2));
    let field = VaultField { path: "secret/data/github".to_owned(), field: "token".to_owned(), version: Some(2) };
    let wanted = CredentialSource::Vault { server: Arc::default(), field };
    assert_eq!(value(Lookup::new(user(&api).environment(), clock()).look(&wanted).unwrap()), "old");
    api.finish();
}

#[test]
fn a_secret_of_the_first_version_of_the_engine_may_have_a_field_named_data() {
    let api = FakeApi::start_blocking();
    let answer = json!({ "lease_duration": 2_764_800, "data": { "token": "v1", "data": "text", "metadata": {} } });
    api.route(get("/v1/kv/team/github"), move |_| Response::json(&answer));
    let user = user(&api);
    assert_eq!(value(look(&user, VaultPlan::default(), "kv/team/github", "token").unwrap()), "v1");
    assert_eq!(value(look(&user, VaultPlan::default(), "kv/team/github", "data").unwrap()), "text");
}

#[test]
fn an_approle_logs_in_once_in_its_namespace() {
    let api = FakeApi::start_blocking();
    let login = json!({ "role_id": "59d6d1ca-canary", "secret_id": SECRET_ID });
    api.expect(post("/v1/auth/apps/approle/login").header("X-Vault-Namespace", "team-a").json_body(login))
        .times(1)
        .respond(Response::json(json!({
            "auth": { "client_token": TOKEN, "accessor": "fd6c9a00", "policies": ["default"], "lease_duration": 1200, "renewable": true }
        })));
    for path in ["/v1/secret/data/a", "/v1/secret/data/b"] {
        let matcher = get(path).header("X-Vault-Token", TOKEN).header("X-Vault-Namespace", "team-a");
        api.expect(matcher).times(1).respond(versioned(&json!({ "key": path }), 1));
    }
    let plan = Arc::new(VaultPlan {
        address: Some(format!("{}/", api.url())),
        namespace: Some("team-a".to_owned()),
        auth: VaultAuth::AppRole {
            mount: "apps/approle".to_owned(),
            role_id: Secret::new("59d6d1ca-canary"),
            secret_id: Some(Secret::new(SECRET_ID)),
        },
    });
    let lookup = Lookup::new(User::new().environment(), clock());
    for path in ["secret/data/a", "secret/data/b"] {
        assert_eq!(value(lookup.look(&source(&plan, path, "key")).unwrap()), format!("/v1/{path}"));
    }
    api.finish();
}

#[test]
fn what_vault_refuses_is_told_in_its_words_and_without_what_was_sent() {
    let api = FakeApi::start_blocking();
    api.route(get("/v1/secret/data/forbidden"), |_| {
        refused(403, &["1 error occurred:\n\t* permission denied for hvs.CAESIJ-canary-token"])
    });
    api.route(get("/v1/secret/data/deleted"), |_| {
        let metadata = json!({ "created_time": "2026-01-02T03:04:05Z", "deletion_time": "2026-02-02T03:04:05Z", "destroyed": false, "version": 4 });
        Response::json(json!({ "data": { "data": null, "metadata": metadata } })).with_status(404)
    });
    api.route(get("/v1/secret/github"), |_| {
        let warning = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use.";
        Response::json(json!({ "warnings": [warning], "data": null })).with_status(404)
    });
    api.route(get("/v1/secret/data/website"), |_| Response::html("<title>Sign in</title>"));
    api.route(get("/v1/secret/data/elsewhere"), |_| Response::redirect(307, "https://active.example/v1/x"));
    api.route(post("/v1/auth/approle/login"), |request| refused(400, &["invalid role or secret ID", &request.text()]));
    let user = user(&api);
    for (path, said) in [
        (
            "secret/data/forbidden",
            "Vault does not let the token from VAULT_TOKEN read secret/data/forbidden: it answered with 403 Forbidden: 1 error occurred: * permission denied for [redacted]",
        ),
        ("secret/data/deleted", "version 4 of the secret secret/data/deleted was deleted in Vault"),
        ("secret/github", "secret/github is in a versioned engine of Vault: write its path as `secret/data/github`"),
        ("secret/data/website", "what Vault answers for secret/data/website is no secret"),
        ("secret/data/elsewhere", "Vault does not give secret/data/elsewhere: it answered with 307 Temporary Redirect"),
    ] {
        let failure = look(&user, VaultPlan::default(), path, "token").unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Credential, said));
    }
    let auth = VaultAuth::AppRole {
        mount: "approle".to_owned(),
        role_id: Secret::new("59d6-canary"),
        secret_id: Some(Secret::new(SECRET_ID)),
    };
    let failure = look(&user, VaultPlan { auth, ..VaultPlan::default() }, "secret/data/x", "token").unwrap_err();
    assert!(
        failure.message.starts_with("Vault gives its AppRole no token: it answered with 400 Bad Request: invalid role"),
        "{failure}"
    );
}

#[test]
fn a_secret_that_is_not_there_is_none() {
    let api = FakeApi::start_blocking();
    api.route(get("/v1/secret/data/none"), |_| refused(404, &[]));
    assert!(look(&user(&api), VaultPlan::default(), "secret/data/none", "token").unwrap().secret.is_none());
}

#[test]
fn a_vault_that_is_sealed_for_a_moment_is_asked_again() {
    let api = FakeApi::start_blocking();
    api.expect(get("/v1/secret/data/github"))
        .respond_each([refused(503, &["Vault is sealed"]), versioned(&json!({ "token": "t" }), 1)]);
    assert_eq!(value(look(&user(&api), VaultPlan::default(), "secret/data/github", "token").unwrap()), "t");
    api.finish();
}

#[test]
fn the_token_of_a_login_by_hand_is_used() {
    let api = FakeApi::start_blocking();
    api.route(get("/v1/secret/data/github").header("X-Vault-Token", TOKEN), |_| versioned(&json!({ "token": "t" }), 1));
    let user = User::new().with("VAULT_ADDR", &api.url());
    let failure = look(&user, VaultPlan::default(), "secret/data/github", "token").unwrap_err();
    assert!(failure.message.starts_with("nothing says how to log in to Vault"), "{failure}");
    fs::write(user.home(".vault-token"), format!("{TOKEN}\n")).unwrap();
    assert_eq!(value(look(&user, VaultPlan::default(), "secret/data/github", "token").unwrap()), "t");
}

#[test]
fn vault_is_asked_only_where_the_way_is_private() {
    for (address, said) in [
        ("http://vault.example.com:8200", "Vault: its address must begin with https://: what is sent there is secret"),
        ("vault.example.com", "Vault: its address is not the URL of a host"),
        (
            "https://user:pw@vault.example.com",
            "Vault: its address cannot be used: the URL holds a user or password of its own",
        ),
    ] {
        let user = User::new().with("VAULT_ADDR", address).with("VAULT_TOKEN", TOKEN);
        let failure = look(&user, VaultPlan::default(), "secret/data/x", "token").unwrap_err();
        assert!(failure.message.starts_with(said), "{failure}");
    }
    let failure = look(&User::new(), VaultPlan::default(), "secret/data/x", "token").unwrap_err();
    assert_eq!(failure.message, "nothing says where Vault is: neither `vault.address` nor VAULT_ADDR is set");
}
