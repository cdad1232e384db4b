//! What a secret looks like wherever it turns up: planted values that no program makes by itself, the dresses in which a
//! server may send them back, and the search for them in all that is shown or left behind.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use spile_testkit::fake_api::{Request, Response};

use crate::crash::pause;
use crate::place::{Called, Place};

/// The canaries that pipelines hold, and those that servers hand out.
pub(super) const PLANTED: [&str; 18] = [
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
pub(super) const FROM_FILE: &str = "FromFile";
pub(super) const FROM_STORE: &str = "FromStore";

const GIVEN: [&str; 12] = [
    "AccessToken",
    "RefreshToken",
    "IdToken",
    "SessionToken",
    "SetCookie",
    "ProxyPassword",
    "AuthorizationCode",
    "DeviceCode",
    "VaultSecretId",
    "VaultToken",
    "FromVault",
    "FromKeyring",
];

/// The part of a canary that no way of writing changes, but for encodings of all its bytes.
pub(crate) fn core(name: &str) -> String {
    format!("C4n4ry{name}x7Qz")
}

/// A canary with characters that URLs, JSON and forms write in other ways.
pub(crate) fn canary(name: &str) -> String {
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
pub(crate) fn found(text: &str) -> Option<(&'static str, String, usize)> {
    PLANTED
        .iter()
        .chain(&GIVEN)
        .find_map(|name| forms(name).into_iter().find_map(|form| text.find(&form).map(|at| (*name, form, at))))
}

/// Fails where `bytes` hold a canary in any form.
#[track_caller]
pub(crate) fn assert_clean(place: &str, bytes: &[u8]) {
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
pub(crate) fn assert_folder_is_clean(folder: &Path) -> usize {
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
pub(crate) fn assert_tables_are_clean(place: &Place, database: &str) -> usize {
    let names = "select format('\"{}\".\"{}\"', table_schema, table_name) from information_schema.tables";
    let tables = place.query(database, names);
    let rows = tables.iter().map(|table| {
        let rows = place.query(database, &format!("select * from {table}"));
        assert_clean(table, rows.join("\n").as_bytes());
        rows.len()
    });
    rows.sum()
}

/// So many ways there are in which a server sends back what it was sent.
pub(crate) const DRESSES: usize = 6;

/// Everything that a request held.
fn told(request: &Request) -> String {
    let mut all = format!("{} {}", request.target, String::from_utf8_lossy(&request.body));
    for (_, value) in request.query.iter().chain(&request.headers) {
        all.push(' ');
        all.push_str(value);
    }
    all
}

/// Everything that a request held, in a dress by its number.
pub(crate) fn echo(request: &Request) -> String {
    dressed(&told(request), request.number)
}

/// Refuses once in each dress, and then answers.
pub(crate) fn refuses_first(
    status: u16,
    answer: impl Fn() -> Response + Send + Sync,
) -> impl Fn(&Request) -> Response + Send + Sync {
    let asked = AtomicUsize::new(0);
    move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        dress @ 0..DRESSES => Response::text(dressed(&told(request), dress)).with_status(status),
        _ => answer(),
    }
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

/// What the program came to; nothing that it shows holds a canary, nor do its arguments while it runs.
pub(crate) fn searched(child: Child, what: &str) -> Called {
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

#[test]
fn a_canary_is_found_in_every_dress_wherever_it_stands() {
    for name in PLANTED.iter().chain(&GIVEN) {
        for (number, before) in (0..DRESSES).flat_map(|number| ["", "a", "ab"].map(|before| (number, before))) {
            let dressed = dressed(&format!("{before}{} behind", canary(name)), number);
            assert_eq!(found(&dressed).map(|(name, ..)| name), Some(*name), "{dressed}");
        }
    }
}
