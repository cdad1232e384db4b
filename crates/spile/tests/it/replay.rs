//! Runs that are recorded, and replayed: the same tables, without the API.

mod cached;
mod chains;
mod damage;
mod ruled;
mod secrets;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use spile_testkit::crash::{Injection, Program};
use spile_testkit::fake_api::{FakeApi, Response, get};

use crate::place::{Called, Place};

const TOKEN: &str = "t0ken+s3cret/ü";

/// A pipeline with a secret, several ways of paging, nested records, and child tables.
const PIPELINE: &str = r#"
name: shop
variables:
  api: { env: SHOP_API }
  token: { secret: true, env: SHOP_TOKEN }
  since: "2024-01-01"
source:
  base_url: "{{ api }}"
  auth: { api_key: { value: "{{ token }}", query: key } }
  retries: { base_wait: 1ms }
streams:
  orders:
    path: /orders
    query: { since: "{{ since }}" }
    pagination: link_header
    primary_key: id
    cursor: { field: at }
    lists: child_tables
  events:
    path: /events
    records: $.data
    write: append
    pagination: { page_token: { token: { header: X-Next-Token }, param: { header: X-From } } }
  items:
    path: /items
    records: $.data
    write: replace
    pagination: { offset: { limit: 40 } }
destination: duckdb:shop.duckdb
"#;

/// The API of that pipeline. It hands out links that repeat the key, refuses every third request, redirects, and answers
/// in gzip.
struct Shop {
    api: FakeApi,
}

impl Shop {
    fn open() -> Self {
        let api = FakeApi::start_blocking();
        let base = api.url();
        let asked = AtomicUsize::new(0);
        api.route(get("/orders"), move |request| {
            if asked.fetch_add(1, Ordering::SeqCst) % 3 == 1 {
                return Response::status(503).header("Retry-After", "0").header("Set-Cookie", "sid=c00kie");
            }
            let page: usize = request.query("page").map_or(1, |page| page.parse().unwrap());
            let orders: Vec<_> = (0..50)
                .map(|index| {
                    let id = page * 100 + index;
                    json!({ "id": id, "at": format!("2024-05-{page:02}T00:00:{index:02}Z"), "price": 1.5, "big": 1e30,
                        "lines": [{ "sku": format!("s{id}"), "n": index }, { "sku": "x", "n": null }] })
                })
                .collect();
            let answer = Response::json(orders).gzip();
            let key: String = url::form_urlencoded::byte_serialize(request.query("key").unwrap().as_bytes()).collect();
            let next = page + 1;
            if page == 4 {
                answer
            } else {
                answer.header("Link", format!("<{base}/orders?key={key}&page={next}>; rel=\"next\""))
            }
        });
        api.route(get("/events"), |request| {
            let from: usize = request.header("x-from").map_or(0, |from| from.parse().unwrap());
            let answer = Response::json(json!({ "data": [{ "n": from, "text": "a\u{0}b" }, "no record"] }));
            if from == 5 { answer } else { answer.header("X-Next-Token", from + 1) }
        });
        api.route(get("/items"), |request| {
            let rest = request.target.split_once('?').map_or("", |(_, query)| query).to_owned();
            Response::redirect(307, &format!("/stock?{rest}&signature=presigned0123456789"))
        });
        api.route(get("/stock"), |request| {
            let from: usize = request.query("offset").map_or(0, |from| from.parse().unwrap());
            let data: Vec<_> =
                (from..(from + 40).min(130)).map(|n| json!({ "n": n, "more": { "half": n as f64 / 2.0 } })).collect();
            Response::json(json!({ "data": data }))
        });
        Self { api }
    }

    fn place(&self) -> Place {
        let place = Place::new();
        std::fs::write(place.path("shop.yaml"), PIPELINE).unwrap();
        place
    }

    /// Records a run.
    fn recorded(&self, place: &Place) {
        self.call(place, &["run", "shop.yaml", "--quiet", "--record", "archive"]).succeeded();
    }

