//! `spile secret`, and pipelines whose credentials are in files and in the secret store.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use spile_testkit::fake_api::{FakeApi, Response, get, post};

use crate::place::{Called, Place};

const THINGS: &str = "  things: { path: /things, records: $.data, primary_key: id, write: merge }";
/// What nothing may show.
const VALUES: [&str; 2] = ["hunter2-hunter2", "file-t0ken"];

/// The program in this place, with a user's folder of its own.
fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.env("HOME", place.path("home")).env_remove("XDG_CONFIG_HOME");
    command
}

fn call(place: &Place, arguments: &[&str]) -> Called {
    shown(place, &Called::from(&command(place, arguments).stdin(Stdio::null()).output().unwrap()))
}

fn call_with(place: &Place, arguments: &[&str], stdin: &str) -> Called {
    let mut command = command(place, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    shown(place, &Called::from(&child.wait_with_output().unwrap()))
}

/// What was shown, without the place's own name. Nothing that is shown holds a value.
fn shown(place: &Place, called: &Called) -> Called {
    let folder = place.path("").display().to_string();
    let clean = |text: &str| text.replace(&folder, "PLACE/");
    for value in VALUES {
        assert!(!called.stdout.contains(value) && !called.stderr.contains(value), "{}{}", called.stdout, called.stderr);
    }
    Called { stdout: clean(&called.stdout), stderr: clean(&called.stderr), code: called.code }
}

fn place() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("home")).unwrap();
    place
}

#[test]
fn a_secret_is_stored_listed_replaced_and_removed() {
    let place = place();
    let first = call_with(&place, &["secret", "set", "github_token"], "hunter2-hunter2\n").succeeded();
    insta::assert_snapshot!(format!("{}{}", first.stderr, first.stdout));
    let again = call_with(&place, &["secret", "set", "github_token"], "hunter2-hunter2").succeeded();
    assert_eq!(again.stdout, "replaced `github_token` in the file spile.secrets.age\n");
    let listed = call(&place, &["secret", "list"]).succeeded().stdout;
    assert!(listed.starts_with("the file spile.secrets.age: 1 secret\n"), "{listed}");
    assert!(listed.contains("github_token") && listed.contains("20"), "{listed}");
    let removed = call(&place, &["secret", "rm", "github_token"]).succeeded().stdout;
    assert_eq!(removed, "removed `github_token` from the file spile.secrets.age\n");
    let gone = call(&place, &["secret", "rm", "github_token"]);
    assert_eq!(gone.code, 1);
    insta::assert_snapshot!(gone.stderr);
}

#[test]
fn what_cannot_be_stored_is_refused_and_leaves_nothing_behind() {
    let place = place();
    for (arguments, stdin, said) in [
        (&["secret", "set", "a/b"][..], "hunter2-hunter2", "cannot be the name of a secret"),
        (&["secret", "set", "a"], "\n", "is empty; nothing was stored"),
        (&["secret", "set", "a", "--in", "duckdb:x"], "x", "names no secret store"),
        (&["secret", "set", "a", "missing.yaml"], "x", "cannot be read"),
    ] {
        let refused = call_with(&place, arguments, stdin);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 1, "only the user's folder");
    assert_eq!(fs::read_dir(place.path("home")).unwrap().count(), 0);
}

#[test]
fn the_help_of_secret_says_that_values_are_no_arguments() {
    let place = place();
    insta::assert_snapshot!(call(&place, &["secret", "--help"]).succeeded().stdout);
    insta::assert_snapshot!(call(&place, &["secret", "set", "--help"]).succeeded().stdout);
}

fn api() -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/things").header("Authorization", "Bearer hunter2-hunter2").header("X-Key", "file-t0ken"), |_| {
        Response::json_text(r#"{"data": [{"id": 1}]}"#)
    });
    api
}

fn with_pipeline(place: &Place, api: &FakeApi) {
    let text = format!(
        "name: test\nsecrets: age:team.secrets.age\nvariables:\n  token: {{ store: github_token }}\n  key: {{ file: key.txt }}\n\
         source:\n  base_url: {}\n  auth: {{ bearer: \"{{{{ token }}}}\" }}\n  headers: {{ X-Key: \"{{{{ key }}}}\" }}\n\
         streams:\n{THINGS}\ndestination: duckdb:test.duckdb\n",
        api.url()
    );
    fs::write(place.path("pipeline.yaml"), text).unwrap();
}

