//! `spile state`: how far the streams have got, and forgetting it.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use spile_destination::{Destination, StreamState};
use spile_model::{PartitionKey, Progress, StreamName};

use crate::arguments::PipelineArguments;
use crate::exit::Exit;
use crate::open;
use crate::output::table;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show how far each stream has got
    Show {
        #[command(flatten)]
        pipeline: PipelineArguments,
    },
    /// Forget how far streams have got, so that the next run reads them from the beginning
    Reset {
        #[command(flatten)]
        pipeline: PipelineArguments,
        /// The streams; all of them where none is named: those that have got anywhere, and with `--drop-tables` also those of
        /// the file whose progress is forgotten already
        #[arg(value_name = "STREAM")]
        streams: Vec<String>,
        /// Drop their tables too: needed for `append`, which would double their rows
        #[arg(long)]
        drop_tables: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

pub(crate) async fn execute(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    match &arguments.action {
        Action::Show { pipeline } => show(pipeline, terminal).await,
        Action::Reset { pipeline, streams, drop_tables, yes } => {
            reset(pipeline, streams, *drop_tables, *yes, terminal).await
        }
    }
}

async fn show(pipeline: &PipelineArguments, terminal: &Terminal) -> Result<Exit, Problem> {
    let plan = open::pipeline(pipeline, Some(terminal)).await?;
    let states = open::existing_destination(&plan).await?.states().await?;
    if states.is_empty() {
        terminal.say(&format!("{}: no stream has been read yet", plan.name));
        return Ok(Exit::Success);
    }
    let mut shown = table::new(&["stream", "cursor", "read to its end", "written"], terminal);
    for state in &states {
        for (partition, progress) in &state.checkpoint.partitions {
            shown.add_row(row(state, partition, progress));
        }
    }
    terminal.say(&table::text(&shown));
    Ok(Exit::Success)
}

fn row(state: &StreamState, partition: &PartitionKey, progress: &Progress) -> [String; 4] {
    let whole = *partition == PartitionKey::whole();
    let stream = if whole { state.stream.to_string() } else { format!("{}, {}", state.stream, partition.as_str()) };
    let cursor = progress.cursor.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let end = match (progress.unfinished, progress.finished) {
        (Some(run), _) => format!("no: run {run} is unfinished"),
        (None, Some(run)) => format!("by run {run}"),
        (None, None) => "not yet".to_owned(),
    };
    let written = format!("{:.0} by run {}", state.updated_at, state.run);
    [stream, cursor, end, written]
}

async fn reset(
    pipeline: &PipelineArguments,
    names: &[String],
    drop_tables: bool,
    yes: bool,
    terminal: &Terminal,
) -> Result<Exit, Problem> {
    let plan = open::pipeline(pipeline, Some(terminal)).await?;
    let destination = open::existing_destination(&plan).await?;
    let streams = streams_to_reset(&plan, names, drop_tables, destination.as_ref()).await?;
    if streams.is_empty() {
        terminal.say(&format!("{}: there is nothing to forget", plan.name));
        return Ok(Exit::Success);
    }
    let listed = streams.iter().map(StreamName::as_str).collect::<Vec<_>>().join(", ");
    let what = if drop_tables { "the progress and the tables" } else { "the progress" };
    if !yes && !confirmed(&format!("Forget {what} of {listed}?"))? {
        terminal.say("nothing was changed");
        return Ok(Exit::Success);
    }
    for stream in &streams {
        let had = destination.reset(stream, drop_tables).await?;
        terminal.say(&format!("  {stream}: {}", if had { "forgotten" } else { "there was nothing to forget" }));
    }
    Ok(Exit::Success)
}

/// The named streams, or all that have state, also those that the pipeline no longer has; and where tables are dropped
/// all of the pipeline, for a table may be there without state.
async fn streams_to_reset(
    plan: &spile_plan::PipelinePlan,
    names: &[String],
    drop_tables: bool,
    destination: &dyn Destination,
) -> Result<Vec<StreamName>, Problem> {
    let mut stored: Vec<StreamName> = destination.states().await?.into_iter().map(|state| state.stream).collect();
    if names.is_empty() {
        let others = plan.streams.iter().map(|stream| &stream.name).filter(|_| drop_tables);
        let others: Vec<StreamName> = others.filter(|name| !stored.contains(name)).cloned().collect();
        stored.extend(others);
        return Ok(stored);
    }
    names
        .iter()
        .map(|name| match stored.iter().find(|known| known.as_str() == name) {
            Some(known) => Ok(known.clone()),
            None => open::streams(plan, std::slice::from_ref(name)).map(|mut found| found.remove(0)),
        })
        .collect()
}

fn confirmed(question: &str) -> Result<bool, Problem> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::usage("this asks before it forgets, and nobody is there to answer").remedy("give --yes"));
    }
    let mut stderr = std::io::stderr().lock();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    read.map_err(|error| Problem::failed(format!("the answer cannot be read: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
