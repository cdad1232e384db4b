//! Later runs go on from where earlier ones got.

use std::sync::Arc;

use serde_json::json;
use spile_model::event::Outcome;
use spile_model::{CursorValue, FailureKind, StreamName};
use spile_plan::{CursorOrder, Lookback, WriteMode};

use crate::stage::{Stage, incremental, keyed, stream, things};
use crate::unreliable::Unreliable;

#[tokio::test(start_paused = true)]
async fn a_second_run_asks_from_the_cursor_on_and_loads_only_what_is_new() {
    let plan = incremental(stream(WriteMode::Append), CursorOrder::Unordered, Lookback::None);
    let stage = Stage::with(things(12), plan).await;
    let first = stage.run().await;
    assert_eq!((first.streams[0].rows, &first.streams[0].cursor), (12, &Some(CursorValue::Int(6))));
    let before = stage.api.request_count();
    stage.things.update(|records| records.extend((13..=15).map(|id| json!({ "id": id, "at": id / 2 }))));
    let second = stage.run().await;
    assert_eq!(stage.asked_since()[before], Some("6".to_owned()));
    assert_eq!(
        (second.streams[0].rows, second.streams[0].known),
        (3, 1),
        "record 12 stands at the cursor and is known"
    );
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn requests_go_back_by_the_lookback() {
    let plan = incremental(keyed(stream(WriteMode::Merge)), CursorOrder::Unordered, Lookback::Count(4));
    let stage = Stage::with(things(12), plan).await;
    stage.run().await;
    let before = stage.api.request_count();
    stage.run().await;
    assert_eq!(stage.asked_since()[before], Some("2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn records_without_a_cursor_are_loaded_and_told_in_one_warning() {
    let plan = incremental(keyed(stream(WriteMode::Merge)), CursorOrder::Unordered, Lookback::None);
    let mut records = things(12);
    records[3] = json!({ "id": 4 });
    records[9] = json!({ "id": 10, "at": null });
    let stage = Stage::with(records, plan).await;
    let report = stage.run().await;
    assert_eq!((report.streams[0].rows, &report.streams[0].cursor), (12, &Some(CursorValue::Int(6))));
    assert_eq!(stage.warnings().len(), 1);
    assert!(stage.warnings()[0].starts_with("2 records have no `at`"), "{:?}", stage.warnings());
}

#[tokio::test(start_paused = true)]
async fn a_cursor_field_without_order_is_a_failure_that_names_its_type() {
    let plan = incremental(keyed(stream(WriteMode::Merge)), CursorOrder::Unordered, Lookback::None);
    let stage = Stage::with(vec![json!({ "id": 1, "at": true })], plan).await;
    let report = stage.run().await;
    assert_eq!(report.failures[0].kind, FailureKind::Cursor);
    assert!(report.failures[0].message.contains("type bool"), "{}", report.failures[0].message);
}

#[tokio::test(start_paused = true)]
async fn records_against_the_declared_order_stop_the_stream_and_keep_what_came_before() {
    let plan = incremental(keyed(stream(WriteMode::Merge)), CursorOrder::Ascending, Lookback::None);
    let mut stage = Stage::with(things(12), plan).await;
    stage.plan.streams[0].cursor.as_mut().unwrap().field = "left".to_owned();
    stage.things.update(|records| {
        for record in records {
            record["left"] = json!(100 - record["id"].as_i64().unwrap());
        }
    });
    let report = stage.run().await;
    assert_eq!(report.failures[0].kind, FailureKind::Cursor);
    assert_eq!(report.failures[0].page, Some(1));
    assert!(stage.table("things").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_gone_is_read_from_the_beginning_with_a_warning() {
    let plan = incremental(keyed(stream(WriteMode::Merge)), CursorOrder::Ascending, Lookback::None);
    let stage = Stage::with(things(12), plan).await;
    stage.run().await;
    let before = stage.api.request_count();
    let report = stage.run_in(stage.world(), Arc::new(Unreliable::forgetting(stage.destination()))).await;
    assert_eq!(report.outcome, Outcome::Succeeded, "{:?}", report.failures);
    assert!(stage.warnings().iter().any(|warning| warning.contains("`things` is gone")), "{:?}", stage.warnings());
    assert_eq!(stage.asked_since()[before], None);
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn a_full_refresh_reads_everything_again() {
    let plan = incremental(keyed(stream(WriteMode::Merge)), CursorOrder::Unordered, Lookback::None);
    let stage = Stage::with(things(12), plan).await;
    stage.run().await;
    let mut world = stage.world();
    world.full_refresh = true;
    let report = stage.run_in(world, stage.destination()).await;
    assert_eq!(report.streams[0].rows, 12);
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn a_full_refresh_of_append_is_refused_for_it_would_double_the_rows() {
    let plan = incremental(stream(WriteMode::Append), CursorOrder::Unordered, Lookback::None);
    let stage = Stage::with(things(12), plan).await;
    stage.run().await;
    let mut world = stage.world();
    world.full_refresh = true;
    let report = stage.run_in(world, stage.destination()).await;
    assert!(report.failures[0].message.contains("--drop-tables"), "{}", report.failures[0].message);
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn after_a_reset_a_stream_is_read_from_the_beginning() {
    let plan = incremental(stream(WriteMode::Append), CursorOrder::Unordered, Lookback::None);
    let stage = Stage::with(things(12), plan).await;
    stage.run().await;
    assert!(stage.destination().reset(&StreamName::new("things"), true).await.unwrap());
    let report = stage.run().await;
    assert_eq!(report.streams[0].rows, 12);
    assert_eq!(stage.table("things"), stage.origin());
}
