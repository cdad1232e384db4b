//! Several recorded runs, one after the other, and places that they do not fit.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use spile_testkit::crash::{KillPoint, KillSwitch, Program};
use spile_testkit::fake_api::{FakeApi, Request, Response, get};

use super::exported;
use crate::place::Place;

const STREAMS: &str = "  merged:
    path: /things
    query: { since: \"{{ cursor }}\" }
    pagination: { page_token: { token: $.next, param: from } }
    records: $.data
    primary_key: id
    cursor: { field: at, order: ascending }
  appended:
    path: /things
    query: { since: \"{{ cursor }}\" }
    pagination: { page_token: { token: $.next, param: from } }
    records: $.data
    write: append
    cursor: { field: at, order: ascending }
  copied:
    path: /things
    pagination: { page_token: { token: $.next, param: from } }
    records: $.data
    write: append";

/// Things in the order of their cursor, five to a page, which tests add to and change.
fn serve(things: &Arc<Mutex<Vec<Value>>>) -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), pages(things));
    api
}

fn pages(things: &Arc<Mutex<Vec<Value>>>) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    let things = Arc::clone(things);
    move |request| {
        let since: i64 = request.query("since").map_or(0, |since| since.parse().unwrap());
        let from: usize = request.query("from").map_or(0, |from| from.parse().unwrap());
        let mut found: Vec<Value> =
            things.lock().unwrap().iter().filter(|thing| thing["at"].as_i64().unwrap() >= since).cloned().collect();
        found.sort_by_key(|thing| thing["at"].as_i64());
        let next = (from + 5 < found.len()).then_some(from + 5);
        let data: Vec<Value> = found.into_iter().skip(from).take(5).collect();
        Response::json(json!({ "data": data, "next": next }))
    }
}

fn thing(id: i64, at: i64) -> Value {
    json!({ "id": id, "at": at, "name": format!("thing {id} at {at}") })
}

fn assert_same(place: &Place, database: &str, other: &str) {
    for table in ["merged", "appended", "copied"] {
        let all = format!("select * from {table} order by all");
        assert_eq!(place.query(database, &all), place.query(other, &all), "{table}");
    }
    let state = "select stream, progress from _spile_state order by all";
    assert_eq!(place.query(database, state), place.query(other, state));
}

