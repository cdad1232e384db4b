//! Looking for a credential in the place that a pipeline names.

use std::sync::{Arc, Mutex, PoisonError};

use spile_model::{Clock, Failure, FailureKind, SecretName};
use spile_plan::{CredentialSource, Found, SecretStorePlan, VaultField, VaultPlan};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::vault::Vault;
use crate::{AgeFile, Environment, Keyring, file};

/// Looks for credentials; what it has opened for one it has open for the next. Its calls block: async code makes them on
/// a thread of their own.
pub struct Lookup {
    environment: Environment,
    clock: Arc<dyn Clock>,
    opened: Mutex<Vec<(SecretStorePlan, Arc<Opened>)>>,
    vaults: Mutex<Vec<(Arc<VaultPlan>, Vault)>>,
    /// Where the calls come from no runtime: one that lives as long as the connections that it has made.
    own: Mutex<Option<Runtime>>,
}

/// A secret store that is looked into.
enum Opened {
    AgeFile(AgeFile),
    Keyring {
        keyring: Keyring,
        /// Why it could not be asked. It is not asked again: each time, a person would be asked for the same password.
        refused: Mutex<Option<(FailureKind, String)>>,
    },
}

impl Lookup {
    /// Looks as the user with that environment may.
    pub fn new(environment: Environment, clock: Arc<dyn Clock>) -> Self {
        Self { environment, clock, opened: Mutex::default(), vaults: Mutex::default(), own: Mutex::default() }
    }

    /// The credential that is in that place, or none.
    ///
    /// # Errors
    /// The place is there, and cannot be looked into. The message names it and holds no value.
    pub fn look(&self, source: &CredentialSource) -> Result<Found, Failure> {
        match source {
            CredentialSource::File(path) => file::look(path),
            CredentialSource::Vault { server, field } => self.vault(server, field),
            CredentialSource::Store { store, name } => self.opened(store).look(name),
        }
    }

    fn vault(&self, server: &Arc<VaultPlan>, field: &VaultField) -> Result<Found, Failure> {
        let mut vaults = self.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        let known = vaults.iter().position(|(known, _)| known == server);
        let at = match known {
            Some(at) => at,
            None => {
                vaults.push((server.clone(), Vault::new(server, &self.environment, self.clock.clone())?));
                vaults.len() - 1
            }
        };
        let looking = vaults[at].1.look(field);
        if let Ok(runtime) = Handle::try_current() {
            return runtime.block_on(looking);
        }
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = match own.take() {
            Some(runtime) => runtime,
            None => Builder::new_current_thread().enable_all().build().map_err(|error| {
                Failure::new(FailureKind::Credential, "Vault cannot be asked: no runtime starts").caused_by(error)
            })?,
        };
        own.insert(runtime).block_on(looking)
    }

    fn opened(&self, store: &SecretStorePlan) -> Arc<Opened> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = opened.iter().find(|(known, _)| known == store) {
            return known.clone();
        }
        let new = Arc::new(match store {
            SecretStorePlan::AgeFile(path) => {
                Opened::AgeFile(AgeFile::new(path.clone(), &self.environment, self.clock.clone()))
            }
            SecretStorePlan::Keyring { project } => {
                Opened::Keyring { keyring: Keyring::new(project, &self.environment), refused: Mutex::default() }
            }
        });
        opened.push((store.clone(), new.clone()));
        new
    }
}

impl Opened {
    fn look(&self, name: &SecretName) -> Result<Found, Failure> {
        match self {
            Self::AgeFile(file) => file.look(name),
            Self::Keyring { keyring, refused } => {
                let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((kind, message)) = &*refused {
                    return Err(Failure::new(kind.clone(), message.clone()));
                }
                let bytes = keyring.bytes(name).inspect_err(|failure| {
                    *refused = Some((failure.kind.clone(), failure.message.clone()));
                })?;
                let secret = bytes.map(|bytes| keyring.text(name, bytes)).transpose()?;
                Ok(Found { secret, warning: None })
            }
        }
    }
}
