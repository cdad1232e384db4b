//! `spile replay`: the tables once more, from what was recorded.

mod choice;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use spile_config::Replayed;
use spile_destination::Destination;
use spile_engine::{ArchiveUse, Chain, Contents, Recorded, Replay, RunReport, World, recorded};
use spile_model::clock::FixedClock;
use spile_model::event::Outcome;
use spile_model::{FailureKind, RunEvent, StreamName};
use spile_plan::PipelinePlan;

use crate::arguments::assignment;
use crate::commands::replay::choice::Choice;
use crate::commands::run::{exit, until_stopped};
use crate::exit::Exit;
use crate::open;
use crate::output::number::counted;
use crate::output::progress::{Progress, Style};
use crate::output::terminal::Terminal;
use crate::output::{closing, failure, table};
use crate::problem::Problem;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of the archive
    #[arg(value_name = "DIR")]
    archive: PathBuf,
    /// The pipeline file; the one that was recorded, as it is now, where none is named
    #[arg(value_name = "PIPELINE")]
    file: Option<PathBuf>,
    /// Write into this DuckDB file instead of the pipeline's destination
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Replay only this run, by its number or by when it started (`2026-03-01T12:00:00Z`), or with two dots behind it this
    /// one and all later ones (`7..`); may be given several times. All of them otherwise, the oldest first
    #[arg(long = "run", value_name = "RUN", value_parser = Choice::parse)]
    runs: Vec<Choice>,
    /// Replay only this stream; may be given several times
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// Set a variable of the pipeline, which otherwise has its value of the recorded run; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Show the recorded runs, all or those of PIPELINE and `--run`, and replay nothing
    #[arg(long, conflicts_with_all = ["to", "json", "quiet", "streams", "set"])]
    list: bool,
    /// Print every event as a line of JSON on stdout, and nothing else there
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn execute(arguments: &Arguments, verbose: bool, terminal: &Terminal) -> Result<Exit, Problem> {
    let Contents { runs: found, unreadable } = contents(&arguments.archive)?;
    if arguments.list && !(found.is_empty() && unreadable.is_empty()) {
        list(&listed(arguments, found)?, &unreadable, terminal);
        return Ok(Exit::Success);
    }
    refuse_unreadable(arguments, &unreadable, terminal)?;
    if found.is_empty() {
        return Err(Problem::failed(format!("the archive in {} holds no run", arguments.archive.display())));
    }
    let file = pipeline_file(arguments, &found)?;
    let (chain, turns) = turns(arguments, &file, found)?;
    let style = Style::choose(arguments.json, arguments.quiet, verbose, terminal);
    let mut destination = None;
    let mut worst = Exit::Success;
    for at in turns {
        let run = &chain.runs()[at];
        // A run that was killed before its first stream has nothing to replay.
        if run.streams.is_empty() {
            continue;
        }
        let variables = Replayed(run.head.variables.clone());
        let plan = open::replayed(&file, &arguments.set, variables, arguments.to.as_deref())?;
        let destination = match &destination {
            Some(open) => Arc::clone(open),
            None => Arc::clone(destination.insert(open::destination(&plan).await?)),
        };
        if style.shows_closing() {
            terminal.tell(&format!("replays run {}, recorded {:.0}", run.head.run, run.head.started_at));
        }
        let recorded = run.end.as_ref().map(|end| end.outcome);
        let Some(report) = replay(arguments, &plan, destination, (&chain, at), (style, verbose), terminal).await?
        else {
            return Ok(Exit::Interrupted);
        };
        match verdict(&report, recorded) {
            Verdict::AsRecorded => {}
            Verdict::FailedAsRecorded => worst = Exit::Failed,
            Verdict::Otherwise => return Ok(exit(&report)),
        }
    }
    Ok(worst)
}

