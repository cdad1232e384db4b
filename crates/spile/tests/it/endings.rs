//! How runs end that do not go well, and with which exit code.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::json;
use spile_destination_duckdb::DuckDb;
use spile_model::SystemClock;
use spile_plan::{CommitPlan, DuckDbPlan};
use spile_testkit::fake_api::{FakeApi, Response, get, post};

use crate::place::{Called, Place};

const PAGED: &str = "  things:\n    path: /things\n    records: $.data\n    write: append\n    pagination: { page_token: { token: $.next, param: token } }";

#[test]
fn a_wrong_file_ends_with_2_before_anything_is_sent() {
    let api = FakeApi::start_blocking();
    let place = Place::with_pipeline(&api.url(), "  things: { pth: /things }");
    let called = place.call(&["run", "pipeline.yaml"]);
    assert_eq!(called.code, 2);
    assert!(called.stderr.contains("pth") && called.stderr.contains("path"), "{}", called.stderr);
    assert_eq!(api.request_count(), 0);
    assert_eq!(place.call(&["run", "no-such.yaml"]).code, 2);
    assert_eq!(place.call(&["run"]).code, 2);
}

#[test]
fn an_unknown_stream_ends_with_2_and_names_those_there_are() {
    let place = Place::with_pipeline("http://127.0.0.1:9", PAGED);
    let called = place.call(&["run", "pipeline.yaml", "--stream", "thing"]);
    assert_eq!(called.code, 2);
    assert!(called.stderr.contains("its streams are things"), "{}", called.stderr);
}

#[test]
fn a_failed_stream_ends_with_1_and_says_what_to_do() {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), |_| Response::status(401));
    let called = Place::with_pipeline(&api.url(), PAGED).call(&["run", "pipeline.yaml"]);
    assert_eq!(called.code, 1);
    assert!(
        called.stderr.contains("error: stream `things`, page 1:") && called.stderr.contains("to do:"),
        "{}",
        called.stderr
    );
    assert!(called.stdout.contains("failed"), "{}", called.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_destination_ends_with_3() {
    let api = FakeApi::start_blocking();
    let place = Place::with_pipeline(&api.url(), PAGED);
    let plan = DuckDbPlan {
        path: place.path("test.duckdb"),
        schema: "main".to_owned(),
        memory: None,
        commit: CommitPlan::default(),
    };
    let held = DuckDb::open(&plan, "another", Arc::new(SystemClock)).await.unwrap();
    let called = place.call(&["run", "pipeline.yaml"]);
    drop(held);
    assert_eq!(called.code, 3, "{}", called.stderr);
    assert_eq!(api.request_count(), 0);
}

/// An API with two pages; a third is never answered.
fn stalling_api() -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), |request| match request.query("token") {
        None => Response::json(json!({ "data": [{ "id": 1 }], "next": "b" })),
        Some("b") => Response::json(json!({ "data": [{ "id": 2 }], "next": "c" })),
        Some(_) => Response::stall(),
    });
    api
}

/// Starts a run and waits until it has typed the second page.
fn started(place: &Place) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = place
        .command(&["run", "pipeline.yaml", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut pages = 0;
    while pages < 2 {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the run ended early");
        pages += usize::from(line.contains("\"page_read\""));
    }
    (child, lines)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn ctrl_c_commits_what_was_read_and_ends_with_130() {
    for name in ["-INT", "-TERM"] {
        let api = stalling_api();
        let place = Place::with_pipeline(&api.url(), PAGED);
        let (child, lines) = started(&place);
        signal(&child, name);
        let rest: Vec<String> = lines.lines().map(Result::unwrap).collect();
        let called = Called::from(&child.wait_with_output().unwrap());
        assert_eq!(called.code, 130, "{}", called.stderr);
        assert!(rest.last().unwrap().contains("\"outcome\":\"interrupted\""), "{rest:?}");
        assert_eq!(place.query("test.duckdb", "select id from things order by id"), ["1", "2"]);
        let runs = place.query("test.duckdb", "select status from _spile_runs");
        assert_eq!(runs, ["interrupted"]);
    }
}

#[test]
fn ctrl_c_ends_a_run_that_waits_for_a_token_without_asking_again() {
    for (answer, sign) in [
        (Response::stall as fn() -> Response, "\"stream_started\""),
        (|| Response::status(503).header("Retry-After", 120), "\"waiting\""),
    ] {
        let server = FakeApi::start_blocking();
        server.route(post("/token"), move |_| answer());
        let place = Place::with_pipeline(&server.url(), PAGED);
        let url = server.url();
        let auth =
            format!("\n  auth: {{ oauth2: {{ token_url: {url}/token, client_id: me, client_secret: s3cret }} }}");
        let pipeline = std::fs::read_to_string(place.path("pipeline.yaml")).unwrap();
        std::fs::write(place.path("pipeline.yaml"), pipeline.replace(&url, &format!("{url}{auth}"))).unwrap();
        let mut command = place.command(&["run", "pipeline.yaml", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(sign)), "the run ended early");
        while server.request_count() == 0 {
            std::thread::yield_now();
        }
        signal(&child, "-INT");
        let rest: Vec<String> = lines.collect();
        let called = Called::from(&child.wait_with_output().unwrap());
        assert_eq!((called.code, called.stderr.as_str()), (130, ""), "{rest:?}");
        assert_eq!(server.request_count(), 1);
    }
}

#[test]
fn a_full_stdout_ends_with_1_and_a_closed_one_is_quiet() {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), |_| Response::json(json!({ "data": [{ "id": 1 }] })));
    let place = Place::with_pipeline(&api.url(), PAGED);
    for arguments in [
        &["run", "pipeline.yaml", "--json"][..],
        &["schema"],
        &["preview", "pipeline.yaml"],
        &["state", "show", "pipeline.yaml"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let called = Called::from(&place.command(arguments).stdout(full).output().unwrap());
        assert_eq!(called.code, 1, "{arguments:?}: {}", called.stderr);
        assert!(called.stderr.contains("stdout could not be written: No space left"), "{}", called.stderr);
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        let called = Called::from(&place.command(arguments).stdout(closed).output().unwrap());
        assert_eq!((called.code, called.stderr.as_str()), (0, ""), "{arguments:?}");
    }
    assert_eq!(place.query("test.duckdb", "select id from things"), ["1", "1"], "what was read is committed");
}
