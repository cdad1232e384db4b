//! What the commands say.

use serde_json::{Value, json};
use spile_testkit::fake_api::{FakeApi, RefusedPort, Response, any, get};

use crate::place::Place;

const THINGS: &str = "  things: { path: /things, records: $.data, primary_key: id, write: merge }";

fn api() -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), |_| {
        Response::json_text(
            r#"{"data": [{"id": 1, "price": 1.50, "tags": ["a"]}, {"id": 2, "size": null}, {"no": 3}]}"#,
        )
    });
    api
}

#[test]
fn the_help_names_every_command() {
    insta::assert_snapshot!(Place::new().call(&["--help"]).succeeded().stdout);
}

#[test]
fn the_help_of_run_shows_the_exit_codes() {
    insta::assert_snapshot!(Place::new().call(&["run", "--help"]).succeeded().stdout);
}

#[test]
fn a_run_into_a_pipe_says_what_matters_in_plain_lines() {
    let api = api();
    let place = Place::with_pipeline(&api.url(), THINGS);
    let called = place.call(&["run", "pipeline.yaml"]).succeeded();
    assert!(called.stderr.starts_with("run 1 of test: 1 stream into duckdb:"), "{}", called.stderr);
    assert!(called.stdout.contains("things") && called.stdout.contains("succeeded"), "{}", called.stdout);
    assert!(called.stdout.contains("1 reject and why: table _spile_rejects"), "{}", called.stdout);
    assert!(!called.stdout.contains('\u{1b}') && !called.stderr.contains('\u{1b}'), "no escapes in a pipe");
    assert_eq!(
        place.query("test.duckdb", "select id, price, tags from things order by id"),
        ["1|1.5|[a]", "2|NULL|NULL"]
    );
}

#[test]
fn json_prints_events_and_nothing_else() {
    let api = api();
    let place = Place::with_pipeline(&api.url(), THINGS);
    let called = place.call(&["run", "pipeline.yaml", "--json"]).succeeded();
    let events: Vec<Value> = called.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "run_started");
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["outcome"], &last["rows"]),
        (&json!("run_finished"), &json!("succeeded"), &json!(2))
    );
    assert_eq!(called.stderr, "");
}

#[test]
fn quiet_prints_nothing_when_all_goes_well() {
    let api = api();
    let place = Place::with_pipeline(&api.url(), THINGS);
    let called = place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    assert_eq!((called.stdout, called.stderr), (String::new(), String::new()));
}

#[test]
fn preview_shows_request_records_and_columns_and_writes_nothing() {
    let api = api();
    let place = Place::with_pipeline(&api.url(), THINGS);
    let called = place.call(&["preview", "pipeline.yaml", "things", "--limit", "1"]).succeeded();
    insta::assert_snapshot!(called.stdout.replace(&api.url(), "http://API"));
    assert!(!place.path("test.duckdb").exists());
}

/// What is sent and answered by a test's API without what differs from run to run.
fn settled(text: &str, api: &FakeApi) -> String {
    let kept = |line: &&str| !line.trim_start().starts_with("date:");
    text.replace(&api.url(), "http://API").lines().filter(kept).collect::<Vec<_>>().join("\n")
}

#[test]
fn preview_of_a_stream_that_fails_shows_what_was_sent_and_answered_and_goes_on() {
    let api = api();
    api.route(any(), |_| {
        Response::json(json!({ "message": "no route matches /gone", "hint": "s3cret" }))
            .with_status(404)
            .header("X-Request-Id", "17")
            .header("Set-Cookie", "sid=1")
    });
    let place = Place::with_pipeline(
        &format!("{}\n  auth: {{ bearer: s3cret }}\n  retries: {{ attempts: 1 }}", api.url()),
        &format!(
            "  gone: {{ path: /gone, query: {{ a: s3cret }}, body: {{ json: {{ all: true }} }} }}\n  empty: {{ path: /things, records: $.things }}\n{THINGS}"
        ),
    );
    let called = place.call(&["preview", "pipeline.yaml", "--limit", "1"]);
    assert_eq!(called.code, 1);
    assert!(!called.stdout.contains("s3cret") && !called.stderr.contains("s3cret"), "{}", called.stdout);
    insta::assert_snapshot!(settled(&called.stdout, &api));
    insta::assert_snapshot!(settled(&called.stderr, &api));
}

#[test]
fn preview_of_an_api_that_is_not_there_shows_what_was_sent() {
    let refused = RefusedPort::reserve();
    let place =
        Place::with_pipeline(&format!("{}\n  retries: {{ attempts: 1 }}", refused.url()), "  a: { path: /things }");
    let called = place.call(&["preview", "pipeline.yaml"]);
    assert_eq!(called.code, 1);
    assert!(called.stdout.contains("/things\n    accept: application/json\n  answer: no answer"), "{}", called.stdout);
}

#[test]
fn check_says_which_stream_works_and_which_does_not() {
    let api = api();
    api.route(get("/gone"), |_| Response::status(404));
    let place = Place::with_pipeline(&api.url(), &format!("{THINGS}\n  gone: {{ path: /gone }}"));
    let called = place.call(&["check", "pipeline.yaml"]);
    assert_eq!(called.code, 1);
    assert!(called.stdout.contains("ok things: 3 records on the first page"), "{}", called.stdout);
    assert!(called.stdout.contains("failed gone"), "{}", called.stdout);
    assert!(called.stderr.contains("404") && called.stderr.contains("to do:"), "{}", called.stderr);
    assert!(!place.path("test.duckdb").exists());
}

#[test]
fn state_is_shown_and_forgotten() {
    let api = api();
    let place = Place::with_pipeline(&api.url(), THINGS);
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    assert!(place.call(&["state", "show", "pipeline.yaml"]).succeeded().stdout.contains("by run 1"));
    let unasked = place.call(&["state", "reset", "pipeline.yaml"]);
    assert_eq!(unasked.code, 2, "nobody was there to be asked");
    let reset = place.call(&["state", "reset", "pipeline.yaml", "things", "--drop-tables", "--yes"]).succeeded();
    assert!(reset.stdout.contains("things: forgotten"), "{}", reset.stdout);
    let tables = "select count(*) from information_schema.tables where table_name = 'things'";
    assert_eq!(place.query("test.duckdb", tables), ["0"]);
}

#[test]
fn state_of_a_database_that_is_not_there_is_an_error_and_makes_no_file() {
    let place = Place::with_pipeline("http://127.0.0.1:9", THINGS);
    for action in [&["state", "show", "pipeline.yaml"][..], &["state", "reset", "pipeline.yaml", "--yes"]] {
        let called = place.call(action);
        assert_eq!((called.code, called.stdout.as_str()), (1, ""));
        assert!(called.stderr.contains("`test` has no state: there is no file "), "{}", called.stderr);
        assert!(called.stderr.contains("test.duckdb\n  to do: if the pipeline has run before"), "{}", called.stderr);
        assert!(!place.path("test.duckdb").exists());
    }
}

#[test]
fn the_schema_is_json_schema() {
    let schema: Value = serde_json::from_str(&Place::new().call(&["schema"]).succeeded().stdout).unwrap();
    assert!(schema["properties"]["streams"].is_object());
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(Place::new().call(&["completions", shell]).succeeded().stdout.contains("preview"), "{shell}");
    }
}
