//! Spile's peak memory on the pages and on ten times as many: it may not grow with the size of the data.

use std::path::Path;

use serde_json::json;

use super::dataset::FLAT;
use super::report::{Verdict, peak_verdict};
use super::{Part, Scene, contestants, megabytes, race};
use crate::problem::{Problem, Result};
use crate::workspace::Workspace;

/// What ten times the data may cost more: allocators keep what they once had.
const GROWTH: f64 = 1.1;

pub(super) fn run(workspace: &Workspace, folder: &Path, pages: u64, rounds: u64) -> Result<Part> {
    let (few, many) = (peak(workspace, folder, pages, rounds)?, peak(workspace, folder, pages * 10, rounds)?);
    println!("\n  {:<28} {:>15}", "median", "peak RSS");
    for (pages, peak) in [(pages, few), (pages * 10, many)] {
        println!("  {:<28} {peak:>11.0} MiB", format!("spile, {pages} pages"));
    }
    Ok(Part {
        name: "rss",
        figures: json!({"pages": pages, "peak_mib": few, "peak_mib_times_ten": many}),
        verdicts: vec![
            peak_verdict("", few),
            peak_verdict(" with ten times the pages", many),
            Verdict::at_most("peak RSS with ten times the pages, as a multiple", many / few, GROWTH),
        ],
    })
}

fn peak(workspace: &Workspace, folder: &Path, pages: u64, rounds: u64) -> Result<f64> {
    let scene = Scene::set(workspace, folder, &FLAT, pages)?;
    println!("\nrss: {pages} pages, {:.0} MB", megabytes(scene.pages.bytes));
    let scores = race::run(&scene.course(workspace, &FLAT), rounds, false, contestants::SPILE)?;
    let median = scores.first().and_then(race::Score::median);
    median.map(|median| median.peak_mib).ok_or_else(|| Problem::new("spile did not come to its end; see above"))
}
