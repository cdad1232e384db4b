//! Secrets that are planted everywhere a pipeline can have one, an API that echoes everything it is sent in every dress,
//! and every command at its most talkative: none of them is found in anything that is printed or left behind.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use spile_testkit::authority::Authority;
use spile_testkit::fake_api::{FakeApi, Request, Response, below, post};

use crate::crash::pause;
use crate::place::{Called, Place};

/// The canaries that pipelines hold, and those that servers hand out.
const PLANTED: [&str; 18] = [
    "BearerToken",
    "BasicPassword",
    "DigestPassword",
    "HeaderKey",
    "QueryKey",
    "CookieKey",
    "ClientSecret",
    "LoginPassword",
    "AwsSecret",
    "AwsSession",
    "HmacKey",
    "SigningKey",
    "OwnHeader",
    "OwnQuery",
    "OwnBody",
    "RefreshSeed",
    FROM_FILE,
    FROM_STORE,
];
/// The two that are not in the environment, but in a file of their own and in the secret store.
const FROM_FILE: &str = "FromFile";
const FROM_STORE: &str = "FromStore";

const GIVEN: [&str; 6] = ["AccessToken", "RefreshToken", "IdToken", "SessionToken", "SetCookie", "ProxyPassword"];

/// The part of a canary that no way of writing changes, but for encodings of all its bytes.
fn core(name: &str) -> String {
    format!("C4n4ry{name}x7Qz")
}

/// A canary with characters that URLs, JSON and forms write in other ways.
fn canary(name: &str) -> String {
    format!("{} /+\"%&={}", core(name), core(name))
}

/// Every form in which a canary is looked for.
fn forms(name: &str) -> Vec<String> {
    let core = core(name);
    let hex: String = core.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = core.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut forms = vec![hex.to_uppercase(), hex, percent.to_lowercase(), percent, core.clone()];
    // In base64 the same bytes look different at each of three offsets; what overlaps with neighbours is left out.
    for offset in 0..3 {
        let encoded = base64(format!("{}{core}", "x".repeat(offset)).as_bytes());
        let whole = encoded.trim_end_matches('=');
        forms.push(whole[4..whole.len() - 2].to_owned());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks(3).map(|chunk| {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digit = |at: usize| ALPHABET[(number >> (18 - 6 * at)) as usize & 63] as char;
        (0..4).map(|at| if at <= chunk.len() { digit(at) } else { '=' }).collect::<String>()
    });
    groups.collect()
}

/// The first canary that `text` holds, in which form and where.
fn found(text: &str) -> Option<(&'static str, String, usize)> {
    PLANTED
        .iter()
        .chain(&GIVEN)
        .find_map(|name| forms(name).into_iter().find_map(|form| text.find(&form).map(|at| (*name, form, at))))
}

/// Fails where `bytes` hold a canary in any form.
#[track_caller]
fn assert_clean(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some((name, form, at)) = found(&text) {
        let around =
            text.floor_char_boundary(at.saturating_sub(200))..text.ceil_char_boundary((at + 100).min(text.len()));
        panic!("{name} as {form} in {place}: …{}…", &text[around]);
    }
}

/// How a file of an archive begins (RFC 8878, 3.1.1).
const PACKED: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Searches every file but the one in which a canary was put; returns how many there were.
fn assert_folder_is_clean(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let searched = entries.map(|path| {
        if path.is_dir() {
            return assert_folder_is_clean(&path);
        }
        if path.ends_with(FROM_FILE) {
            return 0;
        }
        let bytes = fs::read(&path).unwrap();
        assert_clean(&path.display().to_string(), &bytes);
        if bytes.starts_with(&PACKED) {
            assert_clean(&format!("{}, unpacked,", path.display()), &zstd::decode_all(&bytes[..]).unwrap());
        }
        1
    });
    searched.sum()
}

/// Searches every row of every table, as a database's file may hold them compressed; returns how many there were.
fn assert_tables_are_clean(place: &Place, database: &str) -> usize {
    let names = "select format('\"{}\".\"{}\"', table_schema, table_name) from information_schema.tables";
    let tables = place.query(database, names);
    let rows = tables.iter().map(|table| {
        let rows = place.query(database, &format!("select * from {table}"));
        assert_clean(table, rows.join("\n").as_bytes());
        rows.len()
    });
    rows.sum()
}

/// Everything that a request held, in a dress by its number.
fn echo(request: &Request) -> String {
    let mut all = format!("{} {}", request.target, String::from_utf8_lossy(&request.body));
    for (_, value) in request.query.iter().chain(&request.headers) {
        all.push(' ');
        all.push_str(value);
    }
    dressed(&all, request.number)
}

fn dressed(all: &str, number: usize) -> String {
    match number % DRESSES {
        0 => all.to_owned(),
        1 => json!({"error": {"message": all}}).to_string(),
        2 => format!("<html><head><title>{all}</title></head>"),
        3 => all.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        4 => base64(all.as_bytes()),
        _ => all.bytes().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[test]
fn a_canary_is_found_in_every_dress_wherever_it_stands() {
    for name in PLANTED.iter().chain(&GIVEN) {
        for (number, before) in (0..DRESSES).flat_map(|number| ["", "a", "ab"].map(|before| (number, before))) {
            let dressed = dressed(&format!("{before}{} behind", canary(name)), number);
            assert_eq!(found(&dressed).map(|(name, ..)| name), Some(*name), "{dressed}");
        }
    }
}

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

const DRESSES: usize = 6;

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

/// A pipeline with every secret in it, and streams that end in every way.
fn pipeline(base: &str, auth: &str) -> String {
    let variables: String = PLANTED
        .iter()
        .map(|name| match *name {
            FROM_FILE => format!("  {name}: {{ file: {FROM_FILE} }}\n"),
            FROM_STORE => format!("  {name}: {{ store: {FROM_STORE} }}\n"),
            _ => format!("  {name}: {{ secret: true, env: CANARY_{} }}\n", name.to_uppercase()),
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

/// A place with the pipeline and every canary that is not in the environment.
fn planted(base: &str, auth: &str) -> Place {
    let place = Place::new();
    fs::create_dir(place.path("tmp")).unwrap();
    fs::create_dir(place.path("home")).unwrap();
    fs::write(place.path("pipeline.yaml"), pipeline(base, auth)).unwrap();
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
        command.env(format!("CANARY_{}", name.to_uppercase()), canary(name));
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

/// What the program came to; nothing that it shows holds a canary, nor do its arguments while it runs.
fn searched(child: Child, what: &str) -> Called {
    let words = format!("/proc/{}/cmdline", child.id());
    let seen = Mutex::new(Vec::new());
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                seen.lock().unwrap().extend(fs::read(&words).unwrap_or_default());
                pause(Duration::from_millis(2));
            }
        });
        child.wait_with_output().unwrap()
    });
    assert_clean(&format!("stdout of {what}"), &output.stdout);
    assert_clean(&format!("stderr of {what}"), &output.stderr);
    assert_clean(&format!("the arguments of {what}"), &seen.lock().unwrap());
    Called::from(&output)
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
                assert!(api.request_count() >= 40, "{kind}: {} requests", api.request_count());
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
