//! Tokens of an authorization server that people run: a certified OpenID provider, and an API that asks it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use spile_model::clock::SystemClock;
use spile_model::{FailureKind, Secret};
use spile_plan::{
    AuthPlan, ClientPlan, ClientProof, GrantPlan, JsonTemplate, JwtAlgorithm, JwtPlan, OAuth2Plan, PipelinePlan,
    Variable,
};
use spile_testkit::oidc_provider::OidcProvider;
use spile_testkit::plan::{named, template};

use crate::support::{Rig, plan};

/// Characters that form encoding and Basic credentials make something of; more than ASCII no secret may have
/// (RFC 6749, A.2).
const ODD_SECRET: &str = "a:b c+d%20e&f=g/\"~*";

/// The provider with the clients of its tests.
struct Provider(OidcProvider);

impl std::ops::Deref for Provider {
    type Target = OidcProvider;

    fn deref(&self) -> &OidcProvider {
        &self.0
    }
}

impl Provider {
    fn start(clients: &Value, lifetime: u64) -> Self {
        Self(OidcProvider::start(clients, lifetime))
    }

    fn rig(&self, client: &str, proof: ClientProof, scopes: &[&str]) -> Rig {
        let oauth2 = OAuth2Plan {
            token_url: format!("{}/token", self.issuer),
            grant: GrantPlan::ClientCredentials(ClientPlan { id: template(client), proof }),
            scopes: scopes.iter().map(|scope| template(scope)).collect(),
            parameters: Vec::new(),
            lifetime: None,
        };
        self.rig_of(oauth2, ODD_SECRET)
    }

    fn rig_of(&self, oauth2: OAuth2Plan, secret: &str) -> Rig {
        let mut plan: PipelinePlan = plan(&self.api);
        plan.variables.0.insert("secret".to_owned(), Variable::Secret(Secret::new(secret)));
        plan.source.auth = AuthPlan::from(oauth2);
        Rig::with_clock(&plan, 7, Arc::new(SystemClock))
    }

    async fn get(&self, rig: &Rig, path: &str) -> Value {
        let response = rig.get(&format!("{}{path}", self.api)).await.unwrap();
        serde_json::from_slice(&response.body).unwrap()
    }
}

fn client(id: &str, how: &str) -> Value {
    json!({"client_id": id, "client_secret": ODD_SECRET, "token_endpoint_auth_method": how})
}

fn secret() -> spile_expression::Template {
    template("{{ secret }}")
}

