//! The story of a run: it gets its number, its streams are read, and how it ended is recorded.

use std::sync::Arc;

use futures::StreamExt;
use spile_destination::{Destination, RunEnd, RunStart};
use spile_http::Client;
use spile_model::event::Outcome;
use spile_model::{Failure, FailureKind, RunEvent, RunId, StreamName, StreamReport};
use spile_plan::PipelinePlan;
use spile_source::Source;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::archive::RunArchive;
use crate::report::{RunReport, in_one_line};
use crate::stream::{self, Shared};
use crate::tally::totals;
use crate::world::World;

/// So many streams are read at once. Each holds a batch that waits for its commit; requests are bounded by the
/// pipeline's `concurrency` in any case, so that more streams at once would not be faster.
pub const STREAMS_AT_ONCE: usize = 8;

/// Runs a pipeline into a destination. Never fails as a whole: what went wrong is in the report.
///
/// Cancel safe: dropping it is like a crash, after which the next run goes on from what is committed. To stop in an
/// orderly way, cancel `world.stop`.
pub async fn run(plan: Arc<PipelinePlan>, destination: Arc<dyn Destination>, world: World) -> RunReport {
    let began = Instant::now();
    let mut report = RunReport {
        pipeline: plan.name.clone(),
        run: None,
        replayed: world.archive.replays(),
        destination: destination.describe(),
        outcome: Outcome::Succeeded,
        streams: Vec::new(),
        failures: Vec::new(),
        notices: Vec::new(),
        spent: Vec::new(),
        took: began.elapsed(),
    };
    if let Err(failure) = run_into(&plan, destination, world, &mut report).await {
        report.failures.push(failure);
    }
    if !report.failures.is_empty() {
        report.outcome = Outcome::Failed;
    }
    report.took = began.elapsed();
    report
}

async fn run_into(
    plan: &Arc<PipelinePlan>,
    destination: Arc<dyn Destination>,
    world: World,
    report: &mut RunReport,
) -> Result<(), Failure> {
    let archive = RunArchive::open(&world.archive)?;
    let plan = &archive.plan(plan);
    let client = Client::new(plan, world.of_client().archiving(archive.of_client()))?;
    let replays = archive.replays(plan, &world, destination.as_ref()).await?;
    let start = RunStart { started_at: world.clock.now(), version: env!("CARGO_PKG_VERSION").to_owned(), replays };
    let run = destination.begin_run(&start).await?;
    report.run = Some(run);
    if let Err(failure) = archive.begin(plan, &client, run, start.started_at) {
        let (outcome, error) = (Outcome::Failed, Some(in_one_line(&failure)));
        destination.end_run(run, &RunEnd { outcome, error, ..end(&world, report) }).await?;
        return Err(failure);
    }
    tell_start(plan, &world, run, &report.destination);
    let source = Source::new(plan.clone(), client.clone());
    let shared = Arc::new(Shared { run, world, client, source, destination: destination.clone(), archive });
    read_streams(plan, &shared, report).await;
    shared.client.settled().await;
    report.notices = shared.client.notices();
    report.outcome = Outcome::together(report.streams.iter().map(|stream| stream.outcome));
    let mut end = end(&shared.world, report);
    if shared.archive.replay().is_some() {
        // What the recorded run asked is told already, and a replay asks nothing.
        end.requests.clear();
    }
    destination.end_run(run, &end).await?;
    shared.archive.end(&shared.world, report)
}

/// Reads the streams, some at a time, each on a task of its own: a page that is being typed holds up no other stream.
async fn read_streams(plan: &PipelinePlan, shared: &Arc<Shared>, report: &mut RunReport) {
    let wanted = plan.streams.iter().filter(|stream| shared.world.wants(&stream.name)).cloned();
    let mut reading = futures::stream::iter(wanted)
        .map(|stream| AbortOnDropHandle::new(tokio::spawn(stream::read(shared.clone(), stream))))
        .buffered(STREAMS_AT_ONCE);
    while let Some(joined) = reading.next().await {
        // A panic is a fault of ours. It ends the run as a crash would, which loses nothing.
        let (stream, failure): (StreamReport, Option<Failure>) =
            joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        report.streams.push(stream);
        match failure {
            Some(failure) if failure.kind == FailureKind::BudgetSpent => report.spent.push(failure),
            failure => report.failures.extend(failure),
        }
    }
}

fn tell_start(plan: &PipelinePlan, world: &World, run: RunId, destination: &str) {
    let streams: Vec<StreamName> =
        plan.streams.iter().map(|stream| stream.name.clone()).filter(|name| world.wants(name)).collect();
    world.events.emit(RunEvent::RunStarted {
        pipeline: plan.name.clone(),
        run,
        streams,
        destination: destination.to_owned(),
    });
}

fn end(world: &World, report: &RunReport) -> RunEnd {
    let errors: Vec<String> = report.failures.iter().chain(&report.spent).map(in_one_line).collect();
    RunEnd {
        finished_at: world.clock.now(),
        outcome: report.outcome,
        streams: report.streams.iter().map(totals).collect(),
        requests: report.streams.iter().flat_map(|stream| stream.endpoints.clone()).collect(),
        error: (!errors.is_empty()).then(|| errors.join("\n")),
    }
}
