//! Whatever a page names as the next one, only home is asked.

use std::sync::{Arc, Mutex};

use serde_json::json;
use spile_http::{Client, Names, Surroundings};
use spile_model::{Events, SystemClock};
use spile_plan::PaginationKind;
use spile_source::{Source, Start};
use spile_testkit::fake_api::{FakeApi, Response, any};
use spile_testkit::hostile_urls::hostile_urls;
use spile_testkit::plan::path;

use crate::support::plan;

/// Reads a stream for each hostile URL, which its first page names as the next one; says how many URLs there were and
/// how many of them ended the stream with a failure.
async fn named_as_next(kind: PaginationKind, name: fn(&str) -> Response, fits: fn(&str) -> bool) -> (usize, usize) {
    let (api, canary) = (FakeApi::start().await, FakeApi::start().await);
    let target = Arc::new(Mutex::new(String::new()));
    let named = Arc::clone(&target);
    api.route(any(), move |request| match request.path.as_str() {
        "/items" => name(&named.lock().unwrap()),
        _ => Response::json(json!({"data": [2]})),
    });
    let mut plan = plan(&api.url(), "$.data", kind);
    plan.source.allowed_origins = vec!["https://files.example".to_owned()];
    let names = Names::given(|host| panic!("{host} is looked up"));
    let surroundings = Surroundings::new(Arc::new(SystemClock), Events::nowhere(), 7).with_names(names);
    let client = Client::new(&plan, surroundings).unwrap();
    let stream = plan.streams[0].clone();
    let source = Source::new(Arc::new(plan), client.clone());
    let urls = hostile_urls(&api.address().to_string(), "files.example", canary.address().port());
    let urls: Vec<_> = urls.into_iter().filter(|url| fits(url)).collect();
    let mut refused = 0;
    for url in &urls {
        target.lock().unwrap().clone_from(url);
        let mut pages = source.pages(&stream, Start::default());
        refused += loop {
            match pages.next_page().await {
                Ok(Some(_)) => {}
                Ok(None) => break 0,
                Err(_) => break 1,
            }
        };
        assert_eq!(canary.connection_count(), 0, "{url}");
    }
    let sent = client.usage(&stream.name).requests;
    assert_eq!(sent, api.request_count() as u64, "all that was sent came home");
    (urls.len(), refused)
}

#[tokio::test]
async fn no_next_url_in_a_body_leads_to_anywhere_but_home() {
    let name = |url: &str| Response::json(json!({"data": [1], "next": url}));
    let (urls, refused) = named_as_next(PaginationKind::NextUrl { url: path("$.next") }, name, |_| true).await;
    assert!(urls >= 1000 && refused >= 900, "{urls} URLs, {refused} refused");
}

#[tokio::test]
async fn no_link_header_leads_to_anywhere_but_home() {
    let name = |url: &str| Response::json(json!({"data": [1]})).header("Link", format!("<{url}>; rel=\"next\""));
    let fits = |url: &str| !url.contains(char::is_control);
    let (urls, refused) = named_as_next(PaginationKind::LinkHeader, name, fits).await;
    assert!(urls >= 900 && refused >= 500, "{urls} URLs, {refused} refused");
}