    /// The program, with what the pipeline wants from the environment.
    fn call(&self, place: &Place, arguments: &[&str]) -> Called {
        let output = place.command(arguments).env("SHOP_API", self.api.url()).env("SHOP_TOKEN", TOKEN).output();
        Called::from(&output.unwrap())
    }
}

const TABLES: [&str; 4] = ["orders", "orders__lines", "events", "items"];

/// A table as its rows are stored, in bytes: as CSV and as Parquet.
fn exported(place: &Place, database: &str, table: &str) -> [Vec<u8>; 2] {
    ["csv", "parquet"].map(|format| {
        let file = place.path(&format!("exported.{format}"));
        let copy = format!("COPY (SELECT * FROM {table}) TO '{}' (FORMAT {format})", file.display());
        duckdb::Connection::open(place.path(database)).unwrap().execute_batch(&copy).unwrap();
        std::fs::read(file).unwrap()
    })
}

/// What Spile's own tables say of the rows, but for the times at which it was written.
fn accounts(place: &Place, database: &str) -> Vec<String> {
    let state = "select stream, partition, progress, run from _spile_state order by all";
    let rejects = "select run, pipeline, stream, reason, loaded, request, record from _spile_rejects order by all";
    let tables = "select stream, table_name, parent, columns, record from _spile_tables order by all";
    let runs = "select run, pipeline, version, status, \"rows\", rejected, error from _spile_runs order by all";
    [state, rejects, tables, runs].iter().flat_map(|sql| place.query(database, sql)).collect()
}

#[test]
fn a_replay_gives_byte_identical_tables_and_connects_to_nothing() {
    let shop = Shop::open();
    let place = shop.place();
    shop.call(&place, &["run", "shop.yaml", "--quiet", "--stream", "items"]).succeeded();
    shop.call(&place, &["run", "shop.yaml", "--quiet", "--record", "archive", "--stream", "orders"]).succeeded();
    place.call(&["replay", "archive", "--to", "first.duckdb", "--quiet"]).succeeded();
    assert_eq!(exported(&place, "shop.duckdb", "orders"), exported(&place, "first.duckdb", "orders"));
    std::fs::remove_file(place.path("shop.duckdb")).unwrap();
    std::fs::remove_dir_all(place.path("archive")).unwrap();

    let called = shop.call(&place, &["run", "shop.yaml", "--record", "archive"]).succeeded();
    assert!(called.stdout.contains("200") && called.stdout.contains("130"), "{}", called.stdout);
    let asked = shop.api.request_count();
    let before: Vec<_> = TABLES.iter().map(|table| exported(&place, "shop.duckdb", table)).collect();

    // Neither the variables nor the secrets are there, and at its first connection, to whatever, it is killed.
    let replay = ["replay", "archive", "--to", "again.duckdb"];
    let program = |arguments: &[&str]| Program::new(env!("CARGO_BIN_EXE_spile")).args(arguments).cwd(place.path(""));
    let offline = |program: Program| program.inject(Injection::kill("connect,sendto,sendmsg", 1)).run_to_the_end();
    let replayed = offline(program(&replay));
    assert!(replayed.success(), "{}", replayed.stderr);
    assert_eq!(shop.api.request_count(), asked);
    for (table, before) in TABLES.iter().zip(&before) {
        assert_eq!(exported(&place, "again.duckdb", table), *before, "{table}");
    }
    assert_eq!(accounts(&place, "again.duckdb"), accounts(&place, "shop.duckdb"));

    let run = program(&["run", "shop.yaml"]).env("SHOP_API", shop.api.url()).env("SHOP_TOKEN", TOKEN);
    assert!(!offline(run).success(), "what kills at the first connection kills a run");
}

