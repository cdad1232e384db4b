//! Whatever call is the last one of a run, the next run ends with the origin's records, each once.

use std::sync::Arc;

use serde_json::json;
use spile_model::event::Outcome;
use spile_plan::{CursorOrder, Lookback, StreamPlan, WriteMode};

use crate::stage::{Stage, cached, incremental, keyed, stream, things};
use crate::unreliable::{Moment, Unreliable};

/// Fails at each call in turn, then runs again after the origin has changed.
async fn survives_every_failure(plan: StreamPlan, coalesce: usize) {
    let updates = plan.write != WriteMode::Append;
    let mut calls = 0;
    loop {
        let mut all_went_well = true;
        for moment in [Moment::Before, Moment::After] {
            let mut stage = Stage::with(things(17), plan.clone()).await;
            stage.place = stage.place.coalescing(coalesce);
            let destination = Unreliable::failing(stage.destination(), calls, moment);
            let report = stage.run_in(stage.world(), Arc::new(destination)).await;
            all_went_well &= report.outcome == Outcome::Succeeded;
            stage.things.update(|records| {
                if updates {
                    records.remove(0);
                    records.push(json!({ "id": 1, "at": 9 }));
                }
                records.extend((18..=21).map(|id| json!({ "id": id, "at": id / 2 })));
            });
            let again = stage.run().await;
            assert_eq!(again.outcome, Outcome::Succeeded, "{:?}", again.failures);
            assert_eq!(stage.table("things"), stage.origin(), "call {calls}, {moment:?}");
        }
        if all_went_well {
            assert!(calls > 2, "several calls were tried");
            return;
        }
        calls += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn append_in_order_survives_every_failure() {
    for coalesce in [1, 3] {
        let plan = incremental(stream(WriteMode::Append), CursorOrder::Ascending, Lookback::None);
        survives_every_failure(plan, coalesce).await;
    }
}

#[tokio::test(start_paused = true)]
async fn append_without_an_order_survives_every_failure() {
    for coalesce in [1, 3] {
        let plan = incremental(stream(WriteMode::Append), CursorOrder::Unordered, Lookback::None);
        survives_every_failure(plan, coalesce).await;
    }
}

#[tokio::test(start_paused = true)]
async fn append_with_a_key_survives_every_failure() {
    for order in [CursorOrder::Ascending, CursorOrder::Unordered] {
        let plan = incremental(keyed(stream(WriteMode::Append)), order, Lookback::Count(2));
        survives_every_failure(plan, 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn merge_survives_every_failure() {
    for order in [CursorOrder::Ascending, CursorOrder::Unordered] {
        let plan = incremental(keyed(stream(WriteMode::Merge)), order, Lookback::Count(1));
        survives_every_failure(plan, 2).await;
    }
    survives_every_failure(keyed(stream(WriteMode::Merge)), 1).await;
}

#[tokio::test(start_paused = true)]
async fn replace_survives_every_failure() {
    survives_every_failure(stream(WriteMode::Replace), 1).await;
    survives_every_failure(stream(WriteMode::Replace), 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_remembered_answer_never_hides_rows_that_were_not_committed() {
    for order in [CursorOrder::Ascending, CursorOrder::Unordered] {
        let plan = incremental(keyed(stream(WriteMode::Merge)), order, Lookback::Count(1));
        survives_every_failure(cached(plan), 2).await;
        let plan = incremental(stream(WriteMode::Append), order, Lookback::None);
        survives_every_failure(cached(plan), 2).await;
        let plan = incremental(keyed(stream(WriteMode::Append)), order, Lookback::Count(2));
        survives_every_failure(cached(plan), 1).await;
    }
    for coalesce in [1, 3] {
        survives_every_failure(cached(keyed(stream(WriteMode::Merge))), coalesce).await;
    }
}
