//! `spile schema`: the JSON Schema of pipeline files.

use clap::Args;

use crate::exit::Exit;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn execute(_arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    let text = serde_json::to_string_pretty(spile_config::json_schema())
        .map_err(|error| Problem::failed(format!("the schema cannot be written as JSON: {error}")))?;
    terminal.say(&text);
    Ok(Exit::Success)
}