#[test]
fn runs_are_replayed_in_their_order_and_end_where_they_ended() {
    let things = Arc::new(Mutex::new((1..=12).map(|id| thing(id, id)).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = Place::with_pipeline(&api.url(), STREAMS);
    let record = ["run", "pipeline.yaml", "--quiet", "--record", "archive"];
    place.call(&record).succeeded();
    things.lock().unwrap().extend((13..=20).map(|id| thing(id, id)));
    place.call(&record).succeeded();
    things.lock().unwrap().extend([thing(3, 21), thing(21, 22)]);
    place.call(&record).succeeded();
    drop(api);

    place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).succeeded();
    assert_same(&place, "again.duckdb", "test.duckdb");
    for table in ["merged", "appended", "copied"] {
        assert_eq!(exported(&place, "again.duckdb", table)[0], exported(&place, "test.duckdb", table)[0], "{table}");
    }
    // One by one it is the same, and a run alone brings what it brought.
    for run in ["1", "2", "3"] {
        place.call(&["replay", "archive", "--to", "single.duckdb", "--quiet", "--run", run]).succeeded();
    }
    assert_same(&place, "single.duckdb", "test.duckdb");
    place.call(&["replay", "archive", "--to", "alone.duckdb", "--quiet", "--run", "2"]).succeeded();
    let of_run_2 = "select * exclude (_spile_at) from appended where _spile_run = 2 order by all";
    assert_eq!(place.query("alone.duckdb", of_run_2), place.query("test.duckdb", of_run_2));
    assert_eq!(place.query("alone.duckdb", of_run_2).len(), 8);
}

#[test]
fn a_replay_never_doubles_rows_and_never_moves_progress_back() {
    let things = Arc::new(Mutex::new((1..=12).map(|id| thing(id, id)).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = Place::with_pipeline(&api.url(), STREAMS);
    let record = ["run", "pipeline.yaml", "--quiet", "--record", "archive"];
    place.call(&record).succeeded();
    things.lock().unwrap().extend((13..=20).map(|id| thing(id, id)));
    place.call(&record).succeeded();
    let before = place.query("test.duckdb", "select * from appended order by all");

    let called = place.call(&["replay", "archive", "--quiet"]);
    assert_eq!(called.code, 1);
    insta::assert_snapshot!(called.stderr.replace(&place.path("").display().to_string(), "FOLDER/"));
    assert_eq!(place.query("test.duckdb", "select * from appended order by all"), before);
    assert_eq!(place.query("test.duckdb", "select count(*) from _spile_runs"), ["2"], "nothing was begun");

    // Without its progress, but with its rows, the place does not fit either.
    place.call(&["state", "reset", "pipeline.yaml", "--yes"]).succeeded();
    let called = place.call(&["replay", "archive", "--quiet"]);
    assert!(called.code == 1 && called.stderr.contains("is there, but no progress"), "{}", called.stderr);
    assert_eq!(place.query("test.duckdb", "select * from appended order by all"), before);

    // Emptied, it is built up again, and the next run goes on from there.
    let reset = ["state", "reset", "pipeline.yaml", "merged", "appended", "copied", "--drop-tables", "--yes"];
    place.call(&reset).succeeded();
    place.call(&["replay", "archive", "--quiet"]).succeeded();
    assert_eq!(place.query("test.duckdb", "select * from appended order by all"), before);
    things.lock().unwrap().push(thing(21, 21));
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    let counts = "select (select count(*) from merged), (select count(*) from appended), max(run) from _spile_runs";
    assert_eq!(place.query("test.duckdb", counts), ["21|21|3"]);
}

#[test]
fn a_run_that_was_killed_is_replayed_as_far_as_the_next_one_found_it() {
    let things = Arc::new(Mutex::new((1..=40).map(|id| thing(id, id)).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = Place::with_pipeline(&api.url(), STREAMS);
    // Each page is committed by itself.
    let text = std::fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    let often = "destination: { duckdb: { path: test.duckdb, commit: { rows: 1 } } }";
    std::fs::write(place.path("pipeline.yaml"), text.replace("destination: duckdb:test.duckdb", often)).unwrap();
    let record = ["run", "pipeline.yaml", "--quiet", "--record", "archive"];
    let switch = KillSwitch::new();
    api.after_answers(9, switch.puller());
    let program = Program::new(env!("CARGO_BIN_EXE_spile")).args(record).cwd(place.path(""));
    assert!(!program.run(&KillPoint::Pulled(switch)).success());

    let listed = place.call(&["replay", "archive", "--list"]).succeeded().stdout;
    assert!(listed.contains("killed"), "{listed}");
    // Alone, it is what was recorded of it, and says that there is no more.
    let called = place.call(&["replay", "archive", "--to", "killed.duckdb", "--quiet"]);
    assert!(
        called.code == 1 && called.stderr.contains("it was killed, and its recording ends there"),
        "{}",
        called.stderr
    );

    things.lock().unwrap().push(thing(41, 41));
    place.call(&record).succeeded();
    drop(api);
    place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).succeeded();
    assert_same(&place, "again.duckdb", "test.duckdb");
    assert_eq!(place.query("again.duckdb", "select count(*), count(distinct id) from appended"), ["41|41"]);
}

#[test]
fn a_failure_of_the_api_is_replayed_without_waiting_and_the_next_run_goes_on() {
    let things = Arc::new(Mutex::new((1..=12).map(|id| thing(id, id)).collect::<Vec<_>>()));
    let api = FakeApi::start_blocking();
    let fails = Arc::new(Mutex::new(true));
    let failing = Arc::clone(&fails);
    let asked = get("/things").query("from", 10);
    let rest = pages(&things);
    api.route(asked, move |request| {
        if *failing.lock().unwrap() { Response::status(500).header("Retry-After", "0") } else { rest(request) }
    });
    api.route(get("/things"), pages(&things));
    let place = Place::with_pipeline(&format!("{}\n  retries: {{ attempts: 2, base_wait: 1ms }}", api.url()), STREAMS);
    let record = ["run", "pipeline.yaml", "--quiet", "--record", "archive"];
    assert_eq!(place.call(&record).code, 1);
    *fails.lock().unwrap() = false;
    place.call(&record).succeeded();

    let replayed = place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]);
    assert_eq!(replayed.code, 1, "what the API refused is refused again");
    assert!(replayed.stderr.contains("500 Internal Server Error (as it was recorded)"), "{}", replayed.stderr);
    assert_same(&place, "again.duckdb", "test.duckdb");
}