/// Replays one run; none where the user asked to stop.
async fn replay(
    arguments: &Arguments,
    plan: &Arc<PipelinePlan>,
    destination: Arc<dyn Destination>,
    (chain, at): (&Arc<Chain>, usize),
    (style, verbose): (Style, bool),
    terminal: &Terminal,
) -> Result<Option<RunReport>, Problem> {
    let run = &chain.runs()[at];
    let (only, absent) = streams(plan, &arguments.streams, run)?;
    let progress = Progress::start(style, terminal);
    for stream in absent {
        let message = format!("run {} did not read this stream, so that there is nothing to replay", run.head.run);
        progress.events().emit(RunEvent::Warning { stream: Some(stream), message });
    }
    // Whether what is remembered of answers is still fresh must be decided as it was.
    let clock = Arc::new(FixedClock(run.head.started_at));
    let archive = ArchiveUse::Replay(Arc::new(Replay::of(chain, at)?));
    let world = World { only, archive, clock, ..open::world(plan, progress.events()) };
    let stop = world.stop.clone();
    let report = until_stopped(plan, destination, world, &progress).await;
    progress.finish(report.as_ref());
    if let Some(report) = &report {
        if style.shows_closing() {
            closing::show(report, &plan.destination, verbose, terminal);
        }
        for one in &report.failures {
            failure::show_failure(one, terminal);
        }
    }
    Ok(report.filter(|_| !stop.is_cancelled()))
}

/// What the end of a replayed run means for the runs behind it.
enum Verdict {
    AsRecorded,
    /// The API's failure was recorded too.
    FailedAsRecorded,
    /// What comes after it would not fit.
    Otherwise,
}

fn verdict(report: &RunReport, recorded: Option<Outcome>) -> Verdict {
    let of_the_replay =
        [FailureKind::NotRecorded, FailureKind::RecordingEnds, FailureKind::Archive, FailureKind::ReplayPlace];
    let differs = report.failures.iter().any(|failure| of_the_replay.contains(&failure.kind));
    match (report.outcome, recorded) {
        // A run that failed for want of room, say, is replayed as far as it was committed.
        (Outcome::Succeeded, _) | (Outcome::Interrupted, Some(Outcome::Interrupted | Outcome::Failed) | None) => {
            Verdict::AsRecorded
        }
        (Outcome::Failed, Some(Outcome::Failed)) if !differs => Verdict::FailedAsRecorded,
        _ => Verdict::Otherwise,
    }
}

fn contents(archive: &Path) -> Result<Contents, Problem> {
    recorded(archive).map_err(|error| {
        Problem::failed(format!("the archive in {} cannot be read: {error}", archive.display()))
            .remedy("name the folder that a run was recorded in: `spile run --record DIR`")
    })
}

/// What cannot be read is passed over where the runs are named; for who wants all of them, it would be missing.
fn refuse_unreadable(arguments: &Arguments, unreadable: &[io::Error], terminal: &Terminal) -> Result<(), Problem> {
    // Of a run that was killed before its first line, nothing is missing.
    let is_empty = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    if let Some(error) = unreadable.iter().find(|error| !is_empty(error) && arguments.runs.is_empty()) {
        let message = format!("the archive holds an index that cannot be read: {error}");
        return Err(Problem::failed(message).remedy(
            "restore the file; or name the runs that are to be replayed (`--run`), of which none may have gone on from that one",
        ));
    }
    for error in unreadable.iter().filter(|_| !arguments.quiet) {
        terminal.tell(&format!("{} an index cannot be read: {error}", terminal.attention("warning:")));
    }
    Ok(())
}

/// The runs that are asked for.
fn listed(arguments: &Arguments, mut found: Vec<Recorded>) -> Result<Vec<Recorded>, Problem> {
    if let Some(file) = &arguments.file {
        found = of_pipeline(arguments, file, found)?.1;
    }
    let named = choice::named(&arguments.runs, &found).map_err(|unclear| unclear.problem(None))?;
    Ok(named.into_iter().map(|at| found[at].clone()).collect())
}

