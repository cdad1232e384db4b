//! Secrets that are planted everywhere a pipeline can have one, an API that echoes everything it is sent in every dress,
//! and every command at its most talkative: none of them is found in anything that is printed or left behind.

mod logins;
pub(crate) mod search;
mod vault;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;
use spile_config::{Settings, load};
use spile_model::Secret;
use spile_plan::Found;
use spile_testkit::authority::Authority;
use spile_testkit::fake_api::{FakeApi, Response, below, post};

use self::search::{
    FROM_FILE, FROM_STORE, PLANTED, assert_clean, assert_folder_is_clean, assert_tables_are_clean, canary, core, echo,
    found, searched,
};
use crate::place::{Called, Place};

fn header_safe(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(4000).collect()
}

/// Echoes in status, headers and body, in every way of failing; and hands out tokens.
fn echoing() -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(post("/token"), |request| {
        if request.number % 4 == 3 {
            return Response::text(echo(request)).with_status(400);
        }
        Response::json(json!({
            "access_token": canary("AccessToken"), "refresh_token": canary("RefreshToken"),
            "id_token": canary("IdToken"), "token_type": "Bearer", "expires_in": 3600,
        }))
    });
    api.route(post("/login"), |_| Response::json(json!({"data": {"token": canary("SessionToken")}})));
    api.route(below("/"), |request| {
        let said = echo(request);
        let answer = match request.path.rsplit('/').next().unwrap() {
            "good" => Response::json(json!({"items": [{"id": 1}]})),
            "page" => Response::html(said.clone()),
            "none" => Response::json(json!({"message": said})),
            "cut" => Response::json_text(format!("{{\"items\": [{{\"id\": \"{}", said.len())),
            "moved" => Response::redirect(302, &format!("http://elsewhere.invalid/?{}", request.target)),
            "again" => Response::status(429).header("Retry-After", 99_999),
            "challenge" => Response::text(said.clone())
                .with_status(401)
                .header("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256"),
            status => Response::text(said.clone()).with_status(status.parse().unwrap()),
        };
        let answer =
            answer.header("X-Echo", header_safe(&said)).header("Set-Cookie", format!("sid={}", core("SetCookie")));
        answer.header("Link", format!("<{}>; rel=\"self\"", request.target))
    });
    api
}

/// What the streams run into, one each.
const ENDS: [&str; 11] = ["good", "page", "none", "cut", "moved", "again", "challenge", "400", "401", "404", "500"];

/// The kinds of authentication, with what each needs. `API` is where the API is.
const KINDS: [(&str, &str); 15] = [
    ("bearer", "{ bearer: '{{ BearerToken }}' }"),
    ("basic", "{ basic: { username: me, password: '{{ BasicPassword }}' } }"),
    ("digest", "{ digest: { username: me, password: '{{ DigestPassword }}' } }"),
    ("key in a header", "{ api_key: { header: X-Key, value: '{{ HeaderKey }}' } }"),
    ("key in the query", "{ api_key: { query: key, value: '{{ QueryKey }}' } }"),
    (
        "key in a cookie",
        "{ api_key: { cookie: key, value: '{{ CookieKey | replace(\" \", \"\") | replace(\"\\\"\", \"\") }}' } }",
    ),
    (
        "client secret in a header",
        "{ oauth2: { token_url: 'API/token', client_id: me, client_secret: '{{ ClientSecret }}' } }",
    ),
    (
        "client secret in a body",
        "{ oauth2: { token_url: 'API/token', client_id: me, client_secret: '{{ ClientSecret }}', client_auth: body } }",
    ),
    (
        "refresh token",
        "{ oauth2: { token_url: 'API/token', client_id: me, client_secret: '{{ ClientSecret }}', refresh_token: '{{ RefreshSeed }}' } }",
    ),
    ("bearer from a file", "{ bearer: '{{ FromFile }}' }"),
    ("bearer from the secret store", "{ bearer: '{{ FromStore }}' }"),
    (
        "signed assertion",
        "{ jwt_bearer: { token_url: 'API/token', assertion: { key: '{{ SigningKey }}', algorithm: HS256, claims: { iss: me } } } }",
    ),
    (
        "session",
        "{ session: { url: 'API/login', body: { json: { password: '{{ LoginPassword }}' } }, token: $.data.token } }",
    ),
    (
        "aws",
        "{ aws: { access_key_id: AKIA, secret_access_key: '{{ AwsSecret }}', session_token: '{{ AwsSession }}', region: a } }",
    ),
    (
        "hmac",
        "{ hmac: { key: '{{ HmacKey }}', message: '{{ request.method }}', headers: { X-Sum: '{{ request.signature }}' } } }",
    ),
];

