//! What answers tell of the API's end reaches the events and the report, once for each stream.

use spile_http::{Request, Url};
use spile_model::{NoticeKind, Noticed, RunEvent, StreamName};
use spile_plan::ApiVersionPlan;
use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::support::{Rig, plan, stream};

fn told(rig: &Rig) -> Vec<Noticed> {
    let events = rig.events.lock().unwrap();
    let notices = events.iter().filter_map(|event| match event {
        RunEvent::Notice { stream, endpoint, notice } => {
            Some(Noticed { stream: stream.clone(), endpoint: endpoint.clone(), notice: notice.clone() })
        }
        _ => None,
    });
    notices.collect()
}

#[tokio::test(start_paused = true)]
async fn a_deprecated_endpoint_is_told_of_once_for_each_stream_refusals_included() {
    let api = FakeApi::start().await;
    api.route(any(), |request| {
        let status = if request.path == "/items/2" { 404 } else { 200 };
        Response::json([1])
            .with_status(status)
            .header("Deprecation", "@1688169599")
            .header("Sunset", "Thu, 01 Jan 2026 00:00:00 GMT")
    });
    let rig = Rig::new(&plan(&api.url()));
    rig.get(&api.url_of("/items/2?page=7")).await.unwrap_err();
    for page in 1..=20 {
        rig.get(&api.url_of(&format!("/items?page={page}"))).await.unwrap();
    }
    let request = Request::get(Url::parse(&api.url_of("/users")).unwrap());
    rig.client.send(&request, &StreamName::new("users")).await.unwrap();
    let notices = told(&rig);
    let short: Vec<_> =
        notices.iter().map(|one| (one.stream.as_str(), one.endpoint.as_str(), one.notice.kind)).collect();
    assert_eq!(
        short,
        [
            ("items", "GET /items/2", NoticeKind::Sunset),
            ("items", "GET /items/2", NoticeKind::Deprecation),
            ("users", "GET /users", NoticeKind::Sunset),
            ("users", "GET /users", NoticeKind::Deprecation),
        ]
    );
    assert_eq!(rig.client.notices(), notices);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_version_than_the_pinned_one_is_told() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::json([1]).header("X-Version", "2025-04"));
    let mut plan = plan(&api.url());
    plan.source.api_version =
        Some(ApiVersionPlan { value: "2025-01".to_owned(), told_in: vec!["X-Version".to_owned()] });
    let rig = Rig::new(&plan);
    rig.get(&api.url_of("/items")).await.unwrap();
    let [noticed] = told(&rig).try_into().unwrap();
    assert_eq!((noticed.stream, noticed.notice.kind), (stream(), NoticeKind::Version));
    assert_eq!(noticed.notice.message, "version 2025-04 of the API answers, and 2025-01 was asked for");
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_tells_holds_no_secret() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::json([1]).header("Warning", "299 - \"your token hunter2/+ü ends\""));
    let rig = Rig::new(&plan(&api.url()));
    rig.get(&api.url_of("/items/hunter2%2F%2B%C3%BC")).await.unwrap();
    let said = format!("{:?}", told(&rig));
    assert!(said.contains("your token [redacted] ends") && !said.contains("hunter2"), "{said}");
}
