//! What the tests play on: an API with things, a pipeline that reads them, a destination, and what was heard.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use spile_destination::Destination;
use spile_engine::{RunReport, World, run};
use spile_model::clock::FixedClock;
use spile_model::{Events, RunEvent, StreamName};
use spile_plan::{
    CachePlan, CursorOrder, CursorPlan, Lookback, PaginationKind, PipelinePlan, Reuse, StreamPlan, TokenSource,
    WriteMode,
};
use spile_testkit::fake_api::FakeApi;
use spile_testkit::memory_destination::MemoryPlace;
use spile_testkit::paged_api::{Comparison, PagedApi, Paging, Served};
use spile_testkit::plan;

/// Everything a test needs.
pub(crate) struct Stage {
    pub(crate) api: FakeApi,
    pub(crate) things: Served,
    pub(crate) place: MemoryPlace,
    pub(crate) plan: PipelinePlan,
    pub(crate) heard: Arc<Mutex<Vec<RunEvent>>>,
}

impl Stage {
    /// An API with these things, five to a page, and a pipeline that reads them with `stream`.
    pub(crate) async fn with(records: Vec<Value>, stream: StreamPlan) -> Self {
        let api = FakeApi::start().await;
        let mut things = PagedApi::over(records)
            .path("/things")
            .records_at("/data")
            .paging(Paging::TokenInBody { at: "/next".to_owned(), parameter: "token".to_owned() })
            .page_size(5)
            .filter("at", Comparison::AtLeast, "since");
        if stream.cursor.as_ref().is_some_and(|cursor| cursor.order == CursorOrder::Ascending) {
            things = things.ordered_by("at");
        }
        if stream.cache.is_some() {
            things = things.etags();
        }
        let things = things.serve(&api);
        let plan = plan::pipeline(&api.url(), vec![stream]);
        Self { api, things, place: MemoryPlace::new(), plan, heard: Arc::default() }
    }

    pub(crate) fn destination(&self) -> Arc<dyn Destination> {
        Arc::from(self.place.open())
    }

    pub(crate) fn world(&self) -> World {
        let heard = self.heard.clone();
        let clock = FixedClock("2025-01-01T00:00:00Z".parse().unwrap());
        World::new(Arc::new(clock), Events::to(move |event| heard.lock().unwrap().push(event)))
    }

    pub(crate) async fn run(&self) -> RunReport {
        self.run_in(self.world(), self.destination()).await
    }

    pub(crate) async fn run_in(&self, world: World, destination: Arc<dyn Destination>) -> RunReport {
        run(Arc::new(self.plan.clone()), destination, world).await
    }

    /// The ids and cursors of a table, sorted.
    pub(crate) fn table(&self, name: &str) -> Vec<(i64, Option<i64>)> {
        pairs(self.place.rows(name).iter())
    }

    /// The same of the API.
    pub(crate) fn origin(&self) -> Vec<(i64, Option<i64>)> {
        let records = self.things.records();
        pairs(records.iter().map(|record| record.as_object().unwrap()))
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let warnings = heard.iter().filter_map(|event| match event {
            RunEvent::Warning { message, .. } => Some(message.clone()),
            _ => None,
        });
        warnings.collect()
    }

    /// The `since` of every request so far.
    pub(crate) fn asked_since(&self) -> Vec<Option<String>> {
        self.api.requests().iter().map(|request| request.query("since").map(ToOwned::to_owned)).collect()
    }
}

fn pairs<'r>(rows: impl Iterator<Item = &'r Map<String, Value>>) -> Vec<(i64, Option<i64>)> {
    let mut pairs: Vec<_> =
        rows.map(|row| (row["id"].as_i64().unwrap(), row.get("at").and_then(Value::as_i64))).collect();
    pairs.sort_unstable();
    pairs
}

/// Records with ids from 1 and a cursor that every second record moves.
pub(crate) fn things(count: i64) -> Vec<Value> {
    (1..=count).map(|id| json!({ "id": id, "at": id / 2 })).collect()
}

pub(crate) fn stream(write: WriteMode) -> StreamPlan {
    let mut stream = StreamPlan { write, records: plan::path("$.data"), ..plan::stream("things") };
    stream.pagination.kind = PaginationKind::PageToken {
        token: TokenSource::Body(plan::path("$.next")),
        inject: plan::query("token"),
        has_more: None,
    };
    stream
}

pub(crate) fn keyed(stream: StreamPlan) -> StreamPlan {
    StreamPlan { primary_key: vec!["id".to_owned()], ..stream }
}

pub(crate) fn incremental(stream: StreamPlan, order: CursorOrder, lookback: Lookback) -> StreamPlan {
    let cursor = CursorPlan { inject: Some(plan::query("since")), lookback, order, ..plan::cursor("at") };
    StreamPlan { cursor: Some(cursor), ..stream }
}

/// A stream whose answers are remembered.
pub(crate) fn cached(stream: StreamPlan) -> StreamPlan {
    StreamPlan { cache: Some(CachePlan { reuse: Reuse::Never, pages: CachePlan::PAGES }), ..stream }
}

/// The same stream under another name, path and table.
pub(crate) fn named(stream: StreamPlan, name: &str) -> StreamPlan {
    StreamPlan { name: StreamName::new(name), table: name.to_owned(), request: plan::stream(name).request, ..stream }
}
