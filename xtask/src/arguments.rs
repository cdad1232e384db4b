//! The words after a command's name: flags, options with a value, and what is handed on to another program.
//!
//! A command takes what it knows and then calls [`Arguments::finish`] or [`Arguments::rest`]; a word that nobody took
//! is an error and never ignored.

use std::fmt::Display;
use std::str::FromStr;

use crate::problem::{Problem, Result};

/// The words that a command has not taken yet.
pub(crate) struct Arguments {
    command: &'static str,
    words: Vec<String>,
}

impl Arguments {
    pub(crate) fn new(command: &'static str, words: Vec<String>) -> Self {
        Self { command, words }
    }

    /// Takes `name` (such as `--quick`); words after `--` belong to another program and are not looked at.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let found = self.position(name);
        if let Some(place) = found {
            self.words.remove(place);
        }
        found.is_some()
    }

    /// Takes `--name VALUE` or `--name=VALUE`, or answers `default`.
    pub(crate) fn value<T>(&mut self, name: &str, default: T) -> Result<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(text) = self.take_value(name)? else { return Ok(default) };
        text.parse().map_err(|error| self.wrong(&format!("{name} {text}: {error}")))
    }

    fn take_value(&mut self, name: &str) -> Result<Option<String>> {
        let prefix = format!("{name}=");
        let joined = self.own_words().iter().position(|word| word.starts_with(&prefix));
        if let Some(place) = joined {
            return Ok(Some(self.words.remove(place).split_off(prefix.len())));
        }
        let Some(place) = self.position(name) else { return Ok(None) };
        self.words.remove(place);
        if place == self.words.len() {
            return Err(self.wrong(&format!("{name} needs a value")));
        }
        Ok(Some(self.words.remove(place)))
    }

    /// Everything that was not taken, for the program that this command starts; a separating `--` is dropped.
    pub(crate) fn rest(mut self) -> Vec<String> {
        if let Some(place) = self.words.iter().position(|word| word == "--") {
            self.words.remove(place);
        }
        self.words
    }

    /// An error if a word is left.
    pub(crate) fn finish(self) -> Result {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(self.wrong(&format!("it does not know `{word}`"))),
        }
    }

    pub(crate) fn wrong(&self, what: &str) -> Problem {
        Problem::new(format!("cargo xtask {0}: {what}\n  see: cargo xtask help {0}", self.command))
    }

    fn own_words(&self) -> &[String] {
        let end = self.words.iter().position(|word| word == "--").unwrap_or(self.words.len());
        &self.words[..end]
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.own_words().iter().position(|word| word == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Arguments {
        Arguments::new("bench", words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_value_may_be_a_word_of_its_own_or_joined() {
        assert_eq!(arguments(&["--pages", "20"]).value("--pages", 200).unwrap(), 20);
        assert_eq!(arguments(&["--pages=20"]).value("--pages", 200).unwrap(), 20);
        assert_eq!(arguments(&[]).value("--pages", 200).unwrap(), 200);
    }

    #[test]
    fn a_word_that_nobody_took_is_named_in_the_error() {
        let mut arguments = arguments(&["--quick", "--fast"]);
        assert!(arguments.flag("--quick"));
        let message = arguments.finish().unwrap_err().to_string();
        assert!(message.contains("`--fast`") && message.contains("cargo xtask help bench"), "{message}");
    }

    #[test]
    fn words_after_two_dashes_belong_to_the_other_program() {
        let mut arguments = arguments(&["-p", "spile", "--", "--quick"]);
        assert!(!arguments.flag("--quick"));
        assert_eq!(arguments.rest(), ["-p", "spile", "--quick"]);
    }

    #[test]
    fn a_missing_or_unreadable_value_is_an_error() {
        assert!(arguments(&["--pages"]).value("--pages", 200).is_err());
        let message = arguments(&["--pages", "many"]).value("--pages", 200).unwrap_err().to_string();
        assert!(message.contains("--pages many"), "{message}");
    }
}
