//! A person logs in, and runs go on from there: the program, a browser, a secret store on disk, and an authorization
//! server that takes every refresh token once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};
use spile_testkit::fake_api::{FakeApi, Response, get};
use spile_testkit::oidc_provider::OidcProvider;

use crate::place::{Called, Place};

/// Tokens that live so many seconds are never begun with, so that every run exchanges its refresh token.
const SHORT: u64 = 5;

fn provider() -> OidcProvider {
    let client = json!({
        "client_id": "spile", "token_endpoint_auth_method": "none", "application_type": "native",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
    });
    OidcProvider::start(&json!([client]), SHORT)
}

/// A pipeline that logs in at the provider and reads its API; `login` are further lines of that.
fn place(provider: &OidcProvider, login: &str) -> Place {
    let place = Place::new();
    let (issuer, api) = (&provider.issuer, &provider.api);
    let text = format!(
        "name: shop\nsource:\n  base_url: {api}\n  auth:\n    oauth2:\n      token_url: {issuer}/token\n      client_id: \
         spile\n      scopes: read\n      login:\n        authorization_url: {issuer}/auth\n        parameters: {{ prompt: \
         consent }}\n{login}streams:\n  items: {{ path: /items, write: append }}\ndestination: duckdb:shop.duckdb\n"
    );
    std::fs::write(place.path("shop.yaml"), text).unwrap();
    place
}

/// The program with a user's folder of its own.
fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.env("XDG_CONFIG_HOME", place.path("settings"));
    command
}

fn call(place: &Place, arguments: &[&str]) -> Called {
    Called::from(&command(place, arguments).output().unwrap())
}

