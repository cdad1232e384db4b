//! The commands, one file each. A new one is added to [`Command`] and to [`execute`].

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod login;
pub(crate) mod preview;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod state;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

/// Does what the command line asks for.
pub(crate) async fn execute(arguments: Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    let verbose = arguments.verbose > 0;
    match arguments.command {
        Command::Run(arguments) => run::execute(&arguments, verbose, terminal).await,
        Command::Replay(arguments) => replay::execute(&arguments, verbose, terminal).await,
        Command::Check(arguments) => check::execute(&arguments, terminal).await,
        Command::Preview(arguments) => preview::execute(&arguments, terminal).await,
        Command::Login(arguments) => login::execute(&arguments, terminal).await,
        Command::State(arguments) => state::execute(&arguments, terminal).await,
        Command::Secret(arguments) => secret::execute(&arguments, terminal),
        Command::Schema(arguments) => schema::execute(&arguments, terminal),
        Command::Demo(arguments) => demo::execute(&arguments, verbose, terminal).await,
        Command::Completions(arguments) => completions::execute(&arguments, terminal),
    }
}
