//! The API answers, but not with what was asked for.

use insta::assert_snapshot;
use serde_json::json;
use spile_testkit::fake_api::{FakeApi, Response, any};

use super::{ONCE, Place, pipeline, place, told, told_with_env};

const HTML: &str = "<!doctype html><html><head><title>Sign in to Acme</title></head><body>…</body></html>";

/// What is told when the API gives this answer to everything.
fn told_of(response: Response, stream: &str) -> String {
    told_of_with(response, ONCE, stream)
}

fn told_of_with(response: Response, source: &str, stream: &str) -> String {
    let api = FakeApi::start_blocking();
    api.route(any(), move |_| response.clone());
    told(&pipeline(&api.url(), source, stream), &[(&api.url(), "http://API")])
}

#[test]
fn credentials_that_are_refused() {
    let answer = Response::json(json!({ "error": "invalid_token", "error_description": "the token has expired" }));
    assert_snapshot!(told_of(answer.with_status(401), "{ path: /orders }"));
}

#[test]
fn a_path_that_does_not_exist() {
    assert_snapshot!(told_of(
        Response::json(json!({ "message": "no route matches /ordres" })).with_status(404),
        "{ path: /ordres }"
    ));
}

#[test]
fn a_page_for_people_instead_of_records() {
    assert_snapshot!(told_of(Response::html(HTML), "{ path: /orders }"));
}

#[test]
fn an_empty_body() {
    assert_snapshot!(told_of(Response::json_text(""), "{ path: /orders }"));
}

#[test]
fn a_body_that_breaks_off() {
    assert_snapshot!(told_of(Response::json_text(r#"[{"id": 1}, {"id": 2, "na"#), "{ path: /orders }"));
}

#[test]
fn a_record_path_that_matches_nothing() {
    let answer = Response::json(json!({ "data": { "orders": [{ "id": 1 }] }, "meta": { "total": 1 } }));
    assert_snapshot!(told_of(answer, "{ path: /orders, records: $.orders }"));
}

#[test]
fn an_error_with_status_200() {
    let answer = Response::json(json!({ "errors": [{ "message": "field `orders` needs a scope" }], "data": null }));
    assert_snapshot!(told_of(answer, "{ path: /orders, records: $.data.orders }"));
}

#[test]
fn paging_whose_parameter_the_api_does_not_know() {
    let answer = Response::json(json!([{ "id": 1 }, { "id": 2 }]));
    assert_snapshot!(told_of(answer, "{ path: /orders, pagination: page_number }"));
}

#[test]
fn paging_whose_token_comes_again() {
    let api = FakeApi::start_blocking();
    api.route(any(), |request| {
        let id = request.number;
        Response::json(json!({ "data": [{ "id": id }], "next": if id % 2 == 0 { "even" } else { "odd" } }))
    });
    let stream = "{ path: /orders, records: $.data, pagination: { page_token: { token: $.next, param: after } } }";
    assert_snapshot!(told(&pipeline(&api.url(), ONCE, stream), &[(&api.url(), "http://API")]));
}

#[test]
fn an_api_that_asks_to_wait_longer_than_anybody_would() {
    let answer = Response::json(json!({ "message": "quota used up" })).with_status(429).header("Retry-After", 86_400);
    assert_snapshot!(told_of_with(answer, "  retries: { max_wait: 15m }\n", "{ path: /orders }"));
}

#[test]
fn a_server_that_fails() {
    assert_snapshot!(told_of(Response::html("<h1>Bad Gateway</h1>").with_status(502), "{ path: /orders }"));
}

/// The pipeline's secret comes back in the error, in three spellings; none is shown.
#[test]
fn an_error_that_repeats_the_secret() {
    const SECRET: &str = "s3cr3t/key+value";
    let api = FakeApi::start_blocking();
    api.route(any(), |request| {
        let key = request.query("key").unwrap_or_default().to_owned();
        let encoded = "s3cr3t%2Fkey%2Bvalue";
        let message = format!("the key {key} is unknown; see /keys/{encoded} (Bearer {key})");
        Response::json(json!({ "message": message })).with_status(403)
    });
    let place = place(&format!(
        "name: shop\nvariables:\n  key: {{ secret: true, env: SPILE_TEST_KEY }}\nsource:\n  base_url: {}\n  auth: {{ api_key: {{ query: key, value: \"{{{{ key }}}}\" }} }}\nstreams:\n  orders: {{ path: /orders }}\ndestination: duckdb:shop.duckdb\n",
        api.url()
    ));
    let said = told_with_env(&place, [("SPILE_TEST_KEY", SECRET)], &[(&api.url(), "http://API")]);
    assert!(!said.contains("s3cr3t"), "{said}");
    assert_nothing_keeps(&place, "s3cr3t");
    assert_snapshot!(said);
}

/// No file of the run holds the secret.
fn assert_nothing_keeps(place: &Place, secret: &str) {
    for entry in std::fs::read_dir(place.path("")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{} holds the secret", path.display());
    }
}