/// The environment variable in which a canary is.
fn env_name(name: &str) -> String {
    format!("CANARY_{}", name.to_uppercase())
}

/// A pipeline with every secret in it, and streams that end in every way.
fn pipeline(base: &str, auth: &str) -> String {
    let variables: String = PLANTED
        .iter()
        .map(|name| match *name {
            FROM_FILE => format!("  {name}: {{ file: {FROM_FILE} }}\n"),
            FROM_STORE => format!("  {name}: {{ store: {FROM_STORE} }}\n"),
            _ => format!("  {name}: {{ secret: true, env: {} }}\n", env_name(name)),
        })
        .collect();
    let streams: String = ENDS
        .iter()
        .enumerate()
        .map(|(index, end)| {
            let request = match index % 3 {
                0 => format!("path: '/v1/{end}', query: {{ signature: '{{{{ OwnQuery }}}}' }}"),
                1 => format!("path: '/{{{{ OwnQuery | urlencode }}}}/{end}'"),
                _ => format!("path: '/v1/{end}', method: POST, body: {{ json: {{ deep: ['{{{{ OwnBody }}}}'] }} }}"),
            };
            format!("  s{index}: {{ {request}, records: $.items, write: replace }}\n")
        })
        .collect();
    format!(
        "name: canaries\nvariables:\n{variables}source:\n  base_url: {base}\n  auth: {}\n  \
         headers: {{ X-Own: '{{{{ OwnHeader }}}}' }}\n  retries: {{ attempts: 2, base_wait: 1ms, max_wait: 1s }}\n\
         streams:\n{streams}destination: duckdb:canaries.duckdb\n",
        auth.replace("API", base)
    )
}

/// A place with that pipeline, and folders for a user and for temporary files.
fn place(pipeline: &str) -> Place {
    let place = Place::new();
    fs::create_dir(place.path("tmp")).unwrap();
    fs::create_dir(place.path("home")).unwrap();
    fs::write(place.path("pipeline.yaml"), pipeline).unwrap();
    place
}

