//! Recorded runs of streams whose answers are remembered: a 304 brings no rows, and means those that are there.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use spile_testkit::fake_api::{FakeApi, Request, Response, get};

use crate::place::{Called, Place};

const PIPELINE: &str = r#"
name: shop
variables:
  token: { secret: true, env: SHOP_TOKEN }
source:
  base_url: API
  auth: { bearer: "{{ token }}" }
streams:
  merged:
    path: /things
    query: { key: "{{ token }}" }
    pagination: { page_number: { start: 1 } }
    records: $.data
    primary_key: id
    cache: true
  appended:
    path: /things
    query: { since: "{{ cursor }}" }
    pagination: { page_token: { token: $.next, param: page } }
    records: $.data
    write: append
    cursor: { field: at, order: ascending }
    cache: true
  replaced:
    path: /settings
    records: $.data
    write: replace
    cache: true
  fresh:
    path: /fresh
    records: $.data
    primary_key: id
    cache: { reuse: fresh }
destination: duckdb:shop.duckdb
"#;

const TABLES: [&str; 4] = ["merged", "appended", "replaced", "fresh"];

/// Things, five to a page, each answer with an `ETag`; and how many of its answers were 304.
struct Shop {
    api: FakeApi,
    things: Arc<Mutex<Vec<Value>>>,
    unchanged: Arc<Mutex<usize>>,
}

fn thing(id: i64, n: i64) -> Value {
    json!({ "id": id, "at": id, "n": n, "of": { "n": n + 1000 } })
}

impl Shop {
    fn open() -> Self {
        let api = FakeApi::start_blocking();
        let things = Arc::new(Mutex::new((1..=12).map(|id| thing(id, id)).collect::<Vec<_>>()));
        let unchanged = Arc::new(Mutex::new(0));
        let versioned = {
            let unchanged = Arc::clone(&unchanged);
            move |request: &Request, body: &Value| {
                assert_eq!(request.header("authorization"), Some("Bearer s3cret-of-the-shop"));
                let etag = format!(
                    "\"{:x}\"",
                    body.to_string()
                        .bytes()
                        .fold(7_u64, |hash, byte| { hash.wrapping_mul(31).wrapping_add(u64::from(byte)) })
                );
                if request.header("if-none-match") == Some(&etag) {
                    *unchanged.lock().unwrap() += 1;
                    return Response::status(304).header("ETag", etag);
                }
                Response::json(body).header("ETag", etag)
            }
        };
        let (all, answer) = (Arc::clone(&things), versioned.clone());
        api.route(get("/things"), move |request| {
            let since: i64 = request.query("since").map_or(0, |since| since.parse().unwrap());
            let page: usize = request.query("page").map_or(1, |page| page.parse().unwrap());
            let found: Vec<Value> =
                all.lock().unwrap().iter().filter(|thing| thing["at"].as_i64().unwrap() >= since).cloned().collect();
            let next = (page * 5 < found.len()).then_some(page + 1);
            let data: Vec<Value> = found.into_iter().skip((page - 1) * 5).take(5).collect();
            answer(request, &json!({ "data": data, "next": next }))
        });
        let (all, answer) = (Arc::clone(&things), versioned.clone());
        api.route(get("/settings"), move |request| answer(request, &json!({ "data": [all.lock().unwrap()[0]] })));
        let all = Arc::clone(&things);
        api.route(get("/fresh"), move |request| {
            let body = json!({ "data": [all.lock().unwrap()[0]] });
            versioned(request, &body).header("Cache-Control", "max-age=3600")
        });
        Self { api, things, unchanged }
    }

    /// A place in which the shop was recorded three times: with twelve things, again with these, and with one of them
    /// changed and three more.
    fn recorded(&self) -> Place {
        let place = Place::new();
        std::fs::write(place.path("shop.yaml"), self.pipeline()).unwrap();
        self.record(&place);
        self.record(&place);
        self.things.lock().unwrap()[6] = thing(7, 70);
        self.things.lock().unwrap().extend((13..=15).map(|id| thing(id, id)));
        self.record(&place);
        assert!(*self.unchanged.lock().unwrap() > 3);
        place
    }

    fn pipeline(&self) -> String {
        PIPELINE.replace("API", &self.api.url())
    }

    fn record(&self, place: &Place) {
        self.call(place, &["run", "shop.yaml", "--quiet", "--record", "archive"]).succeeded();
    }

    fn call(&self, place: &Place, arguments: &[&str]) -> Called {
        Called::from(&place.command(arguments).env("SHOP_TOKEN", "s3cret-of-the-shop").output().unwrap())
    }

    /// How many rows a run brings, and how many of its requests are answered by a 304.
    fn brings(&self, place: &Place, arguments: &[&str]) -> (u64, usize) {
        let before = *self.unchanged.lock().unwrap();
        let told = self.call(place, &[&["run", "--json"], arguments].concat()).succeeded().stdout;
        let finished = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let rows =
            finished.filter(|event| event["event"] == "stream_finished").map(|event| event["rows"].as_u64().unwrap());
        (rows.sum(), *self.unchanged.lock().unwrap() - before)
    }
}

