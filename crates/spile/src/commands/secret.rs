//! `spile secret`: what is in a secret store. Values go in and never come out: neither here nor in any message.

use std::io::{IsTerminal, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use console::Term;
use spile_config::{secret_store, secret_store_named};
use spile_credentials::{Environment, LARGEST_CREDENTIAL, open, without_line_breaks};
use spile_model::{Secret, SecretName, SecretStore, SystemClock};
use spile_plan::SecretStorePlan;

use crate::exit::Exit;
use crate::key;
use crate::output::number::plural;
use crate::output::table;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Store a secret: asked for without echo, or read from stdin
    ///
    /// The value is never an argument: other users of the machine could read it there. A pipeline uses it by its name:
    /// `variables: { token: { store: NAME } }`. Line breaks at the end of stdin are not a part of the value.
    Set {
        /// The secret's name: letters, digits, `_`, `-` and `.`
        name: String,
        #[command(flatten)]
        store: Store,
    },
    /// List the names of secrets, and when each was written last; never the values
    List {
        #[command(flatten)]
        store: Store,
    },
    /// Remove a secret
    Rm {
        /// The secret's name
        name: String,
        #[command(flatten)]
        store: Store,
    },
}

/// Which store.
#[derive(Debug, Args)]
struct Store {
    /// The pipeline whose store it is; without it, `spile.secrets.age` in the working directory
    #[arg(value_name = "PIPELINE")]
    pipeline: Option<PathBuf>,
    /// The store itself, as `secrets` in a pipeline file names it: `age:FILE` or `keyring:PROJECT`
    #[arg(long = "in", value_name = "STORE", conflicts_with = "pipeline")]
    store: Option<String>,
}

pub(crate) fn execute(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    match &arguments.action {
        Action::Set { name, store } => set(name, &store.plan()?, terminal),
        Action::List { store } => list(&store.plan()?, terminal),
        Action::Rm { name, store } => remove(name, &store.plan()?, terminal),
    }
}

impl Store {
    fn plan(&self) -> Result<SecretStorePlan, Problem> {
        match (&self.pipeline, &self.store) {
            (Some(pipeline), _) => Ok(secret_store(pipeline)?),
            (None, Some(named)) => secret_store_named(named, None).map_err(|expected| {
                Problem::usage(format!("`--in {named}` names no secret store")).remedy(format!("write {expected}"))
            }),
            (None, None) => Ok(SecretStorePlan::AgeFile(SecretStorePlan::DEFAULT_FILE.into())),
        }
    }
}

fn opened(plan: &SecretStorePlan, terminal: &Terminal) -> Arc<dyn SecretStore> {
    open(plan, &Environment::of_process(), Arc::new(SystemClock), key::tell(*terminal))
}

fn set(name: &str, plan: &SecretStorePlan, terminal: &Terminal) -> Result<Exit, Problem> {
    let name = named(name)?;
    let store = opened(plan, terminal);
    // Before anything is typed: whether it can be kept at all.
    let before = store.read(&name)?;
    let secret = value(&name)?;
    key::prepare(plan, terminal)?;
    store.write(&name, &secret)?;
    let verb = if before.is_some() { "replaced" } else { "stored" };
    terminal.say(&format!("{verb} `{name}` in {}", store.describe()));
    Ok(Exit::Success)
}

fn list(plan: &SecretStorePlan, terminal: &Terminal) -> Result<Exit, Problem> {
    let store = opened(plan, terminal);
    let kept = store.list()?;
    terminal.say(&format!("{}: {}", store.describe(), plural(kept.len() as u64, "secret")));
    if !kept.is_empty() {
        let mut shown = table::new(&["name", "changed"], terminal);
        for secret in &kept {
            let changed = secret.changed.map_or_else(|| "unknown".to_owned(), |at| format!("{at:.0}"));
            shown.add_row([secret.name.as_str(), &changed]);
        }
        terminal.say(&table::text(&shown));
    }
    Ok(Exit::Success)
}

fn remove(name: &str, plan: &SecretStorePlan, terminal: &Terminal) -> Result<Exit, Problem> {
    let (name, store) = (named(name)?, opened(plan, terminal));
    if !store.remove(&name)? {
        return Err(Problem::failed(format!("there is no secret `{name}` in {}", store.describe()))
            .remedy("`spile secret list` names those that are there"));
    }
    terminal.say(&format!("removed `{name}` from {}", store.describe()));
    Ok(Exit::Success)
}

fn named(name: &str) -> Result<SecretName, Problem> {
    SecretName::new(name).map_err(|failure| Problem::usage(failure.message))
}

/// The value, from who sits at the terminal or from what is piped in.
fn value(name: &SecretName) -> Result<Secret, Problem> {
    let unreadable = |error: std::io::Error| Problem::failed(format!("the value cannot be read: {error}"));
    let text = if std::io::stdin().is_terminal() {
        let terminal = Term::stderr();
        terminal.write_str(&format!("value of `{name}` (it is not shown): ")).map_err(unreadable)?;
        terminal.read_secure_line().map_err(unreadable)?
    } else {
        let mut text = String::new();
        std::io::stdin().lock().take(LARGEST_CREDENTIAL.0 + 1).read_to_string(&mut text).map_err(unreadable)?;
        text
    };
    let value = without_line_breaks(&text);
    if value.is_empty() {
        return Err(Problem::usage(format!("the value of `{name}` is empty; nothing was stored")));
    }
    if value.len() as u64 > LARGEST_CREDENTIAL.0 {
        let message = format!("the value of `{name}` is larger than {LARGEST_CREDENTIAL}; nothing was stored");
        return Err(Problem::usage(message));
    }
    Ok(Secret::new(value))
}
