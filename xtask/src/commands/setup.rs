//! `setup`: the DuckDB library, which is all that `cargo build` needs beside Rust.

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::Result;
use crate::tools::duckdb;
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "setup",
    arguments: "",
    summary: "fetch the prebuilt DuckDB library, once; then plain `cargo build` works",
    details: "Fetches the library through npm, compares it with the pinned hash, and puts it into target/duckdb.\n\
              Where CARGO_TARGET_DIR is set, a link there leads to it. The other commands do this by themselves.",
    run,
};

fn run(workspace: &Workspace, arguments: Arguments) -> Result {
    arguments.finish()?;
    duckdb::install(workspace)?;
    println!("setup: the DuckDB library is in {}", workspace.in_target("duckdb").display());
    Ok(())
}