fn assert_same(place: &Place, database: &str, other: &str, columns: &str) {
    for table in TABLES {
        let all = format!("select {columns} from {table} order by all");
        assert_eq!(place.query(database, &all), place.query(other, &all), "{table}");
    }
}

#[test]
fn runs_that_were_told_that_nothing_has_changed_are_replayed_without_their_secrets() {
    let shop = Shop::open();
    let place = shop.recorded();
    place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).succeeded();
    assert_same(&place, "again.duckdb", "shop.duckdb", "*");
    let state = "select stream, progress from _spile_state order by all";
    assert_eq!(place.query("again.duckdb", state), place.query("shop.duckdb", state));
    for run in ["1", "2", "3"] {
        place.call(&["replay", "archive", "--to", "single.duckdb", "--quiet", "--run", run]).succeeded();
    }
    assert_same(&place, "single.duckdb", "shop.duckdb", "*");

    // The API goes on from there as from the tables that it filled.
    let text = shop.pipeline().replace("duckdb:shop.duckdb", "duckdb:again.duckdb");
    std::fs::write(place.path("again.yaml"), text).unwrap();
    assert_eq!(shop.brings(&place, &["again.yaml"]), shop.brings(&place, &["shop.yaml"]));
}

#[test]
fn a_run_alone_brings_what_it_brought_and_nothing_of_the_pages_that_had_not_changed() {
    let shop = Shop::open();
    let place = shop.recorded();
    place.call(&["replay", "archive", "--run", "2", "--to", "second.duckdb", "--quiet"]).succeeded();
    let brought =
        "select (select count(*) from merged) + (select count(*) from appended) + (select count(*) from fresh)";
    assert_eq!(place.query("second.duckdb", brought), ["0"]);
    place.call(&["replay", "archive", "--run", "3", "--to", "third.duckdb", "--quiet"]).succeeded();
    let of_run_3 = "select * exclude (_spile_at, _spile_run) from merged where _spile_run = 3 order by id";
    assert_eq!(place.query("third.duckdb", of_run_3), place.query("shop.duckdb", of_run_3));
    assert!(place.query("third.duckdb", "select id from merged").contains(&"7".to_owned()));
}

/// What is done to the text of a pipeline file.
type Change<'c> = &'c dyn Fn(&str) -> String;

#[test]
fn other_columns_and_another_record_path_are_made_of_pages_that_had_not_changed_too() {
    let shop = Shop::open();
    let place = shop.recorded();
    // Whose cursor does not lie below that path stays as it is.
    let path = |text: &str| {
        let (before, appended) = text.split_once("  appended:").unwrap();
        let (appended, behind) = appended.split_once("  replaced:").unwrap();
        let path = |text: &str| text.replace("records: $.data\n", "records: $.data[*].of\n");
        format!("{}  appended:{appended}  replaced:{}", path(before), path(behind))
    };
    let uncached = |text: &str| text.replace("    cache: true\n", "").replace("    cache: { reuse: fresh }\n", "");
    let changes: [(&str, Change<'_>, &str); 3] = [
        ("columns", &|text| text.replace("    records:", "    columns: { n: text }\n    records:"), "id, n, typeof(n)"),
        ("uncached", &uncached, "id, n"),
        ("path", &|text| path(&uncached(text)).replace("primary_key: id", "primary_key: n"), "n, typeof(n)"),
    ];
    for (name, change, columns) in changes {
        let text = change(&shop.pipeline());
        let (file, database, whole) =
            (format!("{name}.yaml"), format!("{name}.duckdb"), format!("{name}-whole.duckdb"));
        std::fs::write(place.path(&file), text.replace("shop.duckdb", &database)).unwrap();
        place.call(&["replay", "archive", &file, "--quiet"]).succeeded();

        std::fs::write(place.path("whole.yaml"), text.replace("shop.duckdb", &whole)).unwrap();
        shop.call(&place, &["run", "whole.yaml", "--quiet"]).succeeded();
        for table in &TABLES[..3] {
            // What was appended stays as it came, and so does what another key tells apart.
            let came = match (name, *table) {
                (_, "appended") => " where id <> 7",
                ("path", "merged") => " where n <> 1007",
                _ => "",
            };
            let all = format!("select {columns} from {table}{came} order by all");
            assert_eq!(place.query(&database, &all), place.query(&whole, &all), "{name}, {table}");
        }
        if name == "columns" {
            let (rows, unchanged) = shop.brings(&place, &[&file]);
            assert!(rows == 0 && unchanged > 3, "what a replay has made stands for what a run would make: {rows} rows");
            let (rows, _) = shop.brings(&place, &["whole.yaml"]);
            assert_eq!(rows, 0);
        }
    }
}
