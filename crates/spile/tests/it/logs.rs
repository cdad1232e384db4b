//! `-v` and `-vv`: what a person reads who debugs at night, and never a secret.

use serde_json::json;
use spile_testkit::fake_api::{FakeApi, Response, get};

use crate::place::Place;

#[test]
fn v_tells_requests_and_commits_and_vv_headers_and_page_tokens_without_secrets() {
    let api = FakeApi::start_blocking();
    api.route(get("/things"), |request| match request.query("token") {
        None => Response::json(json!({ "data": [{ "id": 1 }], "next": "s3cret-b" })),
        Some(_) => Response::json(json!({ "data": [{ "id": 2 }], "next": null })).header("X-Echo", "Bearer s3cret"),
    });
    let place = Place::with_pipeline(
        &format!("{}\n  auth: {{ bearer: s3cret }}", api.url()),
        "  things: { path: /things, records: $.data, primary_key: id, pagination: { page_token: { token: $.next, param: token } } }",
    );
    let v = place.call(&["run", "pipeline.yaml", "--json", "-v"]).succeeded().stderr.replace(&api.url(), "http://API");
    for told in
        ["GET http://API/things: 200 OK, ", "GET http://API/things?token=[redacted]-b: 200 OK", "committed 2 rows"]
    {
        assert!(v.contains(told), "{told} in {v}");
    }
    assert!(!v.contains("authorization"), "{v}");
    let vv = place.call(&["run", "pipeline.yaml", "--json", "-vv"]).succeeded().stderr;
    for told in ["authorization: [redacted]", "x-echo: Bearer [redacted]", "next page: [redacted]-b", "page 2: 1 rows"]
    {
        assert!(vv.contains(told), "{told} in {vv}");
    }
    assert!(!v.contains("s3cret") && !vv.contains("s3cret"), "{v}{vv}");
}