#[test]
fn a_replay_makes_other_columns_of_the_same_answers() {
    let shop = Shop::open();
    let place = shop.place();
    shop.recorded(&place);
    let asked = shop.api.request_count();
    let changed = PIPELINE.replace("lists: child_tables", "lists: json\n    columns: { price: text }");
    std::fs::write(place.path("changed.yaml"), changed).unwrap();
    place.call(&["replay", "archive", "changed.yaml", "--to", "changed.duckdb", "--quiet"]).succeeded();
    let types = "select column_name || ' ' || data_type from information_schema.columns where table_name = 'orders' \
                 and column_name in ('price', 'lines') order by 1";
    assert_eq!(place.query("changed.duckdb", types), ["lines JSON", "price VARCHAR"]);
    assert_eq!(place.query("changed.duckdb", "select count(*), min(price) from orders"), ["200|1.5"]);
    assert_eq!(shop.api.request_count(), asked);
}

#[test]
fn a_request_that_was_not_recorded_is_named_with_what_to_do() {
    let shop = Shop::open();
    let place = shop.place();
    shop.recorded(&place);
    let called = place.call(&[
        "replay",
        "archive",
        "--to",
        "other.duckdb",
        "--stream",
        "orders",
        "--set",
        "since=2025-01-01",
        "--quiet",
    ]);
    assert_eq!(called.code, 1);
    insta::assert_snapshot!(called.stderr.replace(&shop.api.url(), "http://API"));
}

#[test]
fn the_recorded_runs_are_listed() {
    let shop = Shop::open();
    let place = shop.place();
    shop.recorded(&place);
    shop.call(&place, &["run", "shop.yaml", "--quiet", "--record", "archive", "--stream", "items"]).succeeded();
    let shown = place.call(&["replay", "archive", "--list"]).succeeded().stdout;
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["run", "pipeline", "started", "ended", "streams", "requests"]);
    assert_eq!(lines[2][..2], ["1", "shop"], "{shown}");
    assert_eq!(lines[2][3..7], ["succeeded", "events,", "items,", "orders"], "{shown}");
    assert_eq!((lines[3][0], &lines[3][3..5]), ("2", &["succeeded", "items"][..]), "{shown}");
    for chosen in [&["--run", "2"][..], &["shop.yaml", "--run", "2.."]] {
        let shown = place.call(&[&["replay", "archive", "--list"], chosen].concat()).succeeded().stdout;
        let runs: Vec<&str> = shown.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(runs, ["2"], "{shown}");
    }
    for (arguments, said) in [
        (&["replay", "archive", "--list", "--set", "since=1"][..], "cannot be used with"),
        (&["replay", "archive", "--list", "--run", "7"], "the archive holds no run 7\n  to do: it holds runs 1, 2"),
        (&["replay", "archive", "--run", "7"], "the archive holds no run 7 of `shop`\n  to do: it holds runs 1, 2"),
        (&["replay", "."], "the archive in . cannot be read"),
        (&["replay", "archive", "--stream", "nothing"], "`shop` has no stream `nothing`"),
    ] {
        let called = place.call(arguments);
        assert!(called.code != 0 && called.stderr.contains(said), "{}", called.stderr);
    }
}

#[test]
fn a_pipeline_may_name_its_archive() {
    let shop = Shop::open();
    let place = shop.place();
    std::fs::write(place.path("shop.yaml"), format!("{PIPELINE}archive: kept/here\n")).unwrap();
    shop.call(&place, &["run", "shop.yaml", "--quiet"]).succeeded();
    assert!(Path::new(&place.path("kept/here/runs")).is_dir());
    place.call(&["replay", "kept/here", "--to", "again.duckdb", "--quiet"]).succeeded();
    assert_eq!(exported(&place, "again.duckdb", "items"), exported(&place, "shop.duckdb", "items"));
}

#[test]
fn a_run_that_cannot_record_fails_before_it_asks() {
    let shop = Shop::open();
    let place = shop.place();
    std::fs::write(place.path("archive"), "a file").unwrap();
    let called = shop.call(&place, &["run", "shop.yaml", "--quiet", "--record", "archive"]);
    assert_eq!((called.code, shop.api.request_count()), (1, 0));
    assert!(called.stderr.contains("no archive can be kept in archive"), "{}", called.stderr);
}
