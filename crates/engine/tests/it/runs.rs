//! Runs of several streams, runs that are stopped, and what is reported of them.

use std::sync::Arc;

use serde_json::json;
use spile_model::event::Outcome;
use spile_model::{FailureKind, RunEvent, StreamName};
use spile_plan::{CursorOrder, Lookback, WriteMode};
use spile_testkit::fake_api::{Response, get};

use crate::stage::{Stage, incremental, keyed, named, stream, things};
use crate::unreliable::Unreliable;

#[tokio::test(start_paused = true)]
async fn a_run_is_recorded_told_and_reported() {
    let stage = Stage::with(things(12), stream(WriteMode::Append)).await;
    let report = stage.run().await;
    assert_eq!(report.outcome, Outcome::Succeeded);
    let one = &report.streams[0];
    assert_eq!((one.rows, one.pages, one.requests, one.rejected), (12, 3, 3, 0));
    assert!(one.bytes > 0);
    let heard = stage.heard.lock().unwrap();
    let kinds: Vec<String> = heard.iter().map(|event| json!(event)["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds[..2], ["run_started", "stream_started"]);
    assert_eq!(kinds.iter().filter(|kind| *kind == "page_read").count(), 3);
    assert_eq!(kinds.last().unwrap(), "stream_finished");
    let runs = stage.place.rows("_spile_runs");
    assert_eq!((&runs[0]["outcome"], &runs[0]["error"]), (&json!("succeeded"), &json!(null)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_does_not_stop_the_others() {
    let mut stage = Stage::with(things(12), stream(WriteMode::Replace)).await;
    stage.plan.streams.insert(0, named(stream(WriteMode::Replace), "missing"));
    stage.api.route(get("/missing"), |_| Response::status(404));
    let report = stage.run().await;
    assert_eq!(report.outcome, Outcome::Failed);
    let outcomes: Vec<Outcome> = report.streams.iter().map(|stream| stream.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Succeeded]);
    assert_eq!(report.failures.len(), 1);
    assert_eq!(
        (&report.failures[0].kind, &report.failures[0].stream),
        (&FailureKind::NotFound, &Some(StreamName::new("missing")))
    );
    assert!(report.streams[0].error.as_ref().is_some_and(|error| error.contains("404")));
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_a_failure_is_committed() {
    let plan = incremental(stream(WriteMode::Append), CursorOrder::Ascending, Lookback::None);
    let mut stage = Stage::with(Vec::new(), named(plan, "halves")).await;
    stage.place = stage.place.coalescing(100);
    stage.api.route(get("/halves"), |request| match request.query("token") {
        None => Response::json(json!({ "data": [{ "id": 1, "at": 1 }], "next": "b" })),
        Some(_) => Response::status(403),
    });
    let report = stage.run().await;
    assert_eq!((report.outcome, report.streams[0].rows), (Outcome::Failed, 1));
    assert_eq!(stage.table("halves"), [(1, Some(1))]);
    assert_eq!(report.failures[0].page, Some(2));
}

#[tokio::test(start_paused = true)]
async fn only_the_wanted_streams_are_read() {
    let mut stage = Stage::with(things(12), stream(WriteMode::Replace)).await;
    stage.plan.streams.push(named(stream(WriteMode::Replace), "others"));
    let mut world = stage.world();
    world.only = vec![StreamName::new("things")];
    let report = stage.run_in(world, stage.destination()).await;
    assert_eq!(report.streams.len(), 1);
    assert_eq!(report.outcome, Outcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn when_asked_to_stop_the_page_at_work_is_finished_and_committed() {
    let plan = incremental(stream(WriteMode::Append), CursorOrder::Unordered, Lookback::None);
    let mut stage = Stage::with(things(22), plan).await;
    stage.place = stage.place.coalescing(100);
    let world = stage.world();
    let stop = world.stop.clone();
    let stopping = Unreliable::calling(stage.destination(), move |call| {
        if call == 1 {
            stop.cancel();
        }
    });
    let report = stage.run_in(world, Arc::new(stopping)).await;
    assert_eq!((report.outcome, report.streams[0].outcome), (Outcome::Interrupted, Outcome::Interrupted));
    assert_eq!(stage.table("things").len(), 10, "two pages were read, and both are in the table");
    let again = stage.run().await;
    assert_eq!(again.outcome, Outcome::Succeeded);
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_long_wait_for_the_api() {
    let stage = Stage::with(Vec::new(), named(stream(WriteMode::Append), "busy")).await;
    stage.api.route(get("/busy"), |_| Response::status(429).header("Retry-After", 3000));
    let world = stage.world();
    let stop = world.stop.clone();
    let heard = stage.heard.clone();
    let stopper = tokio::spawn(async move {
        while !heard.lock().unwrap().iter().any(|event| matches!(event, RunEvent::Waiting { .. })) {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    let began = tokio::time::Instant::now();
    let report = stage.run_in(world, stage.destination()).await;
    stopper.await.unwrap();
    assert_eq!(report.outcome, Outcome::Interrupted);
    assert!(began.elapsed().as_secs() < 3000);
}

#[tokio::test(start_paused = true)]
async fn replace_keeps_the_old_table_until_everything_was_read() {
    let mut stage = Stage::with(things(12), stream(WriteMode::Replace)).await;
    stage.run().await;
    let before = stage.table("things");
    stage.api.route(get("/broken"), |request| match request.query("token") {
        None => Response::json(json!({ "data": [{ "id": 99 }], "next": "b" })),
        Some(_) => Response::status(404),
    });
    let broken = named(stream(WriteMode::Replace), "broken");
    stage.plan.streams[0].request.path = broken.request.path;
    let report = stage.run().await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(stage.table("things"), before);
}

#[tokio::test(start_paused = true)]
async fn rejects_are_counted_and_cost_no_other_row() {
    let mut records = things(6);
    records[2] = json!({ "at": 1 });
    let stage = Stage::with(records, keyed(stream(WriteMode::Merge))).await;
    let report = stage.run().await;
    assert_eq!((report.streams[0].rows, report.streams[0].rejected), (5, 1));
    assert_eq!(report.outcome, Outcome::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_leaves_the_async_threads_of_a_real_runtime() {
    let stage = Stage::with(things(40), stream(WriteMode::Append)).await;
    let report = stage.run().await;
    assert_eq!(report.outcome, Outcome::Succeeded, "{:?}", report.failures);
    assert_eq!(stage.table("things"), stage.origin());
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_one_for_all_streams_and_every_run_has_its_own() {
    let plan = incremental(stream(WriteMode::Append), CursorOrder::Ascending, Lookback::None);
    let mut stage = Stage::with(things(24), plan).await;
    stage.plan.streams.push(named(stream(WriteMode::Replace), "others"));
    stage.api.route(get("/others"), |_| Response::json(json!({ "data": [{ "id": 1 }] })));
    stage.plan.budget.max_requests = std::num::NonZeroU64::new(3);
    let report = stage.run().await;
    assert_eq!((report.outcome, report.failures.len()), (Outcome::Interrupted, 0));
    assert_eq!(report.spent.first().map(|spent| &spent.kind), Some(&FailureKind::BudgetSpent));
    assert_eq!(stage.api.request_count(), 3);
    assert_eq!(report.streams.iter().map(|stream| stream.requests).sum::<u64>(), 3);
    let interrupted = report.streams.iter().find(|stream| stream.outcome == Outcome::Interrupted).unwrap();
    assert!(interrupted.error.as_ref().unwrap().contains("budget.max_requests"), "{interrupted:?}");
    let runs = stage.place.rows("_spile_runs");
    assert_eq!(runs[0]["outcome"], json!("interrupted"));
    assert!(runs[0]["error"].as_str().unwrap().contains("budget.max_requests"), "{runs:?}");
    let requests = stage.place.rows("_spile_requests");
    let sent: u64 = requests.iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    assert_eq!((requests.len(), sent), (2, 3));
    let mut runs = 1;
    while stage.run().await.outcome == Outcome::Interrupted {
        runs += 1;
        assert!(runs < 10, "each run gets further");
    }
    assert_eq!(stage.table("things"), stage.origin());
}
