//! Logging in: what a person pastes, what the server hands out, and a server that tells all it was sent as it refuses.

use std::io::{Read as _, Write as _};

use serde_json::json;
use spile_testkit::fake_api::{FakeApi, Response, get, post};

use super::search::{DRESSES, assert_clean, assert_folder_is_clean, canary, core, echo, found, refuses_first};
use super::{call, command, place};
use crate::logins::waiting;
use crate::place::{Called, Place};

fn tokens() -> Response {
    Response::json(json!({
        "access_token": canary("AccessToken"), "refresh_token": canary("RefreshToken"), "token_type": "Bearer",
        "id_token": canary("IdToken"), "expires_in": 3600,
    }))
}

/// An API whose one stream ends with a refusal that tells all it was sent, unless it is asked for `good`.
fn api() -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/good"), |_| Response::json(json!([{"id": 1}])));
    api.route(get("/refused"), |request| Response::text(echo(request)).with_status(403));
    api
}

fn logging_in(api: &FakeApi, login: &str) -> Place {
    let url = api.url();
    place(&format!(
        "name: shop\nvariables:\n  secret: {{ secret: true, env: CANARY_CLIENTSECRET }}\nsource:\n  base_url: {url}\n  \
         retries: {{ attempts: 1 }}\n  auth:\n    oauth2:\n      token_url: {url}/token\n      client_id: spile\n      \
         client_secret: '{{{{ secret }}}}'\n      login: {{ {login} }}\nstreams:\n  good: {{ path: /good }}\n  refused: {{ \
         path: /refused }}\ndestination: duckdb:shop.duckdb\n"
    ))
}

/// One run after the login, and the search of everything that is there now.
fn run_and_search(place: &Place, api: &FakeApi, told: &str) {
    let run = call(place, &["run", "pipeline.yaml", "-vv"]);
    assert_eq!(run.code, 1, "one stream of two is refused: {}", run.stderr);
    let asked = api.requests();
    assert!(asked.iter().any(|request| request.path == "/good"), "{}", run.stderr);
    assert_eq!(found(&format!("{asked:?}")).map(|(name, ..)| name), Some("ClientSecret"));
    let told_it = asked.iter().any(|request| String::from_utf8_lossy(&request.body).contains(&core(told)));
    assert!(told_it, "the server was never told {told}");
    assert!(assert_folder_is_clean(&place.path("")) >= 4, "the pipeline, the store, its key, the database");
}

/// `spile login`, and the person who pastes the address at which the browser ended.
fn log_in_by_code(place: &Place) -> Called {
    let (mut login, mut stderr, mut said) = waiting(command(place, &["login", "pipeline.yaml", "--no-browser", "-vv"]));
    let address = said.trim().lines().next_back().unwrap();
    let state = address.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let code: String = canary("AuthorizationCode").bytes().map(|byte| format!("%{byte:02X}")).collect();
    let pasted = format!("http://127.0.0.1/?code={code}&state=wrong\nhttp://127.0.0.1/?code={code}&state={state}\n");
    login.stdin.take().unwrap().write_all(pasted.as_bytes()).unwrap();
    let mut output = login.wait_with_output().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    output.stderr = said.into_bytes();
    let called = Called::from(&output);
    assert_clean("a login", format!("{}{}", called.stdout, called.stderr).as_bytes());
    called
}

#[test]
fn a_login_shows_neither_its_code_nor_what_it_brings_however_the_server_refuses_it() {
    let api = api();
    api.route(post("/token"), refuses_first(400, tokens));
    let place = logging_in(&api, &format!("authorization_url: {}/auth", api.url()));
    for _ in 0..DRESSES {
        let refused = log_in_by_code(&place);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(refused.stderr.contains("400"), "{}", refused.stderr);
    }
    log_in_by_code(&place).succeeded();
    run_and_search(&place, &api, "AuthorizationCode");
}

#[test]
fn a_login_on_another_device_shows_neither_its_code_nor_what_it_brings_however_the_server_refuses_it() {
    let api = api();
    let code = || {
        Response::json(json!({
            "device_code": canary("DeviceCode"), "user_code": "ABCD", "verification_uri": "http://127.0.0.1/enter",
            "expires_in": 600, "interval": 1,
        }))
    };
    api.route(post("/device"), refuses_first(400, code));
    api.route(post("/token"), refuses_first(400, tokens));
    let place = logging_in(&api, &format!("authorization_url: {0}/auth, device_url: {0}/device", api.url()));
    let login = || call(&place, &["login", "pipeline.yaml", "--device", "-vv"]);
    for _ in 0..2 * DRESSES {
        let refused = login();
        assert_eq!(refused.code, 1, "{}", refused.stderr);
    }
    login().succeeded();
    run_and_search(&place, &api, "DeviceCode");
}
