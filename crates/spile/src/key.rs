//! The key of a secret store that keeps its secrets in a file: who is there hears where one was made.

use std::path::Path;
use std::sync::Arc;

use spile_credentials::{Environment, KeyMade};
use spile_model::{Events, Failure, RunEvent, SystemClock};
use spile_plan::{SecretStorePlan, Warning};

use crate::output::terminal::Terminal;

/// Sees to it that the store has a key, and tells what a person has to know of it.
pub(crate) fn prepare(store: &SecretStorePlan, terminal: &Terminal) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let warning = spile_credentials::prepare(store, &environment, Arc::new(SystemClock), tell(*terminal))?;
    if let Some(Warning { message, remedy }) = warning {
        terminal.tell(&format!("{} {message}\n  to do: {remedy}", terminal.attention("warning:")));
    }
    Ok(())
}

/// Tells it at the terminal.
pub(crate) fn tell(terminal: Terminal) -> KeyMade {
    Arc::new(move |path| terminal.tell(&words(path)))
}

/// Tells it among the events of a run.
pub(crate) fn emit(events: Events) -> KeyMade {
    Arc::new(move |path| events.emit(RunEvent::Warning { stream: None, message: words(path) }))
}

fn words(path: &Path) -> String {
    format!(
        "made the key of the secret store, {}: without it nobody can read the store; keep a copy, and never beside the store",
        path.display()
    )
}
