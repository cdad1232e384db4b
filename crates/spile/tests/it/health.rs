//! What a run tells of its requests, and how it ends when its budget is spent.

use serde_json::{Value, json};
use spile_testkit::fake_api::{FakeApi, Response, get};

use crate::place::Place;

/// Five pages of one record each, in the order of their ids, from the cursor on.
fn api_of_five() -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/things/acme"), |request| {
        let after = request.query("token").or(request.query("after")).map_or(0, |id| id.parse::<i64>().unwrap());
        let records: Vec<Value> = (after + 1..=5).take(1).map(|id| json!({ "id": id })).collect();
        let next = (after < 4).then(|| (after + 1).to_string());
        let told = Response::json(json!({ "data": records, "next": next, "usage": { "credits": "0.1" } }));
        told.header("X-RateLimit-Limit", 100).header("X-RateLimit-Remaining", 90 - after)
    });
    api
}

/// A pipeline that reads them page by page and goes on where it was, with this at its top.
fn place(api: &FakeApi, top: &str) -> Place {
    let place = Place::new();
    let text = format!(
        "name: test
variables: {{ owner: acme }}
source: {{ base_url: {} }}
{top}
streams:
  things:
    path: '/things/{{{{ owner }}}}'
    records: $.data
    write: append
    cursor: {{ field: id, param: after, order: ascending }}
    pagination: {{ page_token: {{ token: $.next, param: token }} }}
    price: {{ per_request: 0.01, per_unit: 0.1, units: $.usage.credits, currency: USD }}
destination: duckdb:test.duckdb
",
        api.url()
    );
    std::fs::write(place.path("pipeline.yaml"), text).unwrap();
    place
}

#[test]
fn a_run_tells_what_its_requests_came_to() {
    let api = api_of_five();
    let place = place(&api, "");
    let called = place.call(&["run", "pipeline.yaml", "--json"]).succeeded();
    let lines: Vec<Value> = called.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finished = lines.iter().find(|line| line["event"] == "stream_finished").unwrap();
    let endpoint = &finished["endpoints"][0];
    assert_eq!(endpoint["endpoint"], "GET /things/{{ owner }}", "{endpoint}");
    assert_eq!((&endpoint["requests"], &endpoint["status_2xx"]), (&json!(5), &json!(5)));
    assert_eq!(endpoint["cost"], json!({ "amount": "0.1", "currency": "USD" }));
    assert_eq!(endpoint["quotas"][0]["left"], json!(86.0));
    assert!(endpoint["p50_seconds"].as_f64().unwrap() > 0.0, "{endpoint}");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["requests"], &last["cost"]["amount"], &last["stopped_by"]),
        (&json!(5), &json!("0.1"), &json!(null))
    );
    let stored =
        "select endpoint, requests, status_2xx, quota_left::int, quota_limit::int, cost, currency from _spile_requests";
    let expected = "GET /things/{{ owner }}|5|5|86|100|0.100000000000000000|USD";
    assert_eq!(place.query("test.duckdb", stored), [expected]);
}

#[test]
fn a_spent_budget_ends_a_run_in_good_order_and_the_next_ones_go_on() {
    for (top, stop) in [
        ("budget: { max_requests: 2 }", "has sent 2 requests, as many as `budget.max_requests` allows"),
        ("budget: { max_cost: 0.045 }", "has cost 0.04 USD, and `budget.max_cost` is 0.045 USD"),
    ] {
        let api = api_of_five();
        let place = place(&api, top);
        let called = place.call(&["run", "pipeline.yaml"]);
        assert_eq!(called.code, 4, "{}", called.stderr);
        assert!(called.stderr.contains("stopped: stream `things`, page 3: GET "), "{}", called.stderr);
        assert!(called.stderr.contains(stop) && called.stderr.contains("to do: run again"), "{}", called.stderr);
        assert!(called.stdout.contains("was stopped by its budget; run again to go on"), "{}", called.stdout);
        assert_eq!(place.query("test.duckdb", "select id from things order by id"), ["1", "2"]);
        let ended = place.query("test.duckdb", "select status, error from _spile_runs");
        assert!(ended[0].starts_with("interrupted|stream `things`") && ended[0].contains(stop), "{ended:?}");
        while place.call(&["run", "pipeline.yaml"]).code == 4 {}
        assert_eq!(place.query("test.duckdb", "select id from things order by id"), ["1", "2", "3", "4", "5"]);
    }
}

#[test]
fn more_is_told_where_more_is_asked_for() {
    let api = api_of_five();
    let called = place(&api, "").call(&["run", "pipeline.yaml", "-v"]).succeeded();
    for part in ["p95", "0.1 USD", "GET /things/{{ owner }}", "86 of 100"] {
        assert!(called.stdout.contains(part), "{part}: {}", called.stdout);
    }
}