#[test]
fn a_run_has_its_credentials_from_the_secret_store_and_from_a_file() {
    let (place, api) = (place(), api());
    with_pipeline(&place, &api);
    let missing = call(&place, &["run", "pipeline.yaml"]);
    assert_eq!(missing.code, 2);
    insta::assert_snapshot!(missing.stderr);

    call_with(&place, &["secret", "set", "github_token", "pipeline.yaml"], "hunter2-hunter2\n").succeeded();
    assert!(place.path("team.secrets.age").exists());
    fs::write(place.path("key.txt"), "file-t0ken\n").unwrap();
    fs::set_permissions(place.path("key.txt"), Permissions::from_mode(0o600)).unwrap();
    call(&place, &["run", "pipeline.yaml", "-vv"]).succeeded();
    assert_eq!(place.query("test.duckdb", "select id from things"), ["1"]);
}

#[test]
fn a_credential_that_others_can_read_is_warned_about_and_used() {
    let (place, api) = (place(), api());
    with_pipeline(&place, &api);
    call_with(&place, &["secret", "set", "github_token", "pipeline.yaml"], "hunter2-hunter2\n").succeeded();
    fs::write(place.path("key.txt"), "file-t0ken\n").unwrap();
    fs::set_permissions(place.path("key.txt"), Permissions::from_mode(0o644)).unwrap();
    insta::assert_snapshot!(call(&place, &["check", "pipeline.yaml"]).succeeded().stderr);
    let quiet = call(&place, &["run", "--quiet", "pipeline.yaml"]).succeeded();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn another_users_key_opens_nothing_and_says_so() {
    let (place, api) = (place(), api());
    with_pipeline(&place, &api);
    call_with(&place, &["secret", "set", "github_token", "pipeline.yaml"], "hunter2-hunter2\n").succeeded();
    fs::remove_dir_all(place.path("home")).unwrap();
    let refused = call(&place, &["secret", "list", "pipeline.yaml"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(refused.stderr);
}

#[test]
fn a_run_has_its_credentials_from_vault_to_which_it_logs_in_with_what_the_secret_store_holds() {
    let (place, api) = (place(), FakeApi::start_blocking());
    let login = serde_json::json!({ "role_id": "role", "secret_id": "hunter2-hunter2" });
    let token = serde_json::json!({ "auth": { "client_token": "hvs.token", "lease_duration": 1200 } });
    api.expect(post("/v1/auth/approle/login").json_body(login)).times(1).respond(Response::json(token));
    let secret = serde_json::json!({ "data": { "data": { "token": "file-t0ken" }, "metadata": { "version": 1 } } });
    api.expect(get("/v1/secret/data/shop").header("X-Vault-Token", "hvs.token"))
        .times(1)
        .respond(Response::json(secret));
    api.route(get("/things").header("Authorization", "Bearer file-t0ken"), |_| {
        Response::json_text(r#"{"data": [{"id": 1}]}"#)
    });
    let text = format!(
        "name: test\nvault: {{ auth: {{ approle: {{ role_id: role, secret_id: \"{{{{ id }}}}\" }} }} }}\nvariables:\n  \
         id: {{ store: vault_id }}\n  token: {{ vault: {{ path: secret/data/shop, field: token }} }}\n\
         source:\n  base_url: {}\n  auth: {{ bearer: \"{{{{ token }}}}\" }}\nstreams:\n{THINGS}\n\
         destination: duckdb:test.duckdb\n",
        api.url()
    );
    fs::write(place.path("pipeline.yaml"), text).unwrap();
    call_with(&place, &["secret", "set", "vault_id", "pipeline.yaml"], "hunter2-hunter2\n").succeeded();
    let mut command = command(&place, &["run", "pipeline.yaml", "-vv"]);
    let called = command.env("VAULT_ADDR", api.url()).env_remove("VAULT_TOKEN").stdin(Stdio::null()).output().unwrap();
    let called = shown(&place, &Called::from(&called)).succeeded();
    assert!(!called.stderr.contains("hvs.token"), "{}", called.stderr);
    assert_eq!(place.query("test.duckdb", "select id from things"), ["1"]);
    api.finish();
}
