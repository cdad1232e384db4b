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

const RECORD: [&str; 5] = ["run", "pipeline.yaml", "--quiet", "--record", "archive"];

/// Twelve things were there at the first run, and twenty at the second.
fn recorded_twice() -> (Arc<Mutex<Vec<Value>>>, FakeApi, Place) {
    let things = Arc::new(Mutex::new((1..=12).map(|id| thing(id, id)).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = Place::with_pipeline(&api.url(), STREAMS);
    place.call(&RECORD).succeeded();
    things.lock().unwrap().extend((13..=20).map(|id| thing(id, id)));
    place.call(&RECORD).succeeded();
    (things, api, place)
}

/// Things in the order of their cursor, five to a page, which tests add to and change.
fn serve(things: &Arc<Mutex<Vec<Value>>>) -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), pages(things));
    api
}

fn pages(things: &Arc<Mutex<Vec<Value>>>) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    let things = Arc::clone(things);
    move |request| {
        let since = request.query("since").filter(|since| !since.is_empty());
        let from: usize = request.query("from").map_or(0, |from| from.parse().unwrap());
        let is_wanted = |thing: &&Value| match (&thing["at"], &since) {
            (_, None) => true,
            (Value::String(at), Some(since)) => at.as_str() >= &**since,
            (at, Some(since)) => at.as_i64().unwrap() >= since.parse().unwrap(),
        };
        let mut found: Vec<Value> = things.lock().unwrap().iter().filter(is_wanted).cloned().collect();
        found.sort_by_key(|thing| (thing["at"].as_i64(), thing["at"].as_str().map(ToOwned::to_owned)));
        let next = (from + 5 < found.len()).then_some(from + 5);
        let data: Vec<Value> = found.into_iter().skip(from).take(5).collect();
        Response::json(json!({ "data": data, "next": next }))
    }
}

fn thing(id: i64, at: i64) -> Value {
    json!({ "id": id, "at": at, "name": format!("thing {id} at {at}") })
}

/// A thing that was changed so many minutes after the month began.
fn stamped(id: i64) -> Value {
    json!({ "id": id, "at": format!("2024-05-01T{:02}:{:02}:00Z", id / 60, id % 60), "v": id })
}

/// The same pipeline, with the cursor's field as a text.
fn as_text(place: &Place) {
    let text = std::fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    let changed = text.replace("    path: /things\n", "    path: /things\n    columns: { at: text }\n");
    std::fs::write(place.path("text.yaml"), changed).unwrap();
}

/// The rows, whatever the type of the cursor's field.
fn rows(place: &Place, database: &str, table: &str, of: &str) -> Vec<String> {
    let columns = "id, \"at\"::timestamptz, v, _spile_run";
    place.query(database, &format!("select {columns} from {table} where {of} order by all"))
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
    let (things, api, place) = recorded_twice();
    things.lock().unwrap().extend([thing(3, 21), thing(21, 22)]);
    place.call(&RECORD).succeeded();
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
    let (things, _api, place) = recorded_twice();
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
    let reset = ["state", "reset", "pipeline.yaml", "--drop-tables", "--yes"];
    place.call(&reset).succeeded();
    place.call(&["replay", "archive", "--quiet"]).succeeded();
    assert_eq!(place.query("test.duckdb", "select * from appended order by all"), before);
    things.lock().unwrap().push(thing(21, 21));
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    let counts = "select (select count(*) from merged), (select count(*) from appended), max(run) from _spile_runs";
    assert_eq!(place.query("test.duckdb", counts), ["21|21|3"]);
}

/// A place in which a run was recorded that was killed after some pages, each of which is committed by itself.
fn killed(api: &FakeApi) -> Place {
    let place = Place::with_pipeline(&api.url(), STREAMS);
    let text = std::fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    let often = "destination: { duckdb: { path: test.duckdb, commit: { rows: 1 } } }";
    std::fs::write(place.path("pipeline.yaml"), text.replace("destination: duckdb:test.duckdb", often)).unwrap();
    let switch = KillSwitch::new();
    api.after_answers(9, switch.puller());
    let program = Program::new(env!("CARGO_BIN_EXE_spile")).args(RECORD).cwd(place.path(""));
    assert!(!program.run(&KillPoint::Pulled(switch)).success());
    place
}

