use serde_json::{Value, json};

use super::*;

fn workspace(crates: &[(&str, &[(&str, &str)])]) -> Vec<Member> {
    let packages: Vec<Value> = crates
        .iter()
        .map(|(folder, uses)| {
            let lines: Vec<Value> = uses
                .iter()
                .map(|(name, kind)| json!({"name": name, "kind": if *kind == "normal" { Value::Null } else { json!(kind) }}))
                .collect();
            let (name, path) = match *folder {
                "xtask" => ("xtask".to_owned(), "/w/xtask/Cargo.toml".to_owned()),
                folder => (rules::crate_name(folder), format!("/w/crates/{folder}/Cargo.toml")),
            };
            json!({"name": name, "manifest_path": path, "dependencies": lines})
        })
        .collect();
    metadata::members(&json!({"workspace_root": "/w", "packages": packages})).unwrap()
}

#[test]
fn a_room_may_use_everything_below_its_arrow() {
    let members = workspace(&[
        ("model", &[]),
        ("columnar", &[("spile-model", "normal"), ("arrow-array", "normal")]),
        ("destination-duckdb", &[("spile-columnar", "normal"), ("duckdb", "normal")]),
        ("spile", &[("spile-destination-duckdb", "normal"), ("spile-model", "normal"), ("clap", "normal")]),
    ]);
    assert_eq!(breaches(&members), Vec::<String>::new());
}

#[test]
fn rooms_side_by_side_do_not_know_each_other() {
    let members = workspace(&[("source", &[("spile-columnar", "normal")]), ("columnar", &[])]);
    let breaches = breaches(&members);
    assert_eq!(breaches.len(), 1);
    assert!(breaches[0].contains("source uses columnar") && breaches[0].contains("remedy"), "{}", breaches[0]);
}

#[test]
fn a_room_never_uses_one_above_it_and_not_even_in_its_tests() {
    let members =
        workspace(&[("plan", &[("spile-config", "normal")]), ("config", &[("spile-engine", "dev")]), ("engine", &[])]);
    assert_eq!(breaches(&members).len(), 2);
}

#[test]
fn testkit_is_for_tests_only() {
    let members = workspace(&[
        ("http", &[("spile-testkit", "dev")]),
        ("source", &[("spile-testkit", "normal")]),
        ("testkit", &[("axum", "normal"), ("spile-destination", "normal"), ("spile-testkit", "dev")]),
        ("destination", &[]),
    ]);
    let breaches = breaches(&members);
    assert_eq!(breaches.len(), 1);
    assert!(breaches[0].contains("[dev-dependencies]"), "{}", breaches[0]);
}

#[test]
fn an_outside_crate_stays_in_its_room_except_in_tests() {
    let members = workspace(&[
        ("engine", &[("reqwest", "normal"), ("serde-saphyr", "build"), ("duckdb", "dev")]),
        ("model", &[("tokio", "normal")]),
    ]);
    let breaches = breaches(&members);
    assert_eq!(breaches.len(), 3, "{breaches:?}");
    assert!(breaches[0].contains("`reqwest`") && breaches[0].contains("polite"), "{}", breaches[0]);
}

#[test]
fn a_crate_that_is_no_room_is_refused() {
    let members = workspace(&[("helpers", &[])]);
    assert!(breaches(&members)[0].contains("no room of the design"));
}

#[test]
fn a_room_is_named_after_its_folder() {
    let metadata = json!({"workspace_root": "/w", "packages": [
        {"name": "client", "manifest_path": "/w/crates/http/Cargo.toml", "dependencies": []}]});
    let members = metadata::members(&metadata).unwrap();
    assert!(breaches(&members)[0].contains("`spile-http`"));
}

#[test]
fn xtask_links_no_room() {
    let members = workspace(&[("xtask", &[("spile-model", "normal"), ("serde_json", "normal")]), ("model", &[])]);
    assert_eq!(breaches(&members).len(), 1);
}

#[test]
fn every_breach_is_reported_at_once() {
    let members = workspace(&[("destination", &[("spile-http", "normal"), ("indicatif", "normal")]), ("http", &[])]);
    assert_eq!(breaches(&members).len(), 2);
}
