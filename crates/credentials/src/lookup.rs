//! Looking for a credential in the place that a pipeline names.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use spile_model::{Clock, Failure};
use spile_plan::{CredentialSource, Found, SecretStorePlan};

use crate::{AgeFile, Environment, file};

/// Looks for credentials; what it has opened for one it has open for the next. Its calls block.
pub struct Lookup {
    environment: Environment,
    clock: Arc<dyn Clock>,
    opened: Mutex<Vec<(PathBuf, Arc<AgeFile>)>>,
}

impl Lookup {
    /// Looks as the user with that environment may.
    pub fn new(environment: Environment, clock: Arc<dyn Clock>) -> Self {
        Self { environment, clock, opened: Mutex::default() }
    }

    /// The credential that is in that place, or none.
    ///
    /// # Errors
    /// The place is there, and cannot be looked into. The message names it and holds no value.
    pub fn look(&self, source: &CredentialSource) -> Result<Found, Failure> {
        match source {
            CredentialSource::File(path) => file::look(path),
            CredentialSource::Store { store: SecretStorePlan::AgeFile(path), name } => self.age_file(path).look(name),
        }
    }

    fn age_file(&self, path: &PathBuf) -> Arc<AgeFile> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = opened.iter().find(|(known, _)| known == path) {
            return known.clone();
        }
        let file = Arc::new(AgeFile::new(path.clone(), &self.environment, self.clock.clone()));
        opened.push((path.clone(), file.clone()));
        file
    }
}
