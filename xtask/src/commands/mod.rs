//! The commands, each in its own file, listed once; dispatch and help walk the list.

mod bench;
mod ci;
mod crash;
mod demo;
mod deny;
mod layers;
mod setup;
mod test;

use crate::arguments::Arguments;
use crate::problem::{Problem, Result};
use crate::workspace::Workspace;

/// One command of `cargo xtask`.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// What may follow the name.
    pub(crate) arguments: &'static str,
    /// One line for the overview.
    pub(crate) summary: &'static str,
    /// What a person wants to know before using it.
    pub(crate) details: &'static str,
    pub(crate) run: fn(&Workspace, Arguments) -> Result,
}

/// Every command, in the order in which a newcomer meets them.
pub(crate) const ALL: &[&Command] = &[
    &demo::COMMAND,
    &test::COMMAND,
    &bench::COMMAND,
    &crash::COMMAND,
    &setup::COMMAND,
    &ci::COMMAND,
    &layers::COMMAND,
    &deny::COMMAND,
];

pub(crate) fn find(name: &str) -> Result<&'static Command> {
    ALL.iter().copied().find(|command| command.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|command| command.name).collect();
        Problem::new(format!("there is no command `{name}`; there are: {}", names.join(", ")))
    })
}

/// The overview, or all about one command.
pub(crate) fn help(name: Option<&str>) -> Result<String> {
    if let Some(name) = name {
        let command = find(name)?;
        return Ok(format!(
            "{}\n\nUsage: cargo xtask {} {}\n\n{}\n",
            command.summary, command.name, command.arguments, command.details
        ));
    }
    let lines = ALL.iter().map(|command| format!("  {:<10}{}\n", command.name, command.summary));
    Ok(format!("Usage: cargo xtask <command>\n\n{}\nMore: cargo xtask help <command>\n", lines.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_command() {
        let overview = help(None).unwrap();
        for command in ALL {
            assert!(overview.contains(command.summary), "{}", command.name);
            assert!(help(Some(command.name)).unwrap().contains(command.details));
        }
    }

    #[test]
    fn an_unknown_command_is_answered_with_the_known_ones() {
        assert!(help(Some("tset")).unwrap_err().to_string().contains("layers"));
    }
}
