//! The database cannot take what comes.

use std::process::Stdio;

use duckdb::Connection;
use insta::assert_snapshot;
use serde_json::json;
use spile_testkit::fake_api::{FakeApi, Response, any};

use super::{ONCE, Place, pipeline, place, told};

/// An API with these orders.
fn api(orders: &'static str) -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(any(), move |_| Response::json_text(orders));
    api
}

#[test]
fn a_database_that_another_run_has_open() {
    let stalling = FakeApi::start_blocking();
    stalling.route(any(), |_| Response::stall());
    let place = pipeline(&stalling.url(), ONCE, "{ path: /orders }");
    let mut first =
        place.command(&["run", "pipeline.yaml"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while stalling.request_count() == 0 {
        assert!(first.try_wait().unwrap().is_none(), "the first run ended early");
        std::thread::yield_now();
    }
    let (id, program) = (first.id().to_string(), env!("CARGO_BIN_EXE_spile"));
    let said = told(
        &place,
        &[(program, "/usr/bin/spile"), (&format!("PID {id}"), "PID 123"), (&format!("process {id}"), "process 123")],
    );
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(stalling.request_count(), 1, "the second run asked for nothing");
    assert_snapshot!(said);
}

#[test]
fn a_folder_that_does_not_exist() {
    let place = place(
        "name: shop\nsource:\n  base_url: http://127.0.0.1:9\nstreams:\n  orders: { path: /orders }\ndestination: duckdb:warehouse/shop.duckdb\n",
    );
    assert_snapshot!(told(&place, &[]));
}

#[test]
fn a_file_that_is_not_a_database() {
    let place = pipeline("http://127.0.0.1:9", ONCE, "{ path: /orders }");
    std::fs::write(place.path("shop.duckdb"), "id,name\n1,Ada\n".repeat(1000)).unwrap();
    assert_snapshot!(told(&place, &[]));
}

/// The user has made a column narrower than its data: the rows that fit are kept, and nothing is changed behind the
/// user's back.
#[test]
fn a_column_whose_new_type_does_not_take_the_data() {
    let api = FakeApi::start_blocking();
    api.route(any(), |request| {
        let size = if request.number == 1 { json!("12") } else { json!("twelve") };
        Response::json(json!([{ "id": 1, "size": size }]))
    });
    let place = pipeline(&api.url(), ONCE, "{ path: /orders, primary_key: id }");
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    alter(&place, "ALTER TABLE orders ALTER COLUMN size TYPE INTEGER");
    assert_snapshot!(told(&place, &[(&api.url(), "http://API")]));
    assert_eq!(place.query("shop.duckdb", "SELECT id, size, typeof(size) FROM orders"), ["1|12|INTEGER"]);
}

#[test]
fn a_table_that_somebody_else_has_made() {
    let api = api(r#"[{"id": 1}]"#);
    let place = pipeline(&api.url(), ONCE, "{ path: /orders }");
    alter(&place, "CREATE TABLE orders (everything VARCHAR)");
    assert_snapshot!(told(&place, &[(&api.url(), "http://API")]));
    assert_eq!(place.query("shop.duckdb", "SELECT count(*) FROM orders"), ["0"]);
}

/// A record that does not fit its declared column is no reason to stop: it is kept as a reject, with its reason.
#[test]
fn values_that_do_not_fit_their_declared_type() {
    let api = api(
        r#"[{"id": 1, "price": 9.99, "paid": "2024-02-03"}, {"id": 2, "price": "on request", "paid": null}, {"id": 3, "price": 1e300, "paid": "2024-02-30"}]"#,
    );
    let stream = "{ path: /orders, columns: { price: \"decimal(9,2)\", paid: date } }";
    let place = pipeline(&api.url(), ONCE, stream);
    assert_eq!(told(&place, &[]), "exit code 0");
    assert_eq!(place.query("shop.duckdb", "SELECT id, price, paid FROM orders"), ["1|9.99|2024-02-03"]);
    assert_snapshot!(
        place.query("shop.duckdb", "SELECT reason, record FROM _spile_rejects ORDER BY record").join("\n")
    );
}

fn alter(place: &Place, sql: &str) {
    Connection::open(place.path("shop.duckdb")).unwrap().execute_batch(sql).unwrap();
}
