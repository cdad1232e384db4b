//! What an archive must not hold.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use spile_testkit::fake_api::{FakeApi, Response, get, post};

use crate::place::{Called, Place};

/// Every file below `folder`, unpacked.
fn unpacked(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            found.extend(unpacked(&path));
        } else {
            assert_eq!(mode, 0o600, "{}", path.display());
            let mut contents = Vec::new();
            zstd::Decoder::new(std::fs::File::open(&path).unwrap()).unwrap().read_to_end(&mut contents).unwrap();
            found.push((path.display().to_string(), contents));
        }
    }
    found
}

const PIPELINE: &str = r#"
name: shop
variables:
  client_secret: { secret: true, env: CLIENT_SECRET }
  tenant: { secret: true, env: TENANT }
source:
  base_url: API
  auth:
    oauth2:
      token_url: API/token
      client_id: me
      client_secret: "{{ client_secret }}"
  headers: { X-Tenant: "{{ tenant }}" }
streams:
  things:
    path: /things
    method: POST
    body: { json: { tenant: "{{ tenant }}" } }
    query: { t: "{{ tenant }}" }
    records: $.data
    pagination: { next_url: $.next }
destination: duckdb:shop.duckdb
"#;

const CLIENT_SECRET: &str = "cl13nt/s3cret+\"ü\"";
const TENANT: &str = "tenant-4711-&-sons";
const ACCESS: &str = "acc3ss-t0ken-of-the-hour";

/// A text in every form in which others may write it.
fn forms(text: &str) -> Vec<String> {
    let hexadecimal: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let json = serde_json::to_string(text).unwrap();
    let unicode: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    use base64::Engine as _;
    let base64 = |before: &str| base64::engine::general_purpose::STANDARD.encode(format!("{before}{text}:x"));
    vec![
        text.to_owned(),
        hexadecimal.to_uppercase(),
        hexadecimal,
        percent,
        form,
        json[1..json.len() - 1].to_owned(),
        unicode,
        base64(""),
        base64("a"),
        base64("me:"),
        base64("ab"),
    ]
}

fn call(place: &Place, arguments: &[&str]) -> Called {
    let output = place.command(arguments).env("CLIENT_SECRET", CLIENT_SECRET).env("TENANT", TENANT).output();
    Called::from(&output.unwrap())
}

#[test]
fn no_secret_in_any_form_is_in_an_archive_and_no_exchange_with_a_server_of_tokens() {
    let api = FakeApi::start_blocking();
    api.route(post("/token"), |_| {
        Response::json(json!({ "access_token": ACCESS, "account": "account-0123456789abcdef", "expires_in": 3600 }))
    });
    let base = api.url();
    let secrets = [CLIENT_SECRET, TENANT, ACCESS];
    api.route(post("/things"), move |request| {
        let all: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        let echoes: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let second = request.query("page").is_some();
        // Forms are written into the body as they are: those of JSON are then escapes in a text.
        let quoted: Vec<String> = all.iter().map(|form| if form.contains('\\') { format!("\"{form}\"") } else { json!(form).to_string() }).collect();
        let next = if second { "null".to_owned() } else { json!(format!("{base}/things?t={}&page=2", forms(TENANT)[4])).to_string() };
        let body = format!(
            r#"{{"data": [{{"n": {}, "account": "account-0123456789abcdef", "forms": [{}], "echoes": {}}}], "next": {next}}}"#,
            if second { 2 } else { 1 },
            quoted.join(","),
            json!(echoes),
        );
        Response::json_text(body)
            .header("Set-Cookie", "sid=c00kie-of-the-session")
            .header("X-Echo", request.header("authorization").unwrap())
            .header("X-Auth-Token", "handed-out-in-a-header")
    });
    let place = Place::new();
    std::fs::write(place.path("shop.yaml"), PIPELINE.replace("API", &api.url())).unwrap();
    call(&place, &["run", "shop.yaml", "--quiet", "--record", "archive"]).succeeded();
    assert_eq!(api.request_count(), 3);

    let files = unpacked(&place.path("archive"));
    assert!(files.len() >= 3, "an index and the bodies: {files:?}");
    for (name, contents) in &files {
        let hidden = secrets.iter().flat_map(|secret| {
            forms(secret).into_iter().enumerate().map(|(index, form)| {
                // Of base64 the ends depend on the neighbours, and may stay.
                if index < 7 { form } else { form[4..form.len() - 8].to_owned() }
            })
        });
        let others = ["c00kie", "handed-out-in-a-header", "/token", "expires_in"].map(ToOwned::to_owned);
        for text in hidden.chain(others) {
            let holds = contents.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!holds, "{name} holds {text}: {}", String::from_utf8_lossy(contents));
        }
    }
    assert!(
        files.iter().any(|(_, contents)| String::from_utf8_lossy(contents).contains("account-0123456789abcdef")),
        "what only looks like a secret is data"
    );

    // It is replayed without them, and the pages are found although their URLs hold secrets.
    let output = place.command(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).output().unwrap();
    Called::from(&output).succeeded();
    assert_eq!(
        place.query("again.duckdb", "select n, account from things order by n"),
        ["1|account-0123456789abcdef", "2|account-0123456789abcdef"]
    );
}

#[test]
fn words_that_a_server_of_tokens_says_too_stay_in_the_rows_and_a_path_made_of_a_secret_is_found() {
    let api = FakeApi::start_blocking();
    api.route(post("/token"), |_| {
        let also = json!({ "tokenType": "Bearer", "refresh_token_status": "approved", "secrets": "read" });
        let mut answer = json!({ "access_token": ACCESS, "expires_in": 3600 });
        answer.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        Response::json(answer)
    });
    api.route(get("/TENANT-4711-&-SONS/things"), |_| {
        Response::json(json!([{ "id": 1, "state": "approved", "name": "Bearer of news", "may": "read" }]))
    });
    let place = Place::new();
    let stream = "  things: { path: '/{{ tenant | upper }}/things' }\n";
    let (before, _) = PIPELINE.split_once("  things:").unwrap();
    let text = format!("{}{stream}destination: duckdb:shop.duckdb\n", before.replace("API", &api.url()));
    std::fs::write(place.path("shop.yaml"), text).unwrap();
    call(&place, &["run", "shop.yaml", "--quiet", "--record", "archive"]).succeeded();
    for (_, contents) in unpacked(&place.path("archive")) {
        assert!(!String::from_utf8_lossy(&contents).to_lowercase().contains("tenant-4711"));
    }
    let output = place.command(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).output().unwrap();
    Called::from(&output).succeeded();
    for database in ["shop.duckdb", "again.duckdb"] {
        let rows = place.query(database, "select id, state, name, may from things");
        assert_eq!(rows, ["1|approved|Bearer of news|read"], "{database}");
    }
}
