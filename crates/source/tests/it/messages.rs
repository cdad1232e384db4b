//! What a person reads when a page is not what it should be: the place, what came, and what to do.

use serde_json::json;
use spile_expression::Template;
use spile_model::{Failure, FailureKind};
use spile_plan::{AuthPlan, PaginationKind};
use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::support::{page_number, plan, read};

async fn failure_of(response: Response) -> (Failure, String) {
    let api = FakeApi::start().await;
    api.route(any(), move |_| response.clone());
    let mut plan = plan(&api.url(), "$.data.items", PaginationKind::None);
    plan.source.auth = AuthPlan::Bearer(Template::compile("s3cret").unwrap());
    plan.source.retries.attempts = std::num::NonZeroU32::MIN;
    let failure = read(plan).await.unwrap_err();
    let text = failure.to_string().replace(&api.url(), "API");
    (failure, text)
}

#[tokio::test]
async fn every_message_names_stream_page_request_and_what_came() {
    let cases = [
        (
            Response::json(json!({"title": "Bad credentials", "detail": "token s3cret is unknown"})).with_status(401),
            FailureKind::Unauthorized,
            "GET API/items: answered with 401 Unauthorized: Bad credentials: token [redacted] is unknown",
        ),
        (Response::status(404), FailureKind::NotFound, "GET API/items: answered with 404 Not Found"),
        (
            Response::html("<html><title>Welcome s3cret</title>"),
            FailureKind::BadBody,
            "GET API/items: the body is not JSON but an HTML page titled \"Welcome [redacted]\" (labelled text/html; charset=utf-8)",
        ),
        (Response::json_text(""), FailureKind::BadBody, "GET API/items: the body is empty (labelled application/json)"),
        (
            Response::json(json!({"data": {"results": []}, "count": 0})),
            FailureKind::NoRecords,
            "GET API/items: the record path `$.data.items` selects nothing: the response holds an object with `data`, `count`; did you mean `$.data.results`?",
        ),
        (
            Response::json(json!({"error": {"message": "s3cret expired"}})),
            FailureKind::ErrorInBody,
            "GET API/items: the answer holds an error instead of records: `error` says \"[redacted] expired\"; the record path `$.data.items` selects nothing",
        ),
    ];
    for (response, kind, message) in cases {
        let (failure, text) = failure_of(response).await;
        assert_eq!(failure.kind, kind);
        assert_eq!(text, format!("stream `items`, page 1: {message}"));
    }
}

#[tokio::test]
async fn the_page_that_failed_is_named() {
    let api = FakeApi::start().await;
    api.route(any(), |request| match request.query("page").unwrap() {
        "3" => Response::status(403),
        page => Response::json([page]),
    });
    let failure = read(plan(&api.url(), "$", page_number())).await.unwrap_err();
    assert_eq!(failure.page, Some(3));
    assert!(failure.to_string().starts_with("stream `items`, page 3: GET "), "{failure}");
    assert!(failure.partition.is_some());
}

#[tokio::test]
async fn a_path_that_renders_to_nothing_is_a_mistake_in_the_file() {
    let mut plan = plan("http://127.0.0.1:9", "$", PaginationKind::None);
    plan.streams[0].request.path = Template::compile("/items/{{ missing }}").unwrap();
    let failure = read(plan).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Configuration);
    assert!(failure.message.starts_with("`path` renders to nothing"), "{failure}");
}
