//! Recorded runs that went wrong on our side, and their replays.

use std::path::Path;
use std::sync::Arc;

use spile_engine::{ArchiveUse, Chain, Replay, RunReport, World, recorded, run};
use spile_model::FailureKind;
use spile_model::event::Outcome;
use spile_plan::{CursorOrder, Lookback, StreamPlan, WriteMode};
use spile_testkit::memory_destination::MemoryPlace;

use crate::stage::{Stage, cached, incremental, keyed, stream, things};
use crate::unreliable::{Moment, Unreliable};

fn recording(stage: &Stage, folder: &Path) -> World {
    World { archive: ArchiveUse::Record { folder: folder.to_owned(), file: None }, ..stage.world() }
}

/// Replays all recorded runs into a place of their own.
async fn replayed(stage: &Stage, folder: &Path) -> (MemoryPlace, Vec<RunReport>) {
    let chain = Chain::of(recorded(folder).unwrap().runs);
    let (place, mut reports) = (MemoryPlace::new(), Vec::new());
    for at in 0..chain.runs().len() {
        let archive = ArchiveUse::Replay(Arc::new(Replay::of(&chain, at).unwrap()));
        let world = World { archive, ..stage.world() };
        reports.push(run(Arc::new(stage.plan.clone()), Arc::from(place.open()), world).await);
    }
    (place, reports)
}

fn streams() -> [StreamPlan; 4] {
    let ordered = |stream| incremental(stream, CursorOrder::Ascending, Lookback::None);
    [
        ordered(stream(WriteMode::Append)),
        keyed(stream(WriteMode::Merge)),
        stream(WriteMode::Append),
        cached(ordered(keyed(stream(WriteMode::Merge)))),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_destination_failed_is_replayed_as_far_as_it_was_committed_and_the_next_goes_on() {
    for stream in streams() {
        for (call, moment) in (0..4).flat_map(|call| [(call, Moment::Before), (call, Moment::After)]) {
            let stage = Stage::with(things(23), stream.clone()).await;
            let folder = tempfile::tempdir().unwrap();
            let broken = Unreliable::failing(stage.destination(), call, moment);
            let report = stage.run_in(recording(&stage, folder.path()), Arc::new(broken)).await;
            assert_eq!(report.outcome, Outcome::Failed);
            stage.run_in(recording(&stage, folder.path()), stage.destination()).await;
            let asked = stage.api.request_count();

            let (place, reports) = replayed(&stage, folder.path()).await;
            let told: Vec<_> = reports.iter().map(|report| (report.outcome, &report.failures)).collect();
            assert_eq!(reports[1].outcome, Outcome::Succeeded, "{call} {moment:?}: {told:?}");
            assert_ne!(reports[0].outcome, Outcome::Failed, "{call} {moment:?}: {told:?}");
            let ids = |place: &MemoryPlace| {
                let mut rows: Vec<_> = place.rows("things").iter().map(|row| row["id"].as_i64()).collect();
                rows.sort_unstable();
                rows
            };
            assert_eq!(ids(&place), ids(&stage.place), "{call} {moment:?}");
            assert_eq!(stage.api.request_count(), asked);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_recording_cannot_begin_has_failed_and_is_not_left_running() {
    let mut stage = Stage::with(things(3), stream(WriteMode::Append)).await;
    let folder = tempfile::tempdir().unwrap();
    // A name that no file can have.
    stage.plan.name = "no/such/folder".to_owned();
    let report = stage.run_in(recording(&stage, folder.path()), stage.destination()).await;
    assert_eq!(report.failures[0].kind, FailureKind::Archive);
    assert_eq!(stage.api.request_count(), 0);
    let runs = stage.place.rows("_spile_runs");
    assert_eq!((runs.len(), &runs[0]["outcome"]), (1, &serde_json::json!("failed")), "{runs:?}");
}
