//! `test`: every test of the workspace, with every outside program that a test needs.
//!
//! Invariant: a missing tool is a failure with its reason, never a skipped test. The runner's own summary is the last
//! thing printed.

use crate::arguments::Arguments;
use crate::commands::{Command, setup};
use crate::problem::{Context, Result};
use crate::process;
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "test",
    arguments: "[--no-nextest] [ARGUMENTS OF THE RUNNER]",
    summary: "run all tests, with the tools they need fetched under target/",
    details: "Does what `cargo xtask setup` does, then runs documentation tests and all others with cargo-nextest, or with\n\
              plain `cargo test` where nextest is not installed or --no-nextest is given. Further arguments choose tests\n\
              and go to the runner: `cargo xtask test -p spile-columnar widens`; then nextest leaves documentation tests\n\
              out.",
    run,
};

fn run(workspace: &Workspace, mut arguments: Arguments) -> Result {
    let without_nextest = arguments.flag("--no-nextest");
    run_tests(workspace, !without_nextest && nextest_is_installed(workspace), &arguments.rest())
}

/// All tests, with the best runner there is.
pub(crate) fn run_all(workspace: &Workspace) -> Result {
    run_tests(workspace, nextest_is_installed(workspace), &[])
}

/// Prepares what tests need and runs those that `chosen` names, or all of them.
fn run_tests(workspace: &Workspace, nextest: bool, chosen: &[String]) -> Result {
    setup::prepare(workspace)?;
    if !nextest {
        return process::run(workspace.cargo("test").args(scope(chosen)).args(chosen));
    }
    if chosen.is_empty() {
        let documentation = &["--workspace", "--doc", "--quiet"];
        process::run(workspace.cargo("test").args(documentation)).context("documentation tests")?;
    }
    process::run(workspace.cargo("nextest").arg("run").args(scope(chosen)).args(chosen))
}

/// All crates, unless the user named some.
fn scope(chosen: &[String]) -> &'static [&'static str] {
    let names_packages = chosen.iter().any(|word| word.starts_with("-p") || word.starts_with("--package"));
    if names_packages { &[] } else { &["--workspace"] }
}

fn nextest_is_installed(workspace: &Workspace) -> bool {
    process::quietly(workspace.cargo("nextest").arg("--version")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_crates_are_tested_unless_some_are_named() {
        assert_eq!(scope(&["widens".to_owned()]), ["--workspace"]);
        assert!(scope(&["-p".to_owned(), "spile-http".to_owned()]).is_empty());
        assert!(scope(&["--package=spile-http".to_owned()]).is_empty());
    }
}
