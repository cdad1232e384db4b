//! Credentials from Vault, whose server tells all it was sent as it refuses.

use std::process::Stdio;

use serde_json::json;
use spile_testkit::fake_api::{FakeApi, Response, get, post};

use super::search::{DRESSES, assert_folder_is_clean, canary, core, echo, refuses_first, searched};
use super::{command, place};

#[test]
fn what_is_in_vault_and_what_opens_it_is_shown_nowhere_however_it_refuses() {
    let api = FakeApi::start_blocking();
    let token = || Response::json(json!({"auth": {"client_token": canary("VaultToken"), "lease_duration": 1200}}));
    api.route(post("/v1/auth/approle/login"), refuses_first(400, token));
    let secret =
        || Response::json(json!({"data": {"data": {"token": canary("FromVault")}, "metadata": {"version": 1}}}));
    api.route(get("/v1/secret/data/shop"), refuses_first(403, secret));
    api.route(get("/good"), |_| Response::json(json!([{"id": 1}])));
    api.route(get("/refused"), |request| Response::text(echo(request)).with_status(403));
    let place = place(&format!(
        "name: shop\nvault: {{ address: {0}, auth: {{ approle: {{ role_id: me, secret_id: '{{{{ id }}}}' }} }} }}\n\
         variables:\n  id: {{ secret: true, env: VAULT_SECRET_ID }}\n  \
         token: {{ vault: {{ path: secret/data/shop, field: token }} }}\n\
         source: {{ base_url: '{0}', auth: {{ bearer: '{{{{ token }}}}' }}, retries: {{ attempts: 1 }} }}\n\
         streams:\n  good: {{ path: /good }}\n  refused: {{ path: /refused }}\ndestination: duckdb:shop.duckdb\n",
        api.url()
    ));
    let run = || {
        let mut run = command(&place, &["run", "pipeline.yaml", "-vv"]);
        run.env("VAULT_SECRET_ID", canary("VaultSecretId")).stdin(Stdio::null());
        searched(run.spawn().unwrap(), "run")
    };
    for _ in 0..2 * DRESSES {
        let refused = run();
        assert_eq!(refused.code, 2, "{}", refused.stderr);
    }
    let last = run();
    assert_eq!(last.code, 1, "one stream of two is refused: {}", last.stderr);
    assert_eq!(place.query("shop.duckdb", "select id from good"), ["1"]);
    let asked = format!("{:?}", api.requests());
    assert!(["VaultSecretId", "VaultToken", "FromVault"].iter().all(|name| asked.contains(&core(name))), "{asked}");
    assert!(assert_folder_is_clean(&place.path("")) >= 2, "the pipeline and the database");
}
