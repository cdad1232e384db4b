//! `ci`: every check that a change must pass, the cheap ones first, the tests last.
//!
//! All checks run even if one fails, so that one round shows everything; the tests run only after all others hold.

mod portable;

use std::time::Instant;

use crate::arguments::Arguments;
use crate::commands::{Command, deny, layers, test};
use crate::problem::{Context, Problem, Result};
use crate::process;
use crate::tools::duckdb;
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "ci",
    arguments: "[CHECK…]",
    summary: "everything that a change must pass: form, layers, lints, documents, licences, tests",
    details: "Checks: fmt, layers, portable (no path of this machine in a file), arrow (one version of it), clippy, doc,\n\
              deny. Then all tests, as `cargo xtask test` runs them. With names, only these checks and no tests.",
    run,
};

struct Check {
    name: &'static str,
    run: fn(&Workspace) -> Result,
}

const CHECKS: &[Check] = &[
    Check { name: "fmt", run: |workspace| process::run(workspace.cargo("fmt").args(["--all", "--check"])) },
    Check { name: "layers", run: |workspace| layers::check(workspace).map(|summary| println!("{summary}")) },
    Check { name: "portable", run: portable::check },
    Check { name: "arrow", run: one_arrow },
    Check { name: "clippy", run: clippy },
    Check { name: "doc", run: doc },
    Check { name: "deny", run: deny::check },
];

fn run(workspace: &Workspace, arguments: Arguments) -> Result {
    let chosen = chosen_checks(&arguments.rest())?;
    duckdb::install(workspace)?;
    let failed: Vec<_> = chosen.iter().filter(|check| !holds(check, workspace)).map(|check| check.name).collect();
    if !failed.is_empty() {
        return Err(Problem::new(format!("these checks failed: {}", failed.join(", "))));
    }
    if chosen.len() < CHECKS.len() {
        return Ok(());
    }
    println!("── test");
    test::run_all(workspace)
}

fn chosen_checks(names: &[String]) -> Result<Vec<&'static Check>> {
    if names.is_empty() {
        return Ok(CHECKS.iter().collect());
    }
    let find = |name: &String| {
        CHECKS.iter().find(|check| check.name == name).ok_or_else(|| {
            let known: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
            Problem::new(format!("there is no check `{name}`; there are: {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn holds(check: &Check, workspace: &Workspace) -> bool {
    println!("── {}", check.name);
    let start = Instant::now();
    match (check.run)(workspace) {
        Ok(()) => {
            println!("   {} holds ({:.1} s)", check.name, start.elapsed().as_secs_f32());
            true
        }
        Err(problem) => {
            eprintln!("error: {}: {problem}", check.name);
            false
        }
    }
}

fn clippy(workspace: &Workspace) -> Result {
    process::run(workspace.cargo("clippy").args([
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))
}

fn doc(workspace: &Workspace) -> Result {
    let mut command = workspace.cargo("doc");
    process::run(command.args(["--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Batches pass between crates, and two versions of Arrow are two unrelated types (and minutes of compiling).
fn one_arrow(workspace: &Workspace) -> Result {
    let path = workspace.root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&path).at("cannot read", &path)?;
    let doubled = doubled_arrow_crates(&lock);
    if doubled.is_empty() {
        return Ok(());
    }
    Err(Problem::new(format!(
        "Cargo.lock holds more than one version of {}\n    remedy: `cargo tree -d`, then `cargo update -p CRATE@VERSION \
         --precise` to the workspace's version",
        doubled.join(", ")
    )))
}

fn doubled_arrow_crates(lock: &str) -> Vec<&str> {
    let mut names: Vec<_> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .filter(|name| name.starts_with("arrow-"))
        .collect();
    names.sort_unstable();
    let mut doubled: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    doubled.dedup();
    doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_arrow_in_the_lock_file_is_named() {
        let lock = "[[package]]\nname = \"arrow-array\"\n\n[[package]]\nname = \"arrow-array\"\n\n[[package]]\nname = \"serde\"\n";
        assert_eq!(doubled_arrow_crates(lock), ["arrow-array"]);
        assert!(doubled_arrow_crates("name = \"arrow-array\"\nname = \"arrow-schema\"\n").is_empty());
    }
}
