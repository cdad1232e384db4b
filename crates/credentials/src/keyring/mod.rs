//! Secrets in the keyring of the user's session: GNOME Keyring, or another that speaks the same protocol.
//!
//! Each call asks anew, so that a keyring that was ended and started again is found again, and none is left open. What is
//! held against other processes is held by locks on files: keyrings have no such thing.

#[cfg(target_os = "linux")]
mod service;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod service;

use std::time::Duration;

use jiff::Timestamp;
use spile_model::{Failure, FailureKind, Held, KeptSecret, Secret, SecretName, SecretStore};
use spile_plan::SecretStorePlan;

use self::service::Service;
use crate::environment::Environment;
use crate::file::LARGEST_CREDENTIAL;
use crate::locks::Locks;

/// What one project has in the user's keyring.
pub struct Keyring {
    project: String,
    service: Service,
    /// None where there is no folder for them.
    locks: Option<Locks>,
}

/// How long a keyring is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For what a program answers: it may have to be started first.
    pub answer: Duration,
    /// For the password of a locked keyring, which a person gives.
    pub password: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { answer: Duration::from_secs(30), password: Duration::from_secs(120) }
    }
}

/// What is known of a secret beside its value.
struct Listed {
    name: String,
    /// Seconds since 1970.
    changed: u64,
}

impl Keyring {
    /// The secrets of `project`, in the keyring of the session that `environment` leads to. Nothing is asked yet.
    pub fn new(project: &str, environment: &Environment) -> Self {
        let locks = environment.state_folder().map(|folder| folder.join("keyring").join(format!("{project}.locks")));
        Self {
            project: project.to_owned(),
            service: Service::new(environment, Patience::default()),
            locks: locks.map(Locks::in_folder),
        }
    }

    /// With other patience than usual.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.service.patience = patience;
        self
    }

    /// What is kept as `name`; where that fails, so does every question.
    pub(crate) fn bytes(&self, name: &SecretName) -> Result<Option<Vec<u8>>, Failure> {
        self.service.read(&self.project, name)
    }

    /// What was kept as `name`, as text.
    pub(crate) fn text(&self, name: &SecretName, bytes: Vec<u8>) -> Result<Secret, Failure> {
        let text = String::from_utf8(bytes).map_err(|_| self.failure(&format!("holds no text as `{name}`")))?;
        Ok(Secret::new(text))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(FailureKind::SecretStore, format!("{} {what}", self.describe()))
    }

    fn listed(&self, listed: &Listed) -> Result<KeptSecret, Failure> {
        let name =
            SecretName::new(&listed.name).map_err(|_| self.failure("has a name in it that Spile does not write"))?;
        let seconds = i64::try_from(listed.changed).ok().filter(|seconds| *seconds > 0);
        Ok(KeptSecret { name, changed: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) })
    }
}

impl SecretStore for Keyring {
    fn read(&self, name: &SecretName) -> Result<Option<Secret>, Failure> {
        let bytes = self.bytes(name)?;
        bytes.map(|bytes| self.text(name, bytes)).transpose()
    }

    fn write(&self, name: &SecretName, secret: &Secret) -> Result<(), Failure> {
        let value = secret.expose().as_bytes();
        if value.len() as u64 > LARGEST_CREDENTIAL.0 {
            return Err(self.failure(&format!("does not take `{name}`: it is larger than {LARGEST_CREDENTIAL}")));
        }
        self.service.write(&self.project, name, value)
    }

    fn remove(&self, name: &SecretName) -> Result<bool, Failure> {
        self.service.remove(&self.project, name)
    }

    fn list(&self) -> Result<Vec<KeptSecret>, Failure> {
        let mut listed = self.service.list(&self.project)?;
        listed.sort_by(|one, other| one.name.cmp(&other.name).then(other.changed.cmp(&one.changed)));
        listed.dedup_by(|later, first| later.name == first.name);
        listed.iter().map(|listed| self.listed(listed)).collect()
    }

    fn hold(&self, name: &SecretName) -> Result<Option<Held>, Failure> {
        let unlockable = "cannot be locked against other processes";
        let locks = self.locks.as_ref().ok_or_else(|| {
            self.failure(&format!("{unlockable}: without HOME there is no folder where a lock could lie"))
        })?;
        self.service.check()?;
        let held = locks.attempt(name.as_str()).map_err(|error| self.failure(unlockable).caused_by(error))?;
        Ok(held.map(Held::until_dropped))
    }

    fn describe(&self) -> String {
        SecretStorePlan::Keyring { project: self.project.clone() }.describe()
    }
}
