//! `demo`: from a clone to rows in a table with one command.

use std::fs;

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::{Context, Result};
use crate::process;
use crate::tools::duckdb;
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "demo",
    arguments: "[--fresh] [ARGUMENTS OF spile demo]",
    summary: "build Spile and watch it sync a sample API into DuckDB",
    details: "Builds target/release/spile and runs `spile demo` in target/demo. The folder is kept: the second time\n\
              shows an incremental run. --fresh empties it first.",
    run,
};

fn run(workspace: &Workspace, mut arguments: Arguments) -> Result {
    let fresh = arguments.flag("--fresh");
    duckdb::install(workspace)?;
    process::run(workspace.cargo("build").args(["--release", "--package", "spile"]))?;
    let folder = workspace.in_target("demo");
    if fresh && folder.exists() {
        fs::remove_dir_all(&folder).at("cannot empty", &folder)?;
    }
    fs::create_dir_all(&folder).at("cannot create", &folder)?;
    println!("demo: running `spile demo` in {}", folder.display());
    let spile = workspace.build_folder()?.join("release/spile");
    process::run(std::process::Command::new(spile).arg("demo").args(arguments.rest()).current_dir(&folder))
}