#[test]
fn a_run_that_was_killed_is_replayed_as_far_as_the_next_one_found_it() {
    let things = Arc::new(Mutex::new((1..=40).map(|id| thing(id, id)).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = killed(&api);

    let listed = place.call(&["replay", "archive", "--list"]).succeeded().stdout;
    assert!(listed.contains("killed or under way"), "{listed}");
    // Alone, it is what was recorded of it, and says that there is no more.
    let called = place.call(&["replay", "archive", "--to", "killed.duckdb", "--quiet"]);
    assert!(
        called.code == 1 && called.stderr.contains("it was killed, and its recording ends there"),
        "{}",
        called.stderr
    );

    things.lock().unwrap().push(thing(41, 41));
    place.call(&RECORD).succeeded();
    drop(api);
    place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).succeeded();
    assert_same(&place, "again.duckdb", "test.duckdb");
    assert_eq!(place.query("again.duckdb", "select count(*), count(distinct id) from appended"), ["41|41"]);
}

#[test]
fn recorded_runs_go_on_from_each_other_with_another_type_of_the_cursor() {
    let things = Arc::new(Mutex::new((1..=12).map(stamped).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = Place::with_pipeline(&api.url(), STREAMS);
    place.call(&RECORD).succeeded();
    place.call(&RECORD).succeeded();
    things.lock().unwrap().extend((13..=20).map(stamped));
    place.call(&RECORD).succeeded();
    things.lock().unwrap().push(stamped(21));
    place.call(&RECORD).succeeded();
    drop(api);
    as_text(&place);

    place.call(&["replay", "archive", "text.yaml", "--to", "again.duckdb", "--quiet"]).succeeded();
    place.call(&["replay", "archive", "text.yaml", "--to", "rest.duckdb", "--quiet", "--run", "2.."]).succeeded();
    for table in ["merged", "appended", "copied"] {
        let was = rows(&place, "test.duckdb", table, "true");
        assert_eq!(rows(&place, "again.duckdb", table, "true"), was, "{table}");
    }
    let later = rows(&place, "test.duckdb", "appended", "_spile_run > 1");
    assert_eq!((later.len(), rows(&place, "rest.duckdb", "appended", "true")), (9, later));
    let types = "select distinct data_type from information_schema.columns where column_name = 'at' and table_name = 'appended'";
    assert_eq!(place.query("again.duckdb", types), ["VARCHAR"]);

    // One by one, what was replayed before is not known to be of this archive.
    place.call(&["replay", "archive", "text.yaml", "--to", "single.duckdb", "--quiet", "--run", "1"]).succeeded();
    let called = place.call(&["replay", "archive", "text.yaml", "--to", "single.duckdb", "--quiet", "--run", "2"]);
    assert_eq!(called.code, 1);
    assert!(called.stderr.contains("replay both at once: `--run 1.. --to FILE`"), "{}", called.stderr);
}

#[test]
fn recorded_runs_go_on_from_each_other_where_the_record_at_the_cursor_is_a_reject_now() {
    let things = Arc::new(Mutex::new(vec![json!({ "id": 1, "at": "10" }), json!({ "id": 2, "at": "x" })]));
    let api = serve(&things);
    let place = Place::with_pipeline(&api.url(), STREAMS);
    place.call(&RECORD).succeeded();
    things.lock().unwrap().extend([json!({ "id": 3, "at": "y" })]);
    place.call(&RECORD).succeeded();
    let text = std::fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    let changed = text.replace("    path: /things\n", "    path: /things\n    columns: { at: int }\n");
    std::fs::write(place.path("changed.yaml"), changed).unwrap();
    place.call(&["replay", "archive", "changed.yaml", "--to", "again.duckdb", "--quiet"]).succeeded();
    assert_eq!(place.query("again.duckdb", "select id, \"at\" from merged where \"at\" is not null"), ["1|10"]);
    assert_eq!(place.query("again.duckdb", "select max(run) from _spile_runs where status = 'succeeded'"), ["2"]);
}

#[test]
fn a_run_that_was_killed_ends_where_the_next_one_found_it_with_another_type_of_the_cursor_too() {
    let things = Arc::new(Mutex::new((1..=40).map(stamped).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = killed(&api);
    as_text(&place);
    things.lock().unwrap().push(stamped(41));
    place.call(&RECORD).succeeded();
    drop(api);
    place.call(&["replay", "archive", "text.yaml", "--to", "again.duckdb", "--quiet"]).succeeded();
    for table in ["merged", "appended", "copied"] {
        let was = rows(&place, "test.duckdb", table, "true");
        assert_eq!((was.len(), rows(&place, "again.duckdb", table, "true")), (41, was), "{table}");
    }
}

#[test]
fn a_run_that_its_budget_ended_is_told_in_the_same_words_also_where_a_part_of_it_is_replayed() {
    let things = Arc::new(Mutex::new((1..=40).map(|id| thing(id, id)).collect::<Vec<_>>()));
    let api = serve(&things);
    let place = Place::with_pipeline(&api.url(), STREAMS);
    let text = std::fs::read_to_string(place.path("pipeline.yaml")).unwrap();
    std::fs::write(place.path("pipeline.yaml"), format!("{text}\nbudget: {{ max_requests: 8 }}\n")).unwrap();
    assert_eq!(place.call(&RECORD).code, 4);
    let told = "select status, error, streams->>'$[*].error' from _spile_runs";
    let recorded = place.query("test.duckdb", told);
    assert!(recorded[0].contains("as many as `budget.max_requests` allows"), "{recorded:?}");

    place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).succeeded();
    assert_eq!(place.query("again.duckdb", told), recorded);
    place.call(&["state", "reset", "pipeline.yaml", "merged", "--drop-tables", "--yes"]).succeeded();
    place.call(&["replay", "archive", "--stream", "merged", "--quiet"]).succeeded();
    assert_eq!(place.query("test.duckdb", told), recorded);
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
    assert_eq!(place.call(&RECORD).code, 1);
    *fails.lock().unwrap() = false;
    place.call(&RECORD).succeeded();

    let replayed = place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]);
    assert_eq!(replayed.code, 1, "what the API refused is refused again");
    assert!(replayed.stderr.contains("500 Internal Server Error (as it was recorded)"), "{}", replayed.stderr);
    assert_same(&place, "again.duckdb", "test.duckdb");
}

#[test]
fn a_replay_into_the_own_tables_doubles_nothing_that_is_told_of_the_runs() {
    let (things, _api, place) = recorded_twice();
    // What is no record is rejected.
    things.lock().unwrap()[0] = json!({ "id": "none", "at": 30, "name": { "no": "text" } });
    place.call(&RECORD).succeeded();
    let told = "select run, status, \"rows\", rejected, requests, bytes from _spile_runs order by run";
    let asked = "select run, stream, requests, status_2xx from _spile_requests order by all";
    let rejects = "select run, stream, reason, record from _spile_rejects order by all";
    let before: Vec<_> = [told, asked, rejects].iter().map(|sql| place.query("test.duckdb", sql)).collect();
    place.call(&["state", "reset", "pipeline.yaml", "--drop-tables", "--yes"]).succeeded();
    place.call(&["replay", "archive", "--quiet"]).succeeded();
    let after: Vec<_> = [told, asked, rejects].iter().map(|sql| place.query("test.duckdb", sql)).collect();
    assert_eq!(after, before);

    // One stream after the other is the same as all at once.
    for stream in ["merged", "appended", "copied"] {
        place.call(&["replay", "archive", "--to", "parts.duckdb", "--stream", stream, "--quiet"]).succeeded();
    }
    place.call(&["replay", "archive", "--to", "whole.duckdb", "--quiet"]).succeeded();
    assert_eq!(place.query("parts.duckdb", told), place.query("whole.duckdb", told));
}

#[test]
fn progress_that_was_forgotten_and_tables_that_were_dropped_between_runs_are_so_in_the_replay() {
    for reset in [&["merged", "appended", "copied"][..], &["merged", "appended", "copied", "--drop-tables"]] {
        let (things, _api, place) = recorded_twice();
        things.lock().unwrap().remove(2);
        place.call(&[&["state", "reset", "pipeline.yaml", "--yes"], reset].concat()).succeeded();
        place.call(&RECORD).succeeded();
        place.call(&RECORD).succeeded();
        place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).succeeded();
        assert_same(&place, "again.duckdb", "test.duckdb");
    }
}

#[test]
fn a_run_that_was_not_recorded_is_named_with_what_to_do() {
    let (things, _api, place) = recorded_twice();
    things.lock().unwrap().push(thing(21, 21));
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    things.lock().unwrap().push(thing(22, 22));
    place.call(&RECORD).succeeded();
    let called = place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]);
    assert_eq!(called.code, 1);
    assert!(called.stderr.contains("run 3 was not recorded: run 4 went on from it"), "{}", called.stderr);
    assert!(called.stderr.contains("`--run 4.. --to FILE`"), "{}", called.stderr);
    place.call(&["replay", "archive", "--to", "rest.duckdb", "--quiet", "--run", "4.."]).succeeded();
    assert_eq!(place.query("rest.duckdb", "select id from appended order by id"), ["22"]);
    place.call(&["replay", "archive", "--to", "first.duckdb", "--quiet", "--run", "2", "--run", "1"]).succeeded();
    assert_eq!(place.query("first.duckdb", "select count(*) from appended"), ["20"]);
}

