//! `spile run`: the pipeline, with its progress while it runs and a report at the end.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use spile_destination::Destination;
use spile_engine::{RunReport, World};
use spile_model::FailureKind;
use spile_model::event::Outcome;
use spile_plan::PipelinePlan;

use crate::arguments::PipelineArguments;
use crate::exit::Exit;
use crate::open;
use crate::output::progress::{Progress, Style};
use crate::output::terminal::Terminal;
use crate::output::{closing, failure};
use crate::problem::{Problem, exit_of};
use crate::stop;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pipeline: PipelineArguments,
    /// Read only this stream; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// Read from the beginning, whatever the state says (not for `append`, which would double its rows)
    #[arg(long)]
    full_refresh: bool,
    /// Record every exchange into the archive in this folder, for `spile replay`; the pipeline's own `archive` otherwise
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Print every event as a line of JSON on stdout, and nothing else there
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn execute(arguments: &Arguments, verbose: bool, terminal: &Terminal) -> Result<Exit, Problem> {
    let plan = open::pipeline(&arguments.pipeline, (!arguments.quiet).then_some(terminal)).await?;
    let only = open::streams(&plan, &arguments.streams)?;
    let destination = open::destination(&plan).await?;
    let style = Style::choose(arguments.json, arguments.quiet, verbose, terminal);
    let progress = Progress::start(style, terminal);
    let archive = open::recording(arguments.record.as_ref(), &plan, &arguments.pipeline.file);
    let world = World { only, full_refresh: arguments.full_refresh, archive, ..open::world(&plan, progress.events()) };
    let Some(report) = until_stopped(&plan, destination, world, &progress).await else {
        progress.finish(None);
        return Ok(Exit::Interrupted);
    };
    progress.finish(Some(&report));
    if style.shows_closing() {
        closing::show(&report, &plan.destination, verbose, terminal);
    }
    report.failures.iter().for_each(|one| failure::show_failure(one, terminal));
    report.spent.iter().take(1).for_each(|spent| failure::show_spent(spent, terminal));
    Ok(exit(&report))
}

/// Runs the pipeline; none where a second signal ended it at once.
pub(crate) async fn until_stopped(
    plan: &Arc<PipelinePlan>,
    destination: Arc<dyn Destination>,
    world: World,
    progress: &Progress,
) -> Option<RunReport> {
    let stop = world.stop.clone();
    tokio::select! {
        report = spile_engine::run(plan.clone(), destination, world) => Some(report),
        () = stop::signals(stop, || progress.stopping()) => None,
    }
}

/// The exit code of a run.
pub(crate) fn exit(report: &RunReport) -> Exit {
    match report.outcome {
        Outcome::Succeeded => Exit::Success,
        Outcome::Interrupted if !report.spent.is_empty() => Exit::Spent,
        Outcome::Interrupted => Exit::Interrupted,
        Outcome::Failed => {
            let locked = report.failures.iter().any(|failure| failure.kind == FailureKind::DestinationLocked);
            if locked { exit_of(&FailureKind::DestinationLocked) } else { Exit::Failed }
        }
    }
}
