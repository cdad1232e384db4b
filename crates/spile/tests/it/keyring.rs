//! `spile secret` and pipelines whose secrets are in the system keyring: a real GNOME Keyring on a real bus.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use spile_testkit::desktop::Desktop;
use spile_testkit::fake_api::{FakeApi, Response, get, post};

use crate::canaries::search::{DRESSES, assert_clean, assert_folder_is_clean, canary, core, refuses_first};
use crate::place::{Called, Place};

const THINGS: &str = "  things: { path: /things, records: $.data, primary_key: id, write: merge }";
/// What nothing may show.
const VALUES: [&str; 3] = ["hunter2-hunter2", "first-refresh", "second-refresh"];

/// The program in this place, in that session.
fn command(place: &Place, desktop: &Desktop, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.envs(desktop.variables());
    command
}

fn call(place: &Place, desktop: &Desktop, arguments: &[&str]) -> Called {
    call_with(place, desktop, arguments, "")
}

fn call_with(place: &Place, desktop: &Desktop, arguments: &[&str], stdin: &str) -> Called {
    let mut command = command(place, desktop, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let called = Called::from(&child.wait_with_output().unwrap());
    for value in VALUES {
        assert!(!called.stdout.contains(value) && !called.stderr.contains(value), "{}{}", called.stdout, called.stderr);
    }
    let folder = desktop.path("").display().to_string();
    Called { stderr: called.stderr.replace(&folder, "SESSION/"), ..called }
}

fn with_pipeline(place: &Place, api: &FakeApi) {
    let text = format!(
        "name: test\nsecrets: keyring:shop\nvariables:\n  token: {{ store: api_token }}\n\
         source:\n  base_url: {}\n  auth: {{ bearer: \"{{{{ token }}}}\" }}\n\
         streams:\n{THINGS}\ndestination: duckdb:test.duckdb\n",
        api.url()
    );
    fs::write(place.path("pipeline.yaml"), text).unwrap();
}

fn api(token: &str) -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/things").header("Authorization", &format!("Bearer {token}")), |_| {
        Response::json_text(r#"{"data": [{"id": 1}]}"#)
    });
    api
}

#[test]
fn a_secret_is_stored_in_the_keyring_listed_used_replaced_and_removed() {
    let (place, desktop, api) = (Place::new(), Desktop::start(), api("hunter2-hunter2"));
    with_pipeline(&place, &api);
    let missing = call(&place, &desktop, &["run", "pipeline.yaml"]);
    assert_eq!(missing.code, 2);
    insta::assert_snapshot!(missing.stderr);

    let set = ["secret", "set", "api_token", "pipeline.yaml"];
    let first = call_with(&place, &desktop, &set, "hunter2-hunter2\n").succeeded();
    assert_eq!(first.stdout, "stored `api_token` in the system keyring (project shop)\n");
    let again = call_with(&place, &desktop, &set, "hunter2-hunter2\n").succeeded();
    assert_eq!(again.stdout, "replaced `api_token` in the system keyring (project shop)\n");
    let listed = call(&place, &desktop, &["secret", "list", "--in", "keyring:shop"]).succeeded().stdout;
    assert!(listed.starts_with("the system keyring (project shop): 1 secret\n"), "{listed}");
    assert!(listed.contains("api_token") && listed.contains("20"), "{listed}");
    let others = call(&place, &desktop, &["secret", "list", "--in", "keyring:other"]).succeeded().stdout;
    assert_eq!(others, "the system keyring (project other): 0 secrets\n");

    call(&place, &desktop, &["run", "pipeline.yaml", "-vv"]).succeeded();
    assert_eq!(place.query("test.duckdb", "select id from things"), ["1"]);
    let removed = call(&place, &desktop, &["secret", "rm", "api_token", "pipeline.yaml"]).succeeded().stdout;
    assert_eq!(removed, "removed `api_token` from the system keyring (project shop)\n");
    let gone = call(&place, &desktop, &["secret", "rm", "api_token", "pipeline.yaml"]);
    assert_eq!(gone.code, 1);
    assert!(!place.path("spile.secrets.age").exists() && !desktop.path("home/.config/spile").exists());
}

#[test]
fn without_a_session_or_with_a_locked_keyring_a_run_says_what_to_do_and_sends_nothing() {
    let (place, desktop, api) = (Place::new(), Desktop::start(), FakeApi::start_blocking());
    with_pipeline(&place, &api);
    call_with(&place, &desktop, &["secret", "set", "api_token", "pipeline.yaml"], "hunter2-hunter2").succeeded();
    desktop.lock();
    let locked = call(&place, &desktop, &["run", "pipeline.yaml"]);
    assert_eq!(locked.code, 2);
    insta::assert_snapshot!("locked", locked.stderr);
    let locked = call_with(&place, &desktop, &["secret", "set", "api_token", "pipeline.yaml"], "hunter2-hunter2");
    assert_eq!(locked.code, 1);
    insta::assert_snapshot!("locked_set", locked.stderr);

    let mut bare = command(&place, &desktop, &["run", "pipeline.yaml"]);
    let bare = bare.env_remove("DBUS_SESSION_BUS_ADDRESS").stdin(Stdio::null()).output().unwrap();
    assert_eq!(bare.status.code(), Some(2));
    let said = String::from_utf8(bare.stderr).unwrap().replace(&desktop.path("").display().to_string(), "SESSION/");
    insta::assert_snapshot!("no_session", said);
    api.finish();
}

