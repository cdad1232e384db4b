//! Looking at a stream without a destination.

use std::sync::Arc;

use spile_engine::look;
use spile_model::FailureKind;
use spile_plan::WriteMode;
use spile_testkit::fake_api::{Response, get};

use crate::stage::{Stage, named, stream, things};

#[tokio::test(start_paused = true)]
async fn a_look_reads_pages_until_there_are_enough_records() {
    let stage = Stage::with(things(12), stream(WriteMode::Append)).await;
    let plan = Arc::new(stage.plan.clone());
    let one = look(&plan, &plan.streams[0], 0, &stage.world()).await;
    assert_eq!((one.found, one.records.len(), one.more, stage.api.request_count()), (5, 0, true, 1));
    let two = look(&plan, &plan.streams[0], 7, &stage.world()).await;
    assert_eq!((two.found, two.records.len(), two.more, two.requests.len()), (10, 7, true, 2));
    assert_eq!(two.records[0], r#"{"id":1,"at":0}"#);
    let columns: Vec<&str> = two.schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["id", "at"]);
    let all = look(&plan, &plan.streams[0], 100, &stage.world()).await;
    assert_eq!((all.records.len(), all.more), (12, false));
}

#[tokio::test(start_paused = true)]
async fn a_look_fails_as_a_run_would() {
    let stage = Stage::with(Vec::new(), named(stream(WriteMode::Append), "secret")).await;
    stage.api.route(get("/secret"), |_| Response::status(401));
    let plan = Arc::new(stage.plan.clone());
    let failed = look(&plan, &plan.streams[0], 3, &stage.world()).await;
    let failure = failed.failure.unwrap();
    assert_eq!((failure.kind, failure.stream.is_some()), (FailureKind::Unauthorized, true));
    let last = failed.last.unwrap();
    assert_eq!((last.status.as_deref(), last.body), (Some("401 Unauthorized"), None));
    assert!(last.request.starts_with("GET http://"), "{}", last.request);
}
