//! Rounds in which every contestant runs once, one after the other, so that a busy minute hits them all alike.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::contestants::{ALL, Contestant, Course, NEWEST_DUCKDB, Output, Start};
use super::measure::{self, Measure};
use crate::problem::{Context, Problem, Result};
use crate::process;

/// One contestant's rounds, or why it did not take part or dropped out.
pub(super) struct Score {
    pub(super) name: &'static str,
    pub(super) measures: Vec<Measure>,
    pub(super) absent: Option<String>,
}

/// Runs all contestants of the course (or those whose name contains `only`), each in every round.
pub(super) fn run(course: &Course<'_>, rounds: u64, whole_field: bool, only: &str) -> Result<Vec<Score>> {
    let checker = Checker::prepare(course)?;
    let takes_part = |contestant: &&Contestant| {
        (whole_field || contestant.on_every_dataset) && only.split(',').any(|name| contestant.name.contains(name))
    };
    let mut field: Vec<(Score, Option<Start>)> = ALL.iter().filter(takes_part).map(|one| enter(one, course)).collect();
    for round in 1..=rounds {
        for (score, start) in &mut field {
            let Some(ready) = start else { continue };
            match run_once(score.name, ready, course, &checker) {
                Ok(measure) => {
                    println!(
                        "  {round}/{rounds}  {:<28} {:>7.2} s wall {:>7.2} s CPU {:>6.0} MiB",
                        score.name,
                        measure.wall.as_secs_f64(),
                        measure.cpu(),
                        measure.peak_mib
                    );
                    score.measures.push(measure);
                }
                Err(problem) => {
                    println!("  {round}/{rounds}  {:<28} dropped out: {problem}", score.name);
                    score.absent = Some(problem.to_string());
                    *start = None;
                }
            }
        }
    }
    Ok(field.into_iter().map(|(score, _)| score).collect())
}

fn enter(contestant: &Contestant, course: &Course<'_>) -> (Score, Option<Start>) {
    let absent = |absent| Score { name: contestant.name, measures: Vec::new(), absent };
    match (contestant.enter)(course) {
        Ok(start) => (absent(None), Some(start)),
        Err(problem) => {
            println!("  absent: {}: {problem}", contestant.name);
            (absent(Some(problem.to_string())), None)
        }
    }
}

fn run_once(name: &str, start: &Start, course: &Course<'_>, checker: &Checker) -> Result<Measure> {
    for leftover in &start.leftovers {
        remove(leftover)?;
    }
    let log = course.path(&format!("{}.log", name.replace([' ', ','], "_")));
    let measure = measure::run(&mut (start.command)(), &log)?;
    if let Some(output) = &start.output {
        checker.check(output, course)?;
    }
    Ok(measure)
}

pub(super) fn remove(path: &Path) -> Result {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("cannot remove", path),
        _ => Ok(()),
    }
}

/// Compares what was written with what was generated.
struct Checker {
    python: std::path::PathBuf,
    script: std::path::PathBuf,
}

impl Checker {
    fn prepare(course: &Course<'_>) -> Result<Self> {
        let python = NEWEST_DUCKDB.install(course.workspace)?;
        Ok(Self { python, script: course.write("check.py", include_str!("peers/check.py"))? })
    }

    fn check(&self, output: &Output, course: &Course<'_>) -> Result {
        let database = output.database.as_deref().unwrap_or(Path::new(""));
        let found = process::output(Command::new(&self.python).arg(&self.script).arg(database).arg(&output.source))
            .context("its output cannot be read")?;
        let expected = format!("{0} {0} {1}", course.pages.rows, course.pages.cents);
        if found.trim() == expected {
            return Ok(());
        }
        Err(Problem::new(format!(
            "its output is wrong: rows, distinct ids, cents are {}, not {expected}",
            found.trim()
        )))
    }
}
