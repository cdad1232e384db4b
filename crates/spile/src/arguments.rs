//! What the command line says. Doc comments here are the help texts.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::commands;
use crate::exit;

/// Taps any API and lets the records run into your tables.
///
/// One YAML file describes an API and its streams; `spile run FILE` brings their records into a DuckDB file, exactly
/// once, and goes on from there the next time. Start with `spile demo`.
#[derive(Debug, Parser)]
#[command(name = "spile", version, after_long_help = exit::help(), disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Tell each request, wait, retry and commit (-vv: also headers and page tokens). Never shows a secret.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Every command; each has its file in `commands`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read all streams of a pipeline and write them to its destination
    #[command(after_long_help = exit::help())]
    Run(commands::run::Arguments),
    /// Make the tables again from recorded answers, without asking the API
    #[command(after_long_help = exit::help())]
    Replay(commands::replay::Arguments),
    /// Check a pipeline: its file, its credentials, and the first page of every stream
    Check(commands::check::Arguments),
    /// Show the first records of a stream, the request and the columns; nothing is written
    Preview(commands::preview::Arguments),
    /// Let a person allow what a pipeline needs (OAuth 2.0), and keep that for all runs
    Login(commands::login::Arguments),
    /// Show or reset how far the streams of a pipeline have got
    State(commands::state::Arguments),
    /// Store, list and remove the secrets that pipelines use
    Secret(commands::secret::Arguments),
    /// Print the JSON Schema of pipeline files, for editors
    Schema(commands::schema::Arguments),
    /// Sync a sample API into DuckDB, offline and in seconds, and show what came of it
    Demo(commands::demo::Arguments),
    /// Print the completion script for a shell
    Completions(commands::completions::Arguments),
}

/// Which pipeline, and with which variables.
#[derive(Clone, Debug, Args)]
pub(crate) struct PipelineArguments {
    /// The pipeline file
    #[arg(value_name = "PIPELINE")]
    pub(crate) file: PathBuf,
    /// Set a variable of the pipeline; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<(String, String)>,
}

pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_variable_is_set_by_its_name_and_may_hold_anything_else() {
        assert_eq!(assignment("token=a=b"), Ok(("token".to_owned(), "a=b".to_owned())));
        assert!(assignment("token").is_err());
        assert!(assignment("=x").is_err());
    }
}
