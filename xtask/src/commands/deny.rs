//! `deny`: licences, banned crates and origins of everything in the lock file, by cargo-deny and `deny.toml`.

use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::{Context, Result};
use crate::process;
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "deny",
    arguments: "",
    summary: "check licences, bans and origins of all dependencies (cargo-deny)",
    details: "Uses the cargo-deny in PATH, or builds one into target/tools (about two minutes, once). Advisories are not\n\
              checked: their database is a repository that a build machine often cannot reach.",
    run,
};

/// Reads the configuration format of `deny.toml`; a newer one does too.
const VERSION: &str = "0.20.2";

fn run(workspace: &Workspace, arguments: Arguments) -> Result {
    arguments.finish()?;
    check(workspace)
}

pub(crate) fn check(workspace: &Workspace) -> Result {
    let cargo_deny = install(workspace)?;
    // As a cargo subcommand it would be looked for in PATH; started by its path it takes the same words.
    let mut command = std::process::Command::new(cargo_deny);
    command.current_dir(workspace.root()).args([
        "--workspace",
        "--all-features",
        "--locked",
        "check",
        "--hide-inclusion-graph",
    ]);
    process::run(command.args(["bans", "licenses", "sources"]))
}

fn install(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = process::find("cargo-deny") {
        return Ok(path);
    }
    let root = workspace.in_target("tools");
    let path = root.join("bin/cargo-deny");
    if path.is_file() {
        return Ok(path);
    }
    println!("setup: building cargo-deny {VERSION} into {}", root.display());
    // An unoptimised build is there in half the time and checks the lock file in a second all the same.
    let mut install = workspace.cargo("install");
    install.args(["cargo-deny", "--version", VERSION, "--locked", "--debug", "--quiet", "--root"]).arg(&root);
    let build = root.join("build");
    process::run(install.arg("--target-dir").arg(&build)).context("cannot build cargo-deny")?;
    // Most of a gigabyte that nothing reads again.
    std::fs::remove_dir_all(&build).at("cannot remove", &build)?;
    Ok(path)
}