/// A place with the pipeline and every canary that is not in the environment.
fn planted(base: &str, auth: &str) -> Place {
    let place = place(&pipeline(base, auth));
    fs::write(place.path(FROM_FILE), canary(FROM_FILE)).unwrap();
    let mut command = command(&place, &["secret", "set", FROM_STORE, "pipeline.yaml", "-vv"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(canary(FROM_STORE).as_bytes()).unwrap();
    searched(child, "secret set").succeeded();
    place
}

/// The program with canaries in its environment, folders of its own for a user and for temporary files, and its
/// output caught.
fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    for name in PLANTED.iter().filter(|name| ![FROM_FILE, FROM_STORE].contains(name)) {
        command.env(env_name(name), canary(name));
    }
    command
        .env("HOME", place.path("home"))
        .env_remove("XDG_CONFIG_HOME")
        .env("TMPDIR", place.path("tmp"))
        .env("HTTPS_PROXY", format!("http://me:{}@127.0.0.1:9", core("ProxyPassword")))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn call(place: &Place, arguments: &[&str]) -> Called {
    searched(command(place, arguments).stdin(Stdio::null()).spawn().unwrap(), &arguments.join(" "))
}

/// What a panic could show of a pipeline at most: all of it, as a developer sees it.
fn assert_plan_is_clean(place: &Place) {
    let env = |name: &str| PLANTED.iter().find(|known| name == env_name(known)).map(|known| canary(known));
    let credentials = |_: &_| Ok(Found { secret: Some(Secret::new(canary(FROM_FILE))), warning: None });
    let settings = Settings { env: Box::new(env), credentials: Box::new(credentials), ..Settings::none() };
    let plan = load(&place.path("pipeline.yaml"), &settings).unwrap().plan;
    assert!(plan.variables.secrets().iter().any(|secret| found(secret.expose()).is_some()));
    assert_clean("the plan", format!("{plan:#?}").as_bytes());
}

const COMMANDS: [&[&str]; 9] = [
    &["check", "pipeline.yaml", "-vv"],
    &["preview", "pipeline.yaml", "-vv"],
    &["run", "pipeline.yaml", "-vv"],
    &["run", "pipeline.yaml", "-vv", "--json"],
    &["run", "pipeline.yaml", "--quiet"],
    &["run", "pipeline.yaml", "-vv", "--record", "archive"],
    &["replay", "archive", "--to", "again.duckdb", "-vv"],
    &["state", "show", "pipeline.yaml", "-vv"],
    &["state", "reset", "pipeline.yaml", "--yes", "-vv"],
];

#[test]
fn no_secret_of_any_kind_is_printed_or_left_behind_whatever_the_api_echoes() {
    std::thread::scope(|scope| {
        for (kind, auth) in KINDS {
            scope.spawn(move || {
                let api = echoing();
                let place = planted(&api.url(), auth);
                assert_plan_is_clean(&place);
                for arguments in COMMANDS {
                    if arguments[1] == "reset" {
                        assert_folder_is_clean(&place.path(""));
                        // A replay brings no counts of requests.
                        for (database, least) in [("canaries.duckdb", ENDS.len()), ("again.duckdb", 1)] {
                            let rows = assert_tables_are_clean(&place, database);
                            assert!(rows >= least, "{kind}: only {rows} rows in {database}");
                        }
                    }
                    let called = call(&place, arguments);
                    assert_ne!(called.code, 2, "{kind}: {}", called.stderr);
                }
                assert!(found(&format!("{:?}", api.requests())).is_some(), "{kind}: the API was told no secret");
                // How many of the streams come to be asked before one refusal holds all depends on their turns.
                assert!(api.request_count() >= 2 * ENDS.len(), "{kind}: {} requests", api.request_count());
                let searched = assert_folder_is_clean(&place.path(""));
                assert!(searched >= 8, "{kind}: only {searched} files");
            });
        }
    });
}

#[test]
fn a_client_key_and_credentials_that_stand_in_the_file_are_shown_by_no_error() {
    let client = Authority::new("a company").client("me");
    let lines: Vec<_> = client.key.lines().filter(|line| !line.starts_with("--")).map(ToOwned::to_owned).collect();
    let place = Place::new();
    fs::write(place.path("client.pem"), format!("{}{}", client.certificate, client.key)).unwrap();
    let key = client.key.replace('\n', "\\n");
    for source in [
        "tls: { client_certificate: client.pem, client_key: client.pem }",
        &format!("tls: {{ client_certificate: client.pem, client_key: \"{key}\" }}"),
        &format!("tls: {{ client_certificate: client.pem, client_key: \"{key}\", unknown: 1 }}"),
        &format!("proxy: {{ url: 'http://127.0.0.1:9', username: me, password: {} }}", core("ProxyPassword")),
        &format!("proxy: 'http://me:{}@127.0.0.1:9'", core("ProxyPassword")),
        &format!("auth: {{ bearer: {} }}\n  concurency: 1", core("BearerToken")),
    ] {
        let text = format!(
            "name: a\nsource:\n  base_url: https://api.nowhere.invalid\n  retries: {{ attempts: 1 }}\n  {source}\n\
             streams: {{ items: {{ path: /items }} }}\ndestination: duckdb:a.duckdb\n"
        );
        fs::write(place.path("pipeline.yaml"), text).unwrap();
        for arguments in [&["check", "pipeline.yaml", "-vv"][..], &["run", "pipeline.yaml", "-vv", "--json"]] {
            let called = call(&place, arguments);
            assert_ne!(called.code, 0, "{source}");
            let said = called.stdout + &called.stderr;
            assert!(lines.iter().all(|line| !said.contains(line)), "{said}");
        }
    }
}