fn list(found: &[Recorded], unreadable: &[io::Error], terminal: &Terminal) {
    let mut shown = table::new(&["run", "pipeline", "started", "ended", "streams", "requests"], terminal);
    for run in found {
        let streams: Vec<&str> = run.streams.keys().map(StreamName::as_str).collect();
        shown.add_row([
            run.head.run.to_string(),
            run.head.pipeline.clone(),
            format!("{:.0}", run.head.started_at),
            run.end.as_ref().map_or("killed or under way", |end| end.outcome.as_str()).to_owned(),
            streams.join(", "),
            counted(run.exchanges),
        ]);
    }
    table::align_right(&mut shown, [0, 5]);
    terminal.say(&table::text(&shown));
    for error in unreadable {
        terminal.say(&format!("unreadable: {error}"));
    }
}

/// The named pipeline file, or the one that was recorded last, where all runs are of one pipeline.
fn pipeline_file(arguments: &Arguments, found: &[Recorded]) -> Result<PathBuf, Problem> {
    if let Some(file) = &arguments.file {
        return Ok(file.clone());
    }
    let mut names: Vec<&str> = found.iter().map(|run| run.head.pipeline.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let remedy = format!("name the pipeline file: `spile replay {} PIPELINE`", arguments.archive.display());
    if names.len() > 1 {
        let message = format!("the archive holds runs of several pipelines: {}", names.join(", "));
        return Err(Problem::usage(message).remedy(remedy));
    }
    let file = found.iter().rev().find_map(|run| run.head.file.clone());
    match file {
        Some(file) if file.is_file() => Ok(file),
        Some(file) => {
            let message = format!("the pipeline file that was recorded is gone: {}", file.display());
            Err(Problem::usage(message).remedy(remedy))
        }
        None => Err(Problem::usage("the archive names no pipeline file").remedy(remedy)),
    }
}

/// The name of the pipeline in `file`, and its runs.
fn of_pipeline(
    arguments: &Arguments,
    file: &Path,
    mut found: Vec<Recorded>,
) -> Result<(String, Vec<Recorded>), Problem> {
    // To know its name the file must be read, and to read it any of the values will do.
    let variables = found.iter().flat_map(|run| run.head.variables.clone()).collect();
    let name = open::replayed(file, &arguments.set, Replayed(variables), None)?.name.clone();
    found.retain(|run| run.head.pipeline == name);
    if found.is_empty() {
        return Err(Problem::usage(format!("the archive holds no run of the pipeline `{name}`")));
    }
    Ok((name, found))
}

/// The pipeline's runs, and the places among them of those that are replayed, in the order in which they were recorded.
fn turns(arguments: &Arguments, file: &Path, found: Vec<Recorded>) -> Result<(Arc<Chain>, Vec<usize>), Problem> {
    let (name, runs) = of_pipeline(arguments, file, found)?;
    let chosen = choice::chosen(&arguments.runs, &runs).map_err(|unclear| unclear.problem(Some(&name)))?;
    if runs.len() == chosen.len() || !choice::repeats_a_number(&runs) {
        return Ok((Chain::of(runs), chosen));
    }
    // Those of other databases tell nothing of where these ended.
    let runs: Vec<Recorded> = chosen.iter().map(|at| runs[*at].clone()).collect();
    let all = (0..runs.len()).collect();
    Ok((Chain::of(runs), all))
}

/// The streams that are replayed, and those of the pipeline that were not recorded.
fn streams(
    plan: &PipelinePlan,
    wanted: &[String],
    run: &Recorded,
) -> Result<(Vec<StreamName>, Vec<StreamName>), Problem> {
    let wanted = match wanted {
        [] => plan.streams.iter().map(|stream| stream.name.clone()).collect(),
        names => open::streams(plan, names)?,
    };
    let (there, absent): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|name| run.streams.contains_key(name));
    if there.is_empty() {
        let message = format!("run {} read none of these streams", run.head.run);
        return Err(Problem::failed(message).remedy("`spile replay --list` shows what each run read"));
    }
    Ok((there, absent))
}