#[test]
fn runs_of_one_number_are_told_apart_by_when_they_started() {
    let (_things, _api, place) = recorded_twice();
    std::fs::remove_file(place.path("test.duckdb")).unwrap();
    // Until one starts in another second than the one before: runs are named to the second.
    let started = loop {
        place.call(&RECORD).succeeded();
        let listed = place.call(&["replay", "archive", "--list"]).succeeded().stdout;
        let started = |line: &str| line.split_whitespace().nth(2).unwrap().to_owned();
        let started: Vec<String> = listed.lines().skip(2).map(started).collect();
        if let [.., before, last] = &started[..]
            && before != last
        {
            break last.clone();
        }
        std::fs::remove_file(place.path("test.duckdb")).unwrap();
    };
    let called = place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]);
    assert_eq!(called.code, 2, "{}", called.stderr);
    assert!(
        called.stderr.contains("more than one run 1 of `test`, from more than one database: 1 (2"),
        "{}",
        called.stderr
    );
    place.call(&["replay", "archive", "--to", "last.duckdb", "--quiet", "--run", &started]).succeeded();
    assert_eq!(place.query("last.duckdb", "select count(*), max(_spile_run) from appended"), ["20|1"]);
    let unknown = place.call(&["replay", "archive", "--quiet", "--run", "yesterday"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("by its number or by when it started"), "{}", unknown.stderr);
}
