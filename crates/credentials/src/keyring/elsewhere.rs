//! Where no keyring is known to Spile.

use spile_model::{Failure, FailureKind, SecretName};

use super::{Listed, Patience};
use crate::environment::Environment;

/// No keyring.
pub(super) struct Service {
    pub(super) patience: Patience,
}

impl Service {
    pub(super) fn new(_: &Environment, patience: Patience) -> Self {
        Self { patience }
    }

    pub(super) fn read(&self, _: &str, _: &SecretName) -> Result<Option<Vec<u8>>, Failure> {
        Err(unknown())
    }

    pub(super) fn write(&self, _: &str, _: &SecretName, _: &[u8]) -> Result<(), Failure> {
        Err(unknown())
    }

    pub(super) fn remove(&self, _: &str, _: &SecretName) -> Result<bool, Failure> {
        Err(unknown())
    }

    pub(super) fn list(&self, _: &str) -> Result<Vec<Listed>, Failure> {
        Err(unknown())
    }

    pub(super) fn check(&self) -> Result<(), Failure> {
        Err(unknown())
    }
}

fn unknown() -> Failure {
    let message = "the system keyring cannot be asked: Spile knows that of Linux desktops only";
    Failure::new(FailureKind::NoKeyring, message)
}
