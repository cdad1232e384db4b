//! The project's own commands: `cargo xtask <command>`.
//!
//! In: a command line. Out: tools and libraries under `target/`, and the exit code of what was run.
//! Invariant: nothing outside the checkout's `target/` folder (and cargo's own) changes, no command needs root,
//! and this program builds in seconds, without the DuckDB library, so that it can fetch that library.
//! It does not know the rooms of Spile except as data (`layers`), and nothing of it is shipped.
//!
//! Adding a command is one file in `commands/` and one line in [`commands::ALL`].

// This program's whole output is for the person at the terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod arguments;
mod commands;
mod problem;
mod process;
mod tools;
mod workspace;

use std::process::ExitCode;

use arguments::Arguments;
use problem::Result;
use workspace::Workspace;

fn main() -> ExitCode {
    match dispatch(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\nerror: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut words: Vec<String>) -> Result {
    if words.is_empty() || ["help", "--help", "-h"].contains(&words[0].as_str()) {
        print!("{}", commands::help(words.get(1).map(String::as_str))?);
        return Ok(());
    }
    let name = words.remove(0);
    let command = commands::find(&name)?;
    if words.iter().take_while(|word| *word != "--").any(|word| word == "--help") {
        print!("{}", commands::help(Some(&name))?);
        return Ok(());
    }
    (command.run)(&Workspace::locate()?, Arguments::new(command.name, words))
}