#[tokio::test]
async fn a_client_proves_who_it_is_in_every_way_and_gets_what_it_may_have() {
    let ways = json!([client("by header:", "client_secret_basic"), client("by-body", "client_secret_post")]);
    let provider = Provider::start(&ways, 600);
    for (id, proof) in [("by header:", ClientProof::Basic(secret())), ("by-body", ClientProof::Body(secret()))] {
        let got = provider.get(&provider.rig(id, proof.clone(), &["read", "write"]), "/items").await;
        assert_eq!(got, json!({"client": id, "scope": "read write"}));
        for (scope, wrong, expected) in [("admin", false, "invalid_scope"), ("read", true, "invalid_client")] {
            let proof = match &proof {
                _ if !wrong => proof.clone(),
                ClientProof::Basic(_) => ClientProof::Basic(template("{{ secret }}x")),
                _ => ClientProof::Body(template("{{ secret }}x")),
            };
            let rig = provider.rig(id, proof, &[scope]);
            let failure = rig.get(&format!("{}/items", provider.api)).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::TokenRefused, "{failure}");
            assert!(failure.message.contains(expected), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_a_short_lived_one_never_refused() {
    let provider = Provider::start(&json!([client("me", "client_secret_basic")]), 2);
    let rig = provider.rig("me", ClientProof::Basic(secret()), &["read"]);
    for _ in 0..30 {
        join_all((0..4).map(|_| provider.get(&rig, "/items"))).await;
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    let counts = provider.get(&rig, "/counts").await;
    assert_eq!(counts["refused"], 0);
    let short_lived = counts["issued"].as_u64().unwrap();
    assert!((3..=6).contains(&short_lived), "{counts}");

    let provider = Provider::start(&json!([client("me", "client_secret_basic")]), 600);
    let rig = provider.rig("me", ClientProof::Basic(secret()), &["read"]);
    provider.get(&rig, "/revoke").await;
    join_all((0..50).map(|_| provider.get(&rig, "/items"))).await;
    assert_eq!(provider.get(&rig, "/counts").await["issued"], 2);
}

fn jwt(algorithm: JwtAlgorithm, claims: &[(&str, &str)]) -> JwtPlan {
    let claims = claims.iter().map(|(name, value)| ((*name).to_owned(), JsonTemplate::Text(template(value))));
    JwtPlan {
        key: secret(),
        algorithm,
        key_id: Some(template("one")),
        claims: JsonTemplate::Object(claims.collect()),
        lifetime: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn what_is_signed_here_is_checked_there_in_every_family_and_form_of_key() {
    let ways = [
        ("rsa", "RS256", JwtAlgorithm::Rs256, "pkcs8"),
        ("older-rsa", "RS256", JwtAlgorithm::Rs256, "pkcs1"),
        ("pss", "PS256", JwtAlgorithm::Ps256, "pkcs8"),
        ("ecdsa", "ES256", JwtAlgorithm::Es256, "pkcs8"),
        ("ed25519", "EdDSA", JwtAlgorithm::EdDsa, "pkcs8"),
    ];
    let clients = ways.iter().map(|(id, signs, _, form)| json!({"client_id": id, "signs": signs, "form": form}));
    let provider = Provider::start(&clients.collect(), 600);
    for (id, _, algorithm, _) in ways {
        let key = provider.keys[id].as_str().unwrap();
        // As an environment variable may hold it.
        let key = if id == "rsa" { key.replace('\n', "\\n") } else { key.to_owned() };
        let of_client = OAuth2Plan {
            token_url: format!("{}/token", provider.issuer),
            grant: GrantPlan::ClientCredentials(ClientPlan {
                id: template(id),
                proof: ClientProof::PrivateKey(jwt(algorithm, &[])),
            }),
            scopes: vec![template("read")],
            parameters: Vec::new(),
            lifetime: None,
        };
        let claims = [("iss", id), ("aud", "the api"), ("scope", "write")];
        let of_assertion = OAuth2Plan {
            token_url: format!("{}/assertions", provider.api),
            grant: GrantPlan::JwtBearer(jwt(algorithm, &claims)),
            parameters: vec![named("issuer", id)],
            ..of_client.clone()
        };
        for (plan, scope) in [(of_client, "read"), (of_assertion, "write")] {
            let rig = provider.rig_of(plan, &key);
            assert_eq!(provider.get(&rig, "/items").await, json!({"client": id, "scope": scope}));
            // Assertions are taken once: a second one has to be another.
            provider.get(&rig, "/revoke").await;
            provider.get(&rig, "/items").await;
        }
    }
}

#[tokio::test]
async fn an_assertion_that_is_not_believed_is_a_refusal_that_says_why() {
    let clients = json!([{"client_id": "me", "signs": "RS256"}, {"client_id": "other", "signs": "RS256"}]);
    let provider = Provider::start(&clients, 600);
    let plan = OAuth2Plan {
        token_url: format!("{}/assertions", provider.api),
        grant: GrantPlan::JwtBearer(jwt(JwtAlgorithm::Rs256, &[("iss", "me"), ("aud", "the api")])),
        scopes: Vec::new(),
        parameters: vec![named("issuer", "me")],
        lifetime: None,
    };
    let rig = provider.rig_of(plan, provider.keys["other"].as_str().unwrap());
    let failure = rig.get(&format!("{}/items", provider.api)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TokenRefused);
    assert!(failure.message.ends_with("invalid_grant: signature verification failed"), "{failure}");
}

#[tokio::test]
async fn a_google_service_account_is_its_key_file() {
    let provider = Provider::start(&json!([{"client_id": "reader", "signs": "RS256"}]), 600);
    let token_url = format!("{}/google", provider.api);
    let file = json!({
        "type": "service_account", "client_email": "reader", "private_key_id": "one",
        "private_key": provider.keys["reader"], "token_uri": "https://elsewhere.test/token",
    });
    let plan = OAuth2Plan {
        token_url,
        grant: GrantPlan::GoogleServiceAccount { key: secret(), subject: Some(template("someone")) },
        scopes: vec![template("read"), template("write")],
        parameters: Vec::new(),
        lifetime: None,
    };
    let rig = provider.rig_of(plan, &file.to_string());
    assert_eq!(provider.get(&rig, "/items").await, json!({"client": "reader", "scope": "read write"}));
}
