//! Reads a stream to its end.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::{Value, json};
use spile_http::{Client, Surroundings};
use spile_model::{CursorValue, Events, Failure, Page, SystemClock};
use spile_plan::{PageLimit, PaginationKind, PipelinePlan};
use spile_source::{Pages, Source, Start};
use spile_testkit::plan::{path, pipeline, query, stream};

pub(crate) fn size(records: u64) -> PageLimit {
    PageLimit { inject: Some(query("limit")), size: NonZeroU64::new(records).unwrap() }
}

pub(crate) fn page_number() -> PaginationKind {
    PaginationKind::PageNumber {
        page: query("page"),
        start: 1,
        size: None,
        total_pages: None,
        has_more: None,
        stop_on_short_page: false,
    }
}

pub(crate) fn offset(limit: u64) -> PaginationKind {
    PaginationKind::Offset {
        offset: query("offset"),
        start: 0,
        limit: size(limit),
        total: None,
        has_more: None,
        stop_on_short_page: false,
    }
}

/// A plan whose records are at `records` and whose pages follow each other by `kind`.
pub(crate) fn plan(base_url: &str, records: &str, kind: PaginationKind) -> PipelinePlan {
    let mut items = stream("items");
    items.records = path(records);
    items.pagination.kind = kind;
    pipeline(base_url, vec![items])
}

pub(crate) fn source(plan: PipelinePlan) -> Source {
    let client = Client::new(&plan, Surroundings::new(Arc::new(SystemClock), Events::nowhere(), 7)).unwrap();
    Source::new(Arc::new(plan), client)
}

pub(crate) fn pages(plan: PipelinePlan, from: Option<CursorValue>) -> Pages {
    let stream = plan.streams[0].clone();
    source(plan).pages(&stream, Start { cursor: from, ..Start::default() })
}

pub(crate) fn records(page: &Page) -> Vec<Value> {
    (0..page.records.len()).map(|index| serde_json::from_slice(page.record(index)).unwrap()).collect()
}

/// All pages to the end.
pub(crate) async fn read(plan: PipelinePlan) -> Result<Vec<Page>, Failure> {
    let mut pages = pages(plan, None);
    let mut read = Vec::new();
    while let Some(page) = pages.next_page().await? {
        read.push(page);
    }
    Ok(read)
}

/// All records to the end, and how the pages were numbered.
pub(crate) async fn read_records(plan: PipelinePlan) -> Vec<Value> {
    let pages = read(plan).await.unwrap();
    let numbers: Vec<u64> = pages.iter().map(|page| page.number).collect();
    assert_eq!(numbers, (1..=pages.len() as u64).collect::<Vec<_>>());
    let last: Vec<bool> = pages.iter().map(|page| page.last).collect();
    assert_eq!(last.iter().position(|last| *last), Some(pages.len() - 1), "only the last page is the last");
    pages.iter().flat_map(records).collect()
}

pub(crate) fn record(index: usize) -> Value {
    json!({"id": index, "name": format!("record {index}")})
}