#[test]
fn a_store_that_is_no_project_of_the_keyring_is_refused_with_what_would_be_one() {
    let (place, desktop) = (Place::new(), Desktop::without_keyring());
    for odd in ["keyring", "keyring:", "keyring:a/b", "keyring:../x"] {
        let refused = call(&place, &desktop, &["secret", "list", "--in", odd]);
        assert_eq!(refused.code, 2);
        assert!(refused.stderr.contains("names no secret store"), "{}", refused.stderr);
        assert!(refused.stderr.contains("`keyring:PROJECT`"), "{}", refused.stderr);
    }
}

#[test]
fn a_refresh_token_that_rotates_is_kept_in_the_keyring_for_the_next_run() {
    let (place, desktop, api) = (Place::new(), Desktop::start(), FakeApi::start_blocking());
    for (old, new, access) in [("first-refresh", "second-refresh", "one"), ("second-refresh", "third-refresh", "two")] {
        let answer = serde_json::json!({ "access_token": access, "token_type": "Bearer", "refresh_token": new });
        let exchange =
            post("/token").form(&[("grant_type", "refresh_token"), ("refresh_token", old), ("client_id", "spile")]);
        api.expect(exchange).times(1).respond(Response::json(answer));
    }
    // Each access token serves for one run.
    let newest = Arc::new(Mutex::new("one"));
    let valid = newest.clone();
    api.route(get("/things"), move |request| {
        let wanted = format!("Bearer {}", valid.lock().unwrap());
        match request.header("authorization") == Some(&wanted) {
            true => Response::json_text(r#"{"data": [{"id": 1}]}"#),
            false => Response::status(401),
        }
    });
    let text = format!(
        "name: test\nsecrets: keyring:shop\nvariables:\n  seed: {{ store: seed }}\nsource:\n  base_url: {url}\n  auth:\n    \
         oauth2: {{ token_url: \"{url}/token\", client_id: spile, refresh_token: \"{{{{ seed }}}}\" }}\n\
         streams:\n{THINGS}\ndestination: duckdb:test.duckdb\n",
        url = api.url()
    );
    fs::write(place.path("pipeline.yaml"), text).unwrap();
    call_with(&place, &desktop, &["secret", "set", "seed", "pipeline.yaml"], "first-refresh").succeeded();
    call(&place, &desktop, &["run", "pipeline.yaml"]).succeeded();
    desktop.kill_keyring();
    *newest.lock().unwrap() = "two";
    call(&place, &desktop, &["run", "pipeline.yaml"]).succeeded();
    api.finish();
    let listed = call(&place, &desktop, &["secret", "list", "pipeline.yaml"]).succeeded().stdout;
    assert!(listed.contains(": 2 secrets\n") && listed.contains("test.oauth2."), "{listed}");
}

#[test]
fn what_the_keyring_keeps_is_shown_nowhere_whatever_the_api_echoes() {
    let (place, desktop, api) = (Place::new(), Desktop::start(), FakeApi::start_blocking());
    let value = canary("FromKeyring");
    api.route(get("/things"), refuses_first(403, || Response::json(serde_json::json!({ "data": [{ "id": 1 }] }))));
    with_pipeline(&place, &api);
    let searched = |arguments: &[&str], stdin: &str| {
        let called = call_with(&place, &desktop, arguments, stdin);
        assert_clean(arguments[0], format!("{}{}", called.stdout, called.stderr).as_bytes());
        called
    };
    searched(&["secret", "set", "api_token", "pipeline.yaml", "-vv"], &value).succeeded();
    for _ in 0..DRESSES {
        assert_eq!(searched(&["run", "pipeline.yaml", "-vv"], "").code, 1);
    }
    searched(&["run", "pipeline.yaml", "-vv", "--json", "--record", "archive"], "").succeeded();
    searched(&["secret", "list", "pipeline.yaml", "-vv"], "").succeeded();
    assert!(
        api.requests().iter().all(|request| request.header("authorization").unwrap().contains(&core("FromKeyring")))
    );
    let files = assert_folder_is_clean(&place.path("")) + assert_folder_is_clean(&desktop.path("home"));
    assert!(files >= 5, "the pipeline, the database, two of the archive, the keyring: {files}");
}
