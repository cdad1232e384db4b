//! Why a command stopped: one message that says what failed and what to do about it.

use std::fmt;
use std::path::Path;

/// What every step of xtask returns.
pub(crate) type Result<T = ()> = std::result::Result<T, Problem>;

/// A failure in words for a person; the context that callers add comes first.
#[derive(Debug)]
pub(crate) struct Problem(String);

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds to an error the words that it lacks: what was being done, and to what.
pub(crate) trait Context<T> {
    fn context(self, doing: impl fmt::Display) -> Result<T>;

    fn at(self, doing: &str, path: &Path) -> Result<T>
    where
        Self: Sized,
    {
        self.context(format_args!("{doing} {}", path.display()))
    }
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Problem(format!("{doing}: {error}")))
    }
}
