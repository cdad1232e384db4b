//! `spile`: arguments in, progress and a report out, an exit code at the end.
//!
//! Enters: the command line, the environment, signals. Leaves: text on the terminal, JSON lines, an [`exit::Exit`].
//! Invariant: only this crate writes to the terminal (`output`), and nothing that it writes holds a secret. It
//! assembles: it loads the plan, opens the destination that the plan names, and hands both to the engine. It
//! deliberately decides nothing about how a pipeline runs.

mod arguments;
mod commands;
mod demo;
mod exit;
mod key;
mod logging;
mod login;
mod memory;
mod open;
mod output;
mod problem;
mod stop;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

/// Threads that serve connections. Typing a page and writing it happen beside them; one for each connection would only
/// contend with those.
const WORKERS: usize = 2;

/// A second Ctrl-C waits so long at most for what cannot be interrupted (a commit under way).
const LAST_GRACE: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    memory::settle();
    let arguments = Arguments::parse();
    let terminal = Terminal::of_process();
    logging::start(arguments.verbose, &terminal);
    let exit = start(arguments, &terminal).unwrap_or_else(|problem| tell(&problem, &terminal));
    let lost = output::stdout::lost().map(|problem| tell(&problem, &terminal));
    lost.filter(|_| exit == Exit::Success).unwrap_or(exit).code()
}

fn tell(problem: &Problem, terminal: &Terminal) -> Exit {
    output::failure::show_problem(problem, terminal);
    problem.exit
}

fn start(arguments: Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    // One process, one provider of cryptography; it is an error only if it was there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Problem::failed(format!("the runtime does not start: {error}")))?;
    let exit = runtime.block_on(commands::execute(arguments, terminal));
    runtime.shutdown_timeout(LAST_GRACE);
    exit
}
