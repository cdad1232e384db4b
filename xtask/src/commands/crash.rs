//! `crash`: kills `spile run` at seeded moments, some hundred times for each way of writing, and compares the tables.
//!
//! The scenarios are tests of the `spile` crate; this command asks them for more kills, of the release binary, and
//! prints their account.

use std::fs;
use std::path::Path;

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::{Context, Problem, Result};
use crate::process;
use crate::tools::{debian, duckdb};
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "crash",
    arguments: "[--runs 200] [--seed 1] [SCENARIO …]",
    summary: "kill runs at random moments and see that each table comes out as if nothing had happened",
    details: "Builds target/release/spile, plays every scenario of crates/spile/tests/it/crash (or those whose test's name\n\
              begins with SCENARIO) with --runs killed runs each, and prints where the kills fell and whether the tables\n\
              were equal to those of undisturbed runs. More than 100 runs also kill at every single write to the database,\n\
              under strace. The same --seed kills at the same moments, as far as the machine keeps time.",
    run,
};

/// Kills for each scenario: what the project promises to survive.
const RUNS: u64 = 200;

const HEADINGS: [&str; 7] =
    ["scenario", "kills", "before the first commit", "between", "after the end", "equal", "different"];

fn run(workspace: &Workspace, mut arguments: Arguments) -> Result {
    let runs = arguments.value("--runs", RUNS)?;
    let seed = arguments.value("--seed", 1_u64)?;
    let chosen = arguments.rest();
    duckdb::install(workspace)?;
    let strace = debian::STRACE.install(workspace)?;
    process::run(workspace.cargo("build").args(["--release", "--package", "spile"]))?;
    let table = workspace.in_target("crash.tsv");
    if table.exists() {
        fs::remove_file(&table).at("cannot remove", &table)?;
    }
    // A test's path begins with its module.
    let filters: Vec<String> = chosen.iter().map(|scenario| format!("crash::{scenario}")).collect();
    let filters = if filters.is_empty() { vec!["crash::".to_owned()] } else { filters };
    let tests = process::run(
        workspace
            .cargo("test")
            .args(["--package", "spile", "--test", "it", "--", "--include-ignored", "--nocapture"])
            .args(filters)
            .env("SPILE_BIN", workspace.build_folder()?.join("release/spile"))
            .env("SPILE_TEST_STRACE", strace)
            .env("SPILE_CRASH_RUNS", runs.to_string())
            .env("SPILE_CRASH_SEED", seed.to_string())
            .env("SPILE_CRASH_TABLE", &table),
    );
    print!("\n{}", account(&table)?);
    tests.context(format_args!("crash, seed {seed}"))
}

/// The lines that the scenarios wrote, as a table.
fn account(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).map_err(|_| Problem::new("no scenario was played to its end"))?;
    let mut rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    rows.sort();
    rows.insert(0, HEADINGS.to_vec());
    Ok(aligned(&rows))
}

/// The first column to the left, all others to the right.
fn aligned(rows: &[Vec<&str>]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.len()).max().unwrap_or(0);
    let line = |row: &Vec<&str>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(0)),
            _ => format!("  {cell:>0$}", width(column)),
        });
        cells.collect::<String>() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_each_other() {
        let rows = [vec!["scenario", "kills"], vec!["merge", "200"]];
        assert_eq!(aligned(&rows), "scenario  kills\nmerge       200\n");
    }
}
