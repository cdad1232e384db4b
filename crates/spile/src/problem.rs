//! What keeps a command from doing its work, in the words that the user reads.

use spile_config::Diagnostics;
use spile_model::{Failure, FailureKind};

use crate::exit::Exit;

/// What keeps a command from doing its work.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    pub(crate) text: Text,
}

/// How a problem is told.
#[derive(Debug)]
pub(crate) enum Text {
    /// What, why, and what to do.
    Sentence { message: String, causes: Vec<String>, remedy: Option<String> },
    /// Everything that is wrong with a pipeline file.
    Diagnostics(Diagnostics),
}

impl Problem {
    /// The command cannot be meant so.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// It was tried and did not work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, text: Text::Sentence { message: message.into(), causes: Vec::new(), remedy: None } }
    }

    /// With what the user can do.
    pub(crate) fn remedy(mut self, text: impl Into<String>) -> Self {
        if let Text::Sentence { remedy, .. } = &mut self.text {
            *remedy = Some(text.into());
        }
        self
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let exit = exit_of(&failure.kind);
        let remedy = Some(failure.kind.remedy().to_owned());
        Self { exit, text: Text::Sentence { message: failure.to_string(), causes: failure.causes(), remedy } }
    }
}

impl From<Diagnostics> for Problem {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { exit: Exit::Usage, text: Text::Diagnostics(diagnostics) }
    }
}

/// The exit code that a failure leads to.
pub(crate) fn exit_of(kind: &FailureKind) -> Exit {
    match kind {
        FailureKind::DestinationLocked => Exit::Locked,
        FailureKind::Interrupted => Exit::Interrupted,
        _ => Exit::Failed,
    }
}
