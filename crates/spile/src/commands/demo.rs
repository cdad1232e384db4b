//! `spile demo`: the story of a first sync, told with a sample API; told again, of an incremental one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use spile_config::{Settings, load};
use spile_destination_duckdb::{TextTable, query_text};
use spile_engine::RunReport;
use spile_model::{Events, RunEvent, StreamReport};
use spile_plan::PipelinePlan;
use tokio_util::sync::CancellationToken;

use crate::commands::run::{exit, until_stopped};
use crate::demo::api::SampleApi;
use crate::demo::data;
use crate::demo::files::Files;
use crate::exit::Exit;
use crate::open;
use crate::output::number::{counted, plural};
use crate::output::progress::{Progress, Style};
use crate::output::terminal::Terminal;
use crate::output::{closing, failure, table};
use crate::problem::Problem;
use crate::stop;

/// Where `--serve` listens: the port that `demo.yaml` names.
const PORT: u16 = 7447;

/// What the demo asks of the tables that it has made.
const QUERY: &str = "select c.address.country as country,
  count(*) as orders, sum(o.total)::decimal(12, 2) as revenue
from orders o join customers c on c.id = o.customer_id
group by country order by revenue desc limit 5";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder for demo.yaml and demo.duckdb
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Only serve the sample API, until Ctrl-C, for trying out other commands on demo.yaml
    #[arg(long)]
    serve: bool,
}

pub(crate) async fn execute(arguments: &Arguments, verbose: bool, terminal: &Terminal) -> Result<Exit, Problem> {
    let (files, written) = Files::prepare(&arguments.folder)?;
    if arguments.serve {
        return serve(&files, terminal).await;
    }
    let api = SampleApi::start(0, 0).await.map_err(|error| no_api(0, &error))?;
    let plan = plan(&files, &api)?;
    introduce(&api, &files, written, terminal);
    let before = rows(&files.database);
    let Some(report) = run(&plan, &api, verbose, terminal).await? else {
        return Ok(Exit::Interrupted);
    };
    drop(api);
    closing::show(&report, &plan.destination, verbose, terminal);
    report.failures.iter().for_each(|one| failure::show_failure(one, terminal));
    report.spent.iter().take(1).for_each(|spent| failure::show_spent(spent, terminal));
    let exit = exit(&report);
    if exit == Exit::Success {
        tell_what_came(&report, &before, &files.database, terminal);
        show_tables(&files.database, terminal)?;
        suggest(&files, terminal);
    }
    Ok(exit)
}

/// The demo's pipeline, reading from the sample API.
fn plan(files: &Files, api: &SampleApi) -> Result<Arc<PipelinePlan>, Problem> {
    let settings = Settings { set: vec![("api".to_owned(), api.url())], ..Settings::of_process() };
    Ok(Arc::new(load(&files.pipeline, &settings)?.plan))
}

fn introduce(api: &SampleApi, files: &Files, written: bool, terminal: &Terminal) {
    let verb = if written { "wrote" } else { "uses" };
    terminal.say(&format!(
        "A sample API of a small shop listens on {}.\n\
         It wants a key, hands out page tokens, refuses haste, and fails now and then.\n\
         The demo {verb} {}; this is `spile run` on it.\n",
        api.url(),
        terminal.strong(&files.pipeline.display().to_string()),
    ));
}

/// Runs the pipeline. Each run finds the shop a day later, so that there is something new.
async fn run(
    plan: &Arc<PipelinePlan>,
    api: &SampleApi,
    verbose: bool,
    terminal: &Terminal,
) -> Result<Option<RunReport>, Problem> {
    let destination = open::destination(plan).await?;
    let progress = Progress::start(Style::choose(false, false, verbose, terminal), terminal);
    let (shown, set_day) = (progress.events(), api.calendar());
    let events = Events::to(move |event| {
        if let RunEvent::RunStarted { run, .. } = &event {
            set_day(u64::try_from(run.0 - 1).unwrap_or(0));
        }
        shown.emit(event);
    });
    let report = until_stopped(plan, destination, open::world(plan, events), &progress).await;
    progress.finish(report.as_ref());
    Ok(report)
}

