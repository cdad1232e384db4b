//! `spile check`: is the pipeline file right, do the credentials work, does every stream have a first page?

use clap::Args;
use futures::StreamExt;
use spile_engine::{Look, STREAMS_AT_ONCE, look};
use spile_model::StreamName;

use crate::arguments::PipelineArguments;
use crate::exit::Exit;
use crate::open;
use crate::output::failure;
use crate::output::number::{counted, plural};
use crate::output::progress::{Progress, Style};
use crate::output::terminal::Terminal;
use crate::problem::Problem;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pipeline: PipelineArguments,
}

pub(crate) async fn execute(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    let plan = open::pipeline(&arguments.pipeline, Some(terminal)).await?;
    terminal.say(&format!(
        "{}: the file is right: {}, into {}",
        plan.name,
        plural(plan.streams.len() as u64, "stream"),
        plan.destination.describe()
    ));
    // What takes its time says why: a server that is not there is tried several times.
    let world = open::world(&plan, Progress::start(Style::Plain, terminal).events());
    let mut looking = futures::stream::iter(&plan.streams)
        .map(|stream| async { (&stream.name, look(&plan, stream, 0, &world).await) })
        .buffered(STREAMS_AT_ONCE);
    let mut failures = Vec::new();
    while let Some((name, found)) = looking.next().await {
        terminal.say(&verdict(name, &found, terminal));
        failures.extend(found.failure);
    }
    for one in &failures {
        failure::show_failure(one, terminal);
    }
    Ok(if failures.is_empty() { Exit::Success } else { Exit::Failed })
}

fn verdict(name: &StreamName, look: &Look, terminal: &Terminal) -> String {
    if look.failure.is_some() {
        return format!("  {} {name}", terminal.bad("failed"));
    }
    let mut line = format!(
        "  {} {name}: {} on the first page, {}",
        terminal.good("ok"),
        plural(look.found as u64, "record"),
        plural(look.schema.columns.len() as u64, "column"),
    );
    if !look.rejects.is_empty() {
        line += &format!(", {} would be rejected", counted(look.rejects.len() as u64));
    }
    line
}
