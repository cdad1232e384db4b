//! Answers that mean something else than their status says, recorded and replayed.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use spile_testkit::fake_api::{FakeApi, Response, get, post};

use super::exported;
use crate::place::Place;

const STREAMS: &str = r#"  ruled:
    path: /ruled
    records: $.data
    primary_key: n
    pagination: { page_number: { start: 1 } }
    responses:
      - { status: 409, text: "being exported", then: { retry: { wait: 1ms, attempts: 5 } } }
      - { body: $.throttled, then: { rate_limited: { wait: 1ms } } }
      - { status: 404, then: empty }
  asked:
    path: /graphql
    method: POST
    idempotent: true
    body: { json: { query: "{ things { nodes { n } } }" } }
    records: $.data.things.nodes
    primary_key: n"#;

#[test]
fn answers_with_a_meaning_of_their_own_and_refusals_that_were_waited_out_are_replayed_to_the_same_tables() {
    let api = FakeApi::start_blocking();
    let (asked, exported_at) = (AtomicUsize::new(0), AtomicUsize::new(0));
    api.route(get("/ruled"), move |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        match (page, asked.fetch_add(1, Ordering::SeqCst)) {
            (_, 0) => Response::text("it is being exported").with_status(409),
            (_, 2) => Response::json(json!({ "throttled": true, "data": [{ "n": -1 }] })),
            (4.., _) => Response::json(json!({ "error": "no such page" })).with_status(404),
            _ => Response::json(json!({ "data": [{ "n": page, "text": "a" }, { "n": page + 10, "text": null }] })),
        }
    });
    api.route(post("/graphql"), move |_| {
        let throttled = exported_at.fetch_add(1, Ordering::SeqCst) == 0;
        let available = if throttled { 51 } else { 900 };
        let status = json!({ "maximumAvailable": 1000.0, "currentlyAvailable": available, "restoreRate": 500.0 });
        let cost = json!({ "requestedQueryCost": 52, "actualQueryCost": null, "throttleStatus": status });
        let refused: Value = json!([{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }]);
        Response::json(if throttled {
            json!({ "errors": refused, "extensions": { "cost": cost } })
        } else {
            json!({ "data": { "things": { "nodes": [{ "n": 1 }, { "n": 2 }] } }, "extensions": { "cost": cost } })
        })
    });
    let place = Place::with_pipeline(&api.url(), STREAMS);
    place.call(&["run", "pipeline.yaml", "--quiet", "--record", "archive"]).succeeded();
    assert_eq!(place.query("test.duckdb", "select count(*), min(n) from ruled"), ["6|1"]);
    assert_eq!(place.query("test.duckdb", "select count(*) from asked"), ["2"]);
    let requests = api.requests();
    assert_eq!(requests.iter().filter(|request| request.target.starts_with("/graphql")).count(), 2);
    let sent = requests.len();

    place.call(&["replay", "archive", "--to", "again.duckdb", "--quiet"]).succeeded();
    for table in ["ruled", "asked"] {
        assert_eq!(exported(&place, "again.duckdb", table), exported(&place, "test.duckdb", table), "{table}");
    }
    assert_eq!(api.request_count(), sent);
}
