//! How fast pages become records: `cargo bench -p spile-source`. Prints MB/s from a server on loopback, first of bodies
//! that are only read, then of pages that are taken apart as well: what lies between is this room's own work.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, clippy::cast_precision_loss)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use spile_http::{Client, Request, Surroundings, Url};
use spile_model::{Events, StreamName, SystemClock};
use spile_plan::{PaginationKind, PipelinePlan};
use spile_source::{Source, Start};
use spile_testkit::fake_api::{FakeApi, Response, any};
use spile_testkit::plan;

const ROUNDS: usize = 15;
const PAGES: u64 = 100;
const RECORDS: u64 = 1000;

fn main() {
    let bodies: Vec<Bytes> = (1..=PAGES).map(body).collect();
    let megabytes = bodies.iter().map(Bytes::len).sum::<usize>() as f64 / 1e6;
    let api = FakeApi::start_blocking();
    api.route(any(), move |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        Response::json_text(bodies[page - 1].clone())
    });
    let plan = pipeline(&api.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{PAGES} pages of {RECORDS} records, {megabytes:.1} MB a round");
    report("read", megabytes, || runtime.block_on(read(&plan)));
    report("read and taken apart", megabytes, || runtime.block_on(take_apart(&plan)));
}

fn report(what: &str, megabytes: f64, mut round: impl FnMut()) {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    let rate = |took: Duration| megabytes / took.as_secs_f64();
    println!("{what}: best {:.0} MB/s, median {:.0} MB/s", rate(took[0]), rate(took[ROUNDS / 2]));
}

async fn read(plan: &PipelinePlan) {
    let client = client(plan);
    for page in 1..=PAGES {
        let url = Url::parse(&format!("{}/items?page={page}", plan.source.base_url)).unwrap();
        client.send(&Request::get(url), &StreamName::new("items")).await.unwrap();
    }
}

async fn take_apart(plan: &PipelinePlan) {
    let source = Source::new(Arc::new(plan.clone()), client(plan));
    let mut pages = source.pages(&plan.streams[0], Start::default());
    let mut records = 0;
    while let Some(page) = pages.next_page().await.unwrap() {
        records += page.records.len() as u64;
    }
    assert_eq!(records, PAGES * RECORDS);
}

fn client(plan: &PipelinePlan) -> Client {
    Client::new(plan, Surroundings::new(Arc::new(SystemClock), Events::nowhere(), 7)).unwrap()
}

/// One request at a time in both rounds, so that they differ in nothing but what becomes of the bodies.
fn pipeline(base_url: &str) -> PipelinePlan {
    let mut items = plan::stream("items");
    items.records = plan::path("$.data");
    items.pagination.kind = PaginationKind::PageNumber {
        page: plan::query("page"),
        start: 1,
        size: None,
        total_pages: Some(plan::path("$.pages")),
        has_more: None,
        stop_on_short_page: false,
    };
    let mut pipeline = plan::pipeline(base_url, vec![items]);
    pipeline.source.concurrency = std::num::NonZeroU32::MIN;
    pipeline
}

/// Records of about 390 bytes.
fn body(page: u64) -> Bytes {
    let records: Vec<String> = (0..RECORDS).map(|index| record(page * RECORDS + index)).collect();
    format!(r#"{{"data":[{}],"pages":{PAGES}}}"#, records.join(",")).into()
}

fn record(id: u64) -> String {
    format!(
        r#"{{"id":{id},"name":"A customer of some name","email":"someone{id}@example.test","amount":1234.56,"active":true,"created_at":"2024-05-06T07:08:09Z","address":{{"street":"Long Street 12","city":"Somewhere","zip":"12345"}},"tags":["one","two","three"],"note":"The quick brown fox jumps over the lazy dog.","score":0.123,"parent":null,"url":"https://example.test/customers/{id}"}}"#
    )
}
