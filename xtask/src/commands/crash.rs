//! `crash`: kills `spile run` at seeded moments, some hundred times for each way of writing, and compares the tables.
//!
//! The scenarios are tests of the `spile` crate; this command asks them for more kills, of the release binary, and
//! prints their account.

use std::fs;
use std::path::Path;

use crate::arguments::Arguments;
use crate::commands::{Command, setup};
use crate::problem::{Context, Problem, Result};
use crate::process;
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "crash",
    arguments: "[--runs 200] [--seed 1] [SCENARIO …]",
    summary: "kill runs at random moments and see that each table comes out as if nothing had happened",
    details: "Builds target/release/spile, plays every scenario of crates/spile/tests/it/crash (or those whose test's name\n\
              begins with SCENARIO) with --runs killed runs each, and prints where the kills fell and whether the tables\n\
              were equal to those of undisturbed runs. More than 100 runs also kill at every single write to the database,\n\
              under strace (200 take about half an hour on two cores). The same --seed kills at the same moments, as far as the machine keeps time.",
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
    if let Some(word) = chosen.iter().find(|word| word.starts_with('-')) {
        return Err(Problem::new(format!("crash does not know `{word}`\n  see: cargo xtask help crash")));
    }
    setup::prepare(workspace)?;
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
            .args(["--package", "spile", "--test", "it", "--", "--nocapture"])
            .args(filters)
            .env("SPILE_BIN", workspace.build_folder()?.join("release/spile"))
            .env("SPILE_CRASH_RUNS", runs.to_string())
            .env("SPILE_CRASH_SEED", seed.to_string())
            .env("SPILE_CRASH_TABLE", &table),
    );
    let tests = tests.context(format_args!("crash, seed {seed}"));
    // Without an account the tests were not built, or none has the name that was asked for.
    let Ok(account) = account(&table) else { return tests.and(Err(Problem::new("no scenario was played to its end"))) };
    let verdict = if tests.is_ok() { "MET" } else { "MISSED" };
    println!("\n{account}\n  {verdict:<6} after each kill and one more run, every table is as if nothing had happened");
    tests
}

/// The lines that the scenarios wrote, as a table.
fn account(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).at("cannot read", path)?;
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
