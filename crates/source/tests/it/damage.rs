//! A partial page is never a page, wherever it is cut and whatever the headers say.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use spile_expression::Template;
use spile_plan::{PaginationKind, PipelinePlan};
use spile_source::Start;
use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::support::{plan, read_records, record, source};

fn body() -> String {
    let records: Vec<Value> = (0..70).map(record).collect();
    json!({"data": records, "next": null}).to_string()
}

fn strict(api: &FakeApi) -> PipelinePlan {
    let mut plan = plan(&api.url(), "$.data", PaginationKind::None);
    plan.source.retries.attempts = NonZeroU32::MIN;
    plan
}

/// Serves the body cut at every byte, and expects a failure each time.
async fn never_accepted(name: &str, cut: impl Fn(&str, usize) -> Response + Send + Sync + 'static) {
    let body = body();
    let length = body.len();
    assert!((1900..2300).contains(&length), "{length}");
    let api = FakeApi::start().await;
    api.route(any(), move |request| cut(&body, request.query("cut").unwrap().parse().unwrap()));
    let plan = strict(&api);
    let mut stream = plan.streams[0].clone();
    let source = source(plan);
    for at in 0..length {
        stream.request.path = Template::compile(&format!("/items?cut={at}")).unwrap();
        let outcome = source.pages(&stream, Start::default()).next_page().await.map(|page| page.is_some());
        assert!(outcome.is_err(), "{name}, cut at {at}: {outcome:?}");
    }
}

#[tokio::test]
async fn cut_before_the_announced_length() {
    never_accepted("length", |body, at| Response::json_text(body.to_owned()).truncate_at(at)).await;
}

#[tokio::test]
async fn cut_with_a_length_that_says_it_is_whole() {
    never_accepted("lie", |body, at| Response::json_text(body[..at].to_owned())).await;
}

#[tokio::test]
async fn cut_in_chunks_without_their_end() {
    never_accepted("chunks", |body, at| Response::json_text(body.to_owned()).chunked(64).truncate_at(at)).await;
}

#[tokio::test]
async fn cut_in_chunks_that_say_they_are_whole() {
    never_accepted("whole chunks", |body, at| Response::json_text(body[..at].to_owned()).chunked(64)).await;
}

#[tokio::test]
async fn cut_where_only_the_close_tells_the_end() {
    never_accepted("close", |body, at| Response::json_text(body.to_owned()).until_close().truncate_at(at)).await;
}

#[tokio::test]
async fn cut_before_compression() {
    never_accepted("gzip", |body, at| Response::json_text(body[..at].to_owned()).gzip()).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_page_is_asked_for_again_and_then_whole() {
    let api = FakeApi::start().await;
    let whole = Response::json_text(body());
    api.expect(any()).respond_each([
        whole.clone().truncate_at(700),
        Response::json_text(body()[..700].to_owned()),
        whole,
    ]);
    let records = read_records(plan(&api.url(), "$.data", PaginationKind::None)).await;
    assert_eq!(records, (0..70).map(record).collect::<Vec<_>>());
}
