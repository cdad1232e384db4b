//! Answers of status 200 that hold no records: each is a failure in words, or an empty page where the plan says so, and
//! never "no rows, success" by itself.

use serde_json::json;
use spile_model::FailureKind;
use spile_plan::{MissingRecords, PaginationKind};
use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::support::{plan, read};

/// What becomes of an answer where records are at `$.data`: by default, and with `missing_records: empty`.
type Fate = (Option<FailureKind>, Option<FailureKind>);

fn forms() -> Vec<(&'static str, Response, Fate)> {
    use FailureKind::{BadBody, ErrorInBody, NoRecords};
    let always = |kind: FailureKind| (Some(kind.clone()), Some(kind));
    let if_wanted = |kind| (Some(kind), None);
    vec![
        ("a web page", Response::html("<!doctype html><title>Sign in</title>"), always(BadBody)),
        ("a web page that says it is JSON", Response::json_text("<html></html>"), always(BadBody)),
        ("nothing", Response::json_text(""), always(BadBody)),
        ("white space", Response::json_text(" \r\n\t"), always(BadBody)),
        ("null", Response::json_text("null"), if_wanted(NoRecords)),
        ("a text", Response::json_text("\"OK\""), if_wanted(NoRecords)),
        ("null in the place of records", Response::json(json!({"data": null})), (None, None)),
        ("an empty object", Response::json(json!({})), if_wanted(NoRecords)),
        ("no records at all", Response::json(json!({"data": []})), (None, None)),
        (
            "errors of GraphQL",
            Response::json(json!({"errors": [{"message": "no"}], "data": null})),
            if_wanted(ErrorInBody),
        ),
        ("an error object", Response::json(json!({"error": {"code": 7, "message": "quota"}})), if_wanted(ErrorInBody)),
        ("a message", Response::json(json!({"message": "API key expired"})), if_wanted(NoRecords)),
        ("XML", Response::bytes("application/xml", "<error>no</error>"), always(BadBody)),
        ("a page that was cut", Response::json_text("{\"data\": [{\"id\": 1}"), always(BadBody)),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_records_is_a_failure_or_empty_as_the_plan_says() {
    let forms = forms();
    assert!(forms.len() >= 12, "{}", forms.len());
    let mut wrong = Vec::new();
    for (name, answer, (by_default, if_empty)) in forms {
        for (missing, expected) in [(MissingRecords::Fail, by_default), (MissingRecords::Empty, if_empty)] {
            let api = FakeApi::start().await;
            let served = answer.clone();
            api.route(any(), move |_| served.clone());
            let mut plan = plan(&api.url(), "$.data", PaginationKind::None);
            plan.streams[0].missing_records = missing;
            let fate = match read(plan).await {
                Ok(pages) => {
                    assert!(pages.iter().all(|page| page.records.is_empty()), "{name}");
                    None
                }
                Err(failure) => Some(failure.kind),
            };
            if fate != expected {
                wrong.push(format!("{name}, {missing:?}: {fate:?} instead of {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
