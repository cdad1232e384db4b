//! `test`: every test of the workspace, with every outside program that a test needs.
//!
//! Invariant: a missing tool is a failure with its reason, never a skipped test. The runner's own summary is the last
//! thing printed.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::{Context, Result};
use crate::process;
use crate::tools::{debian, duckdb, python};
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "test",
    arguments: "[--no-nextest] [ARGUMENTS OF THE RUNNER]",
    summary: "run all tests, with the tools they need fetched under target/",
    details: "Fetches the DuckDB library, a Python environment with Datasette, and strace where the machine lacks it, then\n\
              runs documentation tests and all others with cargo-nextest, or with `cargo test` where nextest is not\n\
              installed or --no-nextest is given. Further arguments choose tests and go to the runner:\n\
              `cargo xtask test -p spile-columnar widens`; then documentation tests are left out.",
    run,
};

/// A tool that tests ask for, by the environment variable that names its path.
struct Tool {
    variable: &'static str,
    install: fn(&Workspace) -> Result<PathBuf>,
}

const TOOLS: &[Tool] = &[
    Tool { variable: "SPILE_TEST_DATASETTE", install: |workspace| python::DATASETTE.install(workspace) },
    Tool { variable: "SPILE_TEST_STRACE", install: |workspace| debian::STRACE.install(workspace) },
];

fn run(workspace: &Workspace, mut arguments: Arguments) -> Result {
    let without_nextest = arguments.flag("--no-nextest");
    run_tests(workspace, !without_nextest && nextest_is_installed(workspace), &arguments.rest())
}

/// All tests, with the best runner there is.
pub(crate) fn run_all(workspace: &Workspace) -> Result {
    run_tests(workspace, nextest_is_installed(workspace), &[])
}

/// Prepares the tools and runs the tests that `chosen` names, or all of them.
fn run_tests(workspace: &Workspace, nextest: bool, chosen: &[String]) -> Result {
    duckdb::install(workspace)?;
    let environment = environment(workspace)?;
    let cargo = |subcommand: &str| {
        let mut command = workspace.cargo(subcommand);
        command.envs(environment.iter().map(|(variable, value)| (variable, value)));
        command
    };
    // Tests that need one of the tools are marked `ignore`, for a plain `cargo test` without them; here they run.
    if !nextest {
        // A test called `child_that_…` is a program that other tests start (.config/nextest.toml says the same).
        let harness = ["--", "--include-ignored", "--skip", "child_that_"];
        return process::run(cargo("test").args(scope(chosen)).args(chosen).args(harness));
    }
    if chosen.is_empty() {
        process::run(cargo("test").args(["--workspace", "--doc", "--quiet"])).context("documentation tests")?;
    }
    process::run(cargo("nextest").args(["run", "--run-ignored", "all"]).args(scope(chosen)).args(chosen))
}

/// All crates, unless the user named some.
fn scope(chosen: &[String]) -> &'static [&'static str] {
    let names_packages = chosen.iter().any(|word| word.starts_with("-p") || word.starts_with("--package"));
    if names_packages { &[] } else { &["--workspace"] }
}

/// Where each tool lies, and the library path for programs without a run path of their own
/// (documentation tests are linked by rustdoc, which does not read the linker flags of `.cargo/config.toml`).
fn environment(workspace: &Workspace) -> Result<Vec<(&'static str, OsString)>> {
    let mut environment = vec![("LD_LIBRARY_PATH", library_path(workspace)?)];
    for tool in TOOLS {
        let path = (tool.install)(workspace).context(format_args!("the tests need {}", tool.variable))?;
        environment.push((tool.variable, path.into_os_string()));
    }
    Ok(environment)
}

fn library_path(workspace: &Workspace) -> Result<OsString> {
    let before = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = std::iter::once(workspace.in_target("duckdb")).chain(std::env::split_paths(&before));
    std::env::join_paths(folders).context("LD_LIBRARY_PATH cannot be extended")
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