/// How many rows the streams' tables have; nothing where there is no database yet.
fn rows(database: &Path) -> Vec<(String, u64)> {
    if !database.exists() {
        return Vec::new();
    }
    ["customers", "orders"]
        .into_iter()
        .filter_map(|name| {
            let counted = query_text(database, &format!("select count(*) from {name}")).ok()?;
            Some((name.to_owned(), counted.rows.first()?.first()?.as_ref()?.parse().ok()?))
        })
        .collect()
}

/// After a later run: what was new, and what had changed.
fn tell_what_came(report: &RunReport, before: &[(String, u64)], database: &Path, terminal: &Terminal) {
    if before.is_empty() {
        return;
    }
    let after = rows(database);
    terminal.say("\nThe shop was a day further. Only what is new or changed was asked for:");
    for stream in &report.streams {
        let rows = |counts: &[(String, u64)]| {
            counts.iter().find(|(name, _)| *name == stream.table).map_or(0, |(_, rows)| *rows)
        };
        terminal.say(&format!("  {}", came(stream, rows(&after).saturating_sub(rows(before)))));
    }
}

fn came(stream: &StreamReport, new: u64) -> String {
    format!(
        "{}: {} in {}: {} new, {} changed",
        stream.stream,
        plural(stream.rows, "record"),
        plural(stream.requests, "request"),
        counted(new),
        counted(stream.rows.saturating_sub(new)),
    )
}

fn show_tables(database: &Path, terminal: &Terminal) -> Result<(), Problem> {
    let mut tables = table::new(&["table", "rows"], terminal);
    for (name, rows) in rows(database) {
        tables.add_row([name, counted(rows)]);
    }
    table::align_right(&mut tables, [1]);
    terminal.say(&format!("\nThe tables:\n\n{}", table::text(&tables)));
    terminal.say(&format!("\nA question to them:\n\n{}\n", terminal.quiet(&indented(QUERY))));
    terminal.say(&as_table(&query_text(database, QUERY)?, terminal));
    Ok(())
}

fn as_table(answer: &TextTable, terminal: &Terminal) -> String {
    let heads: Vec<&str> = answer.columns.iter().map(String::as_str).collect();
    let mut shown = table::new(&heads, terminal);
    for row in &answer.rows {
        shown.add_row(row.iter().map(|value| value.as_deref().unwrap_or("")));
    }
    table::align_right(&mut shown, 1..heads.len());
    table::text(&shown)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn suggest(files: &Files, terminal: &Terminal) {
    let folder = std::env::current_dir().unwrap_or_default();
    let (spile, pipeline) = (called(), files.pipeline.display());
    let suggestions = [
        (format!("{spile} demo"), "once more: only what a day has changed"),
        (format!("{spile} state show {pipeline}"), "how far each stream has got"),
        (format!("{spile} demo --serve"), "the sample API, for check, preview and run"),
        (format!("duckdb {}", files.database.display()), "the tables, in DuckDB's own shell"),
    ];
    let width = suggestions.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    terminal.say(&format!("\nWhat to try next, in {}:", folder.display()));
    for (command, what) in suggestions {
        terminal.say(&format!("  {command:<width$}  {}", terminal.quiet(what)));
    }
}

/// The program as it was called, so that suggestions can be copied.
fn called() -> String {
    std::env::args().next().unwrap_or_else(|| "spile".to_owned())
}

/// Keeps the API up until Ctrl-C.
async fn serve(files: &Files, terminal: &Terminal) -> Result<Exit, Problem> {
    let known = rows(&files.database).into_iter().find(|(name, _)| name == "orders");
    let api = SampleApi::start(PORT, known.map_or(0, |(_, orders)| data::ORDERS.day_with(orders)))
        .await
        .map_err(|error| no_api(PORT, &error))?;
    let (spile, pipeline) = (called(), files.pipeline.display());
    terminal.say(&format!(
        "The sample API listens on {}; Ctrl-C ends it. In another terminal:\n  \
         {spile} check {pipeline}\n  {spile} preview {pipeline} orders\n  {spile} run {pipeline}",
        api.url()
    ));
    let stopped = CancellationToken::new();
    tokio::select! {
        () = stopped.cancelled() => {}
        () = stop::signals(stopped.clone(), || {}) => {}
    }
    Ok(Exit::Success)
}

fn no_api(port: u16, error: &std::io::Error) -> Problem {
    Problem::failed(format!("the sample API cannot listen on 127.0.0.1, port {port}: {error}"))
}
