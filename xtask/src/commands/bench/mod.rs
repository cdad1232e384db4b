//! `bench`: Spile, the floor and its peers on the same pages in one sitting.
//!
//! In: options. Out: a table of medians, a verdict on each promise, and `target/bench/results.json`. Whole processes are measured (wall, CPU, peak
//! memory), rounds are interleaved, and every output is compared with what was generated: a fast wrong answer drops out.
//! Invariant: all peers do the same work in the setting that is best for them.

mod contestants;
mod dataset;
mod draw;
mod latency;
mod measure;
mod nginx;
mod pages;
mod race;
mod report;
mod rss;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::{Context, Result};
use crate::process;
use crate::tools::duckdb;
use crate::workspace::Workspace;

use contestants::Course;
use dataset::{Dataset, FLAT, WIDE};
use nginx::Nginx;
use pages::Pages;
use report::Verdict;

pub(crate) const COMMAND: Command = Command {
    name: "bench",
    arguments: "[--quick] [--dataset flat|wide|all] [--pages N] [--rounds N] [--only NAMES] [--latency] [--rss]",
    summary: "measure Spile against curl, DuckDB's read_json, dlt, Sling and faucet",
    details: "Pages are generated under target/bench and served by nginx from disk. Peers come from their registries\n\
              into target/venv; one that cannot be had is listed as absent.\n\n\
              --dataset   flat (12 fields, the default), wide (60 columns, deep, long text) or all\n\
              --pages     pages of 1,000 records in the flat set, in proportion in the wide one (200)\n\
              --rounds    how often each contestant runs; medians are shown (5)\n\
              --quick     20 pages, 3 rounds: to see that all works\n\
              --only      contestants whose name contains one of these words, separated by commas\n\
              --latency   instead: 500 numbered pages from an API that takes 50 ms for each (half a minute)\n\
              --rss       instead: Spile's peak memory with ten times the pages (1.5 GB under target/bench)",
    run,
};

struct Options {
    pages: u64,
    rounds: u64,
    datasets: Vec<&'static Dataset>,
    only: String,
    latency: bool,
    rss: bool,
}

impl Options {
    fn read(mut arguments: Arguments) -> Result<Self> {
        let quick = arguments.flag("--quick");
        let datasets = match arguments.value("--dataset", "flat".to_owned())?.as_str() {
            "flat" => vec![&FLAT],
            "wide" => vec![&WIDE],
            "all" => vec![&FLAT, &WIDE],
            other => return Err(arguments.wrong(&format!("--dataset is flat, wide or all, not `{other}`"))),
        };
        let options = Self {
            pages: arguments.value("--pages", if quick { 20 } else { 200 })?,
            rounds: arguments.value("--rounds", if quick { 3 } else { 5 })?,
            datasets,
            only: arguments.value("--only", String::new())?,
            latency: arguments.flag("--latency"),
            rss: arguments.flag("--rss"),
        };
        if options.pages == 0 || options.rounds == 0 {
            return Err(arguments.wrong("--pages and --rounds are at least 1"));
        }
        arguments.finish()?;
        Ok(options)
    }
}

fn run(workspace: &Workspace, arguments: Arguments) -> Result {
    let options = Options::read(arguments)?;
    let folder = workspace.in_target("bench");
    let out = folder.join("out");
    fs::create_dir_all(&out).at("cannot create", &out)?;

    let parts = if options.latency || options.rss {
        let latency = options.latency.then(|| latency::run(workspace, &out, options.rounds));
        let rss = options.rss.then(|| rss::run(workspace, &folder, options.pages, options.rounds));
        latency.into_iter().chain(rss).collect::<Result<Vec<Part>>>()?
    } else {
        let races = options.datasets.iter().map(|dataset| race(workspace, &folder, dataset, &options));
        races.collect::<Result<Vec<Part>>>()?
    };
    let verdicts: Vec<Verdict> = parts.iter().flat_map(|part| &part.verdicts).cloned().collect();
    if !verdicts.is_empty() {
        println!("\nWhat is promised:\n{}", report::verdict_lines(&verdicts));
    }
    write_results(&folder.join("results.json"), parts, &verdicts)
}

/// One table, and what it means for the promises.
struct Part {
    name: &'static str,
    figures: Value,
    verdicts: Vec<Verdict>,
}

fn write_results(path: &Path, parts: Vec<Part>, verdicts: &[Verdict]) -> Result {
    let verdicts: Vec<Value> = verdicts.iter().map(Verdict::as_json).collect();
    let mut results = json!({
        "processors": std::thread::available_parallelism().map_or(0, usize::from), "load": load(), "verdicts": verdicts,
    });
    for part in parts {
        results[part.name] = part.figures;
    }
    fs::write(path, format!("{results:#}\n")).at("cannot write", path)?;
    println!("bench: the figures are in {}", path.display());
    Ok(())
}

/// All contestants on one data set.
fn race(workspace: &Workspace, folder: &Path, dataset: &'static Dataset, options: &Options) -> Result<Part> {
    let scene = Scene::set(workspace, folder, dataset, dataset.pages(options.pages))?;
    let course = scene.course(workspace, dataset);
    let pages = &scene.pages;
    println!(
        "\n{}: {} pages, {} rows, {:.0} MB, {} interleaved rounds, load {}",
        dataset.name,
        pages.count,
        pages.rows,
        megabytes(pages.bytes),
        options.rounds,
        load()
    );
    let scores = race::run(&course, options.rounds, dataset.name == FLAT.name, &options.only)?;
    print!("\n{}", report::table(&scores));
    Ok(Part {
        name: dataset.name,
        figures: report::as_json(dataset, pages, &scores),
        verdicts: report::verdicts(dataset.name, &scores),
    })
}

/// Pages on disk and a server for them.
struct Scene {
    pages: Pages,
    base_url: String,
    out: PathBuf,
    _server: Nginx,
}

impl Scene {
    fn set(workspace: &Workspace, folder: &Path, dataset: &Dataset, count: u64) -> Result<Self> {
        let port = nginx::port(folder)?;
        let base_url = format!("http://127.0.0.1:{port}");
        let pages = Pages::prepare(folder, dataset, count, &base_url)?;
        let server = Nginx::start(workspace, folder, &pages.root, port)?;
        Ok(Self { pages, base_url, out: folder.join("out"), _server: server })
    }

    fn course<'a>(&'a self, workspace: &'a Workspace, dataset: &'a Dataset) -> Course<'a> {
        Course { workspace, dataset, pages: &self.pages, base_url: &self.base_url, folder: &self.out }
    }
}

/// The binary under test, built if it is not fresh.
fn release_binary(workspace: &Workspace) -> Result<PathBuf> {
    duckdb::install(workspace)?;
    println!("bench: building target/release/spile, where it is not fresh");
    process::run(workspace.cargo("build").args(["--release", "--package", "spile"]))?;
    Ok(workspace.build_folder()?.join("release/spile"))
}

fn megabytes(bytes: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)] // file sizes are far below 2^52
    let bytes = bytes as f64;
    bytes / 1e6
}

/// How busy the machine is, for whoever reads the figures later.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