/// A browser with a person at it: what it comes to is written to `browser.json`.
fn browser(place: &Place, provider: &OidcProvider, wishes: &str) -> std::path::PathBuf {
    let path = place.path("browser");
    let (to, seen) = (format!("{}/person?comes_back=&{wishes}", provider.api), place.path("browser.json"));
    let script = format!(
        "#!/bin/sh\nexec node -e 'const u = new URL(\"{to}\"); u.searchParams.set(\"url\", process.argv[1]); fetch(u).then((r) \
         => r.text()).then((t) => fs.writeFileSync(\"{}\", t))' \"$1\"\n",
        seen.display()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What the browser showed in the end. It writes that a moment after it was answered.
#[allow(clippy::disallowed_methods, reason = "another process is waited for, and no runtime is here")]
fn shown(place: &Place) -> Value {
    for _ in 0..1200 {
        let text = std::fs::read_to_string(place.path("browser.json")).unwrap_or_default();
        if let Ok(shown) = serde_json::from_str(&text) {
            return shown;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the browser saw nothing");
}

fn counts(provider: &OidcProvider) -> Value {
    ask(&format!("{}/counts", provider.api))
}

/// Asks the provider's API what needs no credential.
fn ask(url: &str) -> Value {
    let fetch = "fetch(process.argv[1]).then((r) => r.text()).then(console.log)";
    let output = Command::new("node").args(["-e", fetch, url]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_login_in_the_browser_serves_run_after_run() {
    let provider = provider();
    let place = place(&provider, "");
    let before = call(&place, &["run", "shop.yaml"]);
    assert_eq!(before.code, 1);
    assert!(before.stderr.contains("nobody has logged in for this pipeline"), "{}", before.stderr);
    assert!(before.stderr.contains("to do: run `spile login` with this pipeline file"), "{}", before.stderr);

    let browser = browser(&place, &provider, "");
    let login = command(&place, &["login", "shop.yaml"]).env("BROWSER", browser).output().unwrap();
    let login = Called::from(&login).succeeded();
    assert!(login.stdout.starts_with("shop: logged in; what was allowed is kept as `shop.oauth2."), "{}", login.stdout);
    assert!(login.stderr.contains("code_challenge_method=S256"), "the address is printed too: {}", login.stderr);
    let shown = shown(&place);
    assert_eq!(shown["status"], 200);
    assert!(shown["page"].as_str().unwrap().contains("<h1>You are logged in</h1>"), "{shown}");

    for _ in 1..=3 {
        call(&place, &["run", "shop.yaml"]).succeeded();
    }
    call(&place, &["check", "shop.yaml"]).succeeded();
    assert_eq!(place.query("shop.duckdb", "select client, scope, count(*) from items group by all"), ["spile|read|3"]);
    let counts = counts(&provider);
    assert_eq!(counts["revoked"], 0, "no refresh token came twice: {counts}");
    assert!(counts["issued"].as_u64().unwrap() >= 5, "{counts}");
    let code = shown["ended"].as_str().unwrap().split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert!(!login.stderr.contains(&code) && !login.stdout.contains(&code));
}

#[test]
fn a_person_who_refuses_sees_so_and_the_login_ends_with_1() {
    let provider = provider();
    let place = place(&provider, "        redirect_uri: http://localhost/callback\n");
    let browser = browser(&place, &provider, "refuses=");
    let login = Called::from(&command(&place, &["login", "shop.yaml"]).env("BROWSER", browser).output().unwrap());
    assert_eq!(login.code, 1, "{}", login.stderr);
    assert!(login.stderr.contains("error: the login was refused: access_denied"), "{}", login.stderr);
    let shown = shown(&place);
    assert_eq!(shown["status"], 400);
    assert!(shown["page"].as_str().unwrap().contains("<h1>You are not logged in</h1>"), "{shown}");
}

/// `spile login --no-browser`, and what it printed so far: the last line is the address.
pub(crate) fn waiting(mut login: Command) -> (Child, BufReader<ChildStderr>, String) {
    let login = login.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut login = login.spawn().unwrap();
    let mut stderr = BufReader::new(login.stderr.take().unwrap());
    let (mut said, mut line) = (String::new(), 0);
    while !said[line..].trim().starts_with("http") {
        line = said.len();
        assert!(stderr.read_line(&mut said).unwrap() > 0, "it printed no address: {said}");
    }
    (login, stderr, said)
}

#[test]
fn what_a_browser_elsewhere_ends_at_is_pasted_and_answers_to_others_do_not_count() {
    let provider = provider();
    let place = place(&provider, "");
    let (mut login, mut stderr, said) = waiting(command(&place, &["login", "shop.yaml", "--no-browser"]));
    let url = said.trim().lines().next_back().unwrap();
    let ended = ask(&provider.person(url, &[]))["ended"].as_str().unwrap().to_owned();
    let stranger = ended.replace("state=", "state=x");
    let mut stdin = login.stdin.take().unwrap();
    write!(stdin, "what?\n{stranger}\n\n{ended}\n").unwrap();
    let ended = login.wait_with_output().unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{rest}");
    assert!(rest.contains("that is not an address with an answer in it"), "{rest}");
    call(&place, &["run", "shop.yaml"]).succeeded();
}

#[test]
fn a_pipeline_without_a_login_says_how_one_is_written() {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), |_| Response::json([1]));
    let called = Place::with_pipeline(&api.url(), "  things: { path: /things }").call(&["login", "pipeline.yaml"]);
    assert_eq!(called.code, 2);
    assert!(
        called.stderr.contains("`test` has no login") && called.stderr.contains("docs/login.md"),
        "{}",
        called.stderr
    );
}

#[test]
fn where_the_key_of_the_secret_store_is_made_is_told_before_anything_else_can_fail() {
    let place = Place::new();
    let auth = |further: &str| {
        format!(
            "name: shop\nvariables:\n  seed: {{ secret: true, env: SEED }}\nsource:\n  base_url: http://127.0.0.1:9\n  \
             retries: {{ attempts: 1 }}\n  auth:\n    oauth2: {{ token_url: http://127.0.0.1:9/token, client_id: spile, \
             {further} }}\nstreams:\n  items: {{ path: /items }}\ndestination: duckdb:shop.duckdb\n"
        )
    };
    let login = "login: { authorization_url: http://127.0.0.1:9/auth, redirect_uri: https://example.com/cb }";
    std::fs::write(place.path("login.yaml"), auth(login)).unwrap();
    std::fs::write(place.path("seed.yaml"), auth("refresh_token: \"{{ seed }}\"")).unwrap();
    for arguments in [&["login", "login.yaml", "--no-browser"][..], &["run", "seed.yaml"]] {
        let _ = std::fs::remove_dir_all(place.path("settings"));
        let _ = std::fs::remove_file(place.path("spile.secrets.age"));
        let mut command = command(&place, arguments);
        let called = Called::from(&command.env("SEED", "r3fresh").stdin(Stdio::null()).output().unwrap());
        assert_eq!(called.code, 1, "{}", called.stderr);
        let key = place.path("settings/spile/identity.txt");
        let said = format!("made the key of the secret store, {}: without it nobody can read the store", key.display());
        assert!(called.stderr.contains(&said) && key.exists(), "{}", called.stderr);
    }
}

#[test]
fn a_code_is_shown_with_the_page_where_it_is_entered() {
    let provider = provider();
    let place = place(&provider, &format!("        device_url: {}/device/auth\n", provider.issuer));
    let mut login = command(&place, &["login", "shop.yaml", "--device"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(login.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("open ") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it showed no code");
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |word: &str| words[words.iter().position(|known| *known == word).unwrap() + 1];
    let entered = ask(&provider.person(after("open"), &[("user_code", after("code"))]));
    assert!(entered["ended"].as_str().unwrap().contains("successful"), "{entered}");
    assert_eq!(login.wait().unwrap().code(), Some(0));
    call(&place, &["run", "shop.yaml"]).succeeded();
}
