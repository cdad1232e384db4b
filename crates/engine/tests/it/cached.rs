//! What has not changed is neither sent nor loaded again, and nothing else is passed over.

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde_json::json;
use spile_engine::World;
use spile_model::{RunEvent, StreamName};
use spile_plan::{CachePlan, CursorOrder, Lookback, PaginationKind, Reuse, StreamPlan, WriteMode};
use spile_testkit::fake_api::{FakeApi, Response, any};
use spile_testkit::memory_destination::MemoryPlace;
use spile_testkit::paged_api::{PagedApi, Paging};
use spile_testkit::plan;

use crate::stage::{Stage, cached, incremental, keyed, stream, things};
use crate::unreliable::Unreliable;

fn merged() -> StreamPlan {
    cached(keyed(stream(WriteMode::Merge)))
}

/// Pages answered whole, and pages answered 304, since these counts.
fn since(stage: &Stage, (whole, unchanged): (usize, usize)) -> (usize, usize) {
    (stage.things.pages() - whole, stage.things.unchanged() - unchanged)
}

fn counts(stage: &Stage) -> (usize, usize) {
    since(stage, (0, 0))
}

#[tokio::test(start_paused = true)]
async fn pages_that_have_not_changed_are_asked_about_and_not_loaded() {
    let stage = Stage::with(things(17), merged()).await;
    let first = stage.run().await;
    assert_eq!((first.streams[0].rows, first.streams[0].unchanged, counts(&stage)), (17, 0, (4, 0)));
    stage.things.update(|records| records[7] = json!({ "id": 8, "at": 99 }));
    for (rows, unchanged) in [(5, 3), (0, 4)] {
        let before = counts(&stage);
        let report = stage.run().await;
        let told = &report.streams[0];
        assert_eq!((told.rows, told.pages, told.unchanged), (rows, 4, unchanged), "{:?}", report.failures);
        assert_eq!(
            since(&stage, before),
            (4 - usize::try_from(unchanged).unwrap(), usize::try_from(unchanged).unwrap())
        );
        assert_eq!(stage.table("things"), stage.origin());
    }
    let heard = stage.heard.lock().unwrap();
    let told = heard.iter().filter(|event| matches!(event, RunEvent::PageRead { unchanged: true, rows: 0, .. }));
    assert_eq!(told.count(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_comes_whole_but_equal_is_not_loaded_either() {
    let mut stage = Stage::with(things(7), keyed(stream(WriteMode::Merge))).await;
    stage.plan.streams[0] = merged();
    assert_eq!(stage.run().await.streams[0].rows, 7);
    let again = stage.run().await;
    assert_eq!((again.streams[0].rows, again.streams[0].unchanged, counts(&stage)), (0, 2, (4, 0)));
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn where_the_rows_are_gone_or_wanted_anew_nothing_is_taken_for_known() {
    let stage = Stage::with(things(12), merged()).await;
    stage.run().await;

    let before = counts(&stage);
    let full = stage.run_in(World { full_refresh: true, ..stage.world() }, stage.destination()).await;
    assert_eq!((full.streams[0].rows, since(&stage, before)), (12, (3, 0)), "a full refresh");

    let before = counts(&stage);
    stage.destination().reset(&StreamName::new("things"), false).await.unwrap();
    assert_eq!((stage.run().await.streams[0].rows, since(&stage, before)), (12, (3, 0)), "a state that was reset");

    let before = counts(&stage);
    let dropped = Arc::new(Unreliable::forgetting(stage.destination()));
    let report = stage.run_in(stage.world(), dropped).await;
    assert_eq!((report.streams[0].rows, since(&stage, before)), (12, (3, 0)), "a table that was dropped");
    assert!(stage.warnings()[0].contains("the table `things` is gone"), "{:?}", stage.warnings());
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_makes_other_rows_of_its_answers_reads_them_anew() {
    let mut stage = Stage::with(things(12), merged()).await;
    stage.run().await;
    let before = counts(&stage);
    stage.plan.streams[0].shape.detect_dates = !stage.plan.streams[0].shape.detect_dates;
    assert_eq!((stage.run().await.streams[0].rows, since(&stage, before)), (12, (3, 0)));
}

#[tokio::test(start_paused = true)]
async fn an_incremental_stream_asks_whether_there_is_anything_new() {
    for (write, order) in [
        (WriteMode::Append, CursorOrder::Ascending),
        (WriteMode::Append, CursorOrder::Unordered),
        (WriteMode::Merge, CursorOrder::Ascending),
        (WriteMode::Merge, CursorOrder::Unordered),
    ] {
        let plan = if write == WriteMode::Merge { keyed(stream(write)) } else { stream(write) };
        let stage = Stage::with(things(12), cached(incremental(plan, order, Lookback::None))).await;
        stage.run().await;
        stage.run().await; // from the cursor on, for the first time
        let before = counts(&stage);
        let report = stage.run().await;
        assert_eq!((report.streams[0].rows, since(&stage, before)), (0, (0, 1)), "{write:?} {order:?}");
        stage.things.update(|records| records.push(json!({ "id": 13, "at": 6 })));
        stage.run().await;
        assert_eq!(stage.table("things"), stage.origin(), "{write:?} {order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_one_page_of_a_replaced_table_stays_where_it_has_not_changed() {
    let mut plan = cached(stream(WriteMode::Replace));
    plan.pagination.kind = PaginationKind::None;
    let stage = Stage::with(things(4), plan).await;
    stage.run().await;
    let again = stage.run().await;
    assert_eq!((again.streams[0].rows, again.streams[0].unchanged, counts(&stage)), (0, 1, (1, 1)));
    assert_eq!(stage.table("things"), stage.origin());
    stage.things.update(|records| records.truncate(2));
    assert_eq!(stage.run().await.streams[0].rows, 2);
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn pages_beyond_those_that_are_remembered_are_read_by_each_run_and_that_is_told() {
    let mut plan = merged();
    plan.cache = Some(CachePlan { reuse: Reuse::Never, pages: NonZeroUsize::new(3).unwrap() });
    let stage = Stage::with(things(25), plan).await;
    stage.run().await;
    assert!(stage.warnings()[0].starts_with("2 pages are more than `cache.pages` remembers"), "{:?}", stage.warnings());
    let again = stage.run().await;
    assert_eq!((again.streams[0].unchanged, counts(&stage)), (3, (7, 3)));
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn a_further_page_that_only_a_header_names_is_found() {
    let api = FakeApi::start().await;
    let things = PagedApi::over(things(10)).path("/things").paging(Paging::LinkHeader).page_size(5).etags().serve(&api);
    let mut stream = StreamPlan { records: plan::path("$"), ..merged() };
    stream.pagination.kind = PaginationKind::LinkHeader;
    let plan = plan::pipeline(&api.url(), vec![stream]);
    let stage = Stage { things, place: MemoryPlace::new(), plan, heard: Arc::default(), api };
    stage.run().await;
    // The last page was full, so it stays as it is when another one comes.
    stage.things.update(|records| records.push(json!({ "id": 11, "at": 5 })));
    stage.run().await;
    assert_eq!((stage.table("things"), counts(&stage)), (stage.origin(), (4, 1)));
    // The last page is not full any more: it is asked about like the others.
    stage.run().await;
    assert_eq!(counts(&stage), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn what_is_fresh_is_not_even_asked_for_where_that_is_wanted() {
    for (reuse, requests) in [(Reuse::Never, 2), (Reuse::Fresh, 1)] {
        let api = FakeApi::start().await;
        api.route(any(), |_| {
            Response::json(json!([{ "id": 1 }])).header("ETag", "\"1\"").header("Cache-Control", "max-age=60")
        });
        let mut stream = StreamPlan { records: plan::path("$"), ..merged() };
        stream.pagination.kind = PaginationKind::None;
        stream.cache = Some(CachePlan { reuse, pages: CachePlan::PAGES });
        let place = MemoryPlace::new();
        let pipeline = Arc::new(plan::pipeline(&api.url(), vec![stream]));
        for _ in 0..2 {
            let clock = spile_model::clock::FixedClock("2025-01-01T00:00:00Z".parse().unwrap());
            let world = World::new(Arc::new(clock), spile_model::Events::nowhere());
            let report = spile_engine::run(pipeline.clone(), Arc::from(place.open()), world).await;
            assert!(report.failures.is_empty(), "{:?}", report.failures);
        }
        assert_eq!(api.request_count(), requests, "{reuse:?}");
    }
}
