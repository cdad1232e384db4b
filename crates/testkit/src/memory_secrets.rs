//! A secret store in memory, for tests of what keeps secrets: it remembers every writing, and fails when told to.
//!
//! ```
//! use spile_model::{Secret, SecretName, SecretStore};
//! use spile_testkit::memory_secrets::MemorySecrets;
//!
//! let store = MemorySecrets::new().with("refresh", "first");
//! store.write(&SecretName::new("refresh").unwrap(), &Secret::new("second")).unwrap();
//! assert_eq!(store.value("refresh").as_deref(), Some("second"));
//! assert_eq!(store.written(), [("refresh".to_owned(), "second".to_owned())]);
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spile_model::{Failure, FailureKind, Held, KeptSecret, Secret, SecretName, SecretStore};

/// The store. Clones are the same store, as two processes that share a file.
#[derive(Clone, Default)]
pub struct MemorySecrets(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    values: BTreeMap<SecretName, Secret>,
    written: Vec<(String, String)>,
    held: BTreeSet<SecretName>,
    refuses_writing: bool,
}

impl MemorySecrets {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this value in it, as if an earlier run had written it.
    ///
    /// # Panics
    /// Where `name` cannot be a name.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.kept().values.insert(SecretName::new(name).expect("the test's name is one"), Secret::new(value));
        self
    }

    /// What is kept under that name.
    pub fn value(&self, name: &str) -> Option<String> {
        let kept = self.kept();
        let found = kept.values.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, secret)| secret.expose().to_owned())
    }

    /// Every writing so far, in order: name and value.
    pub fn written(&self) -> Vec<(String, String)> {
        self.kept().written.clone()
    }

    /// From now on every writing fails (`true`), or none (`false`).
    pub fn refuse_writing(&self, refuses: bool) {
        self.kept().refuses_writing = refuses;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretStore for MemorySecrets {
    fn read(&self, name: &SecretName) -> Result<Option<Secret>, Failure> {
        Ok(self.kept().values.get(name).cloned())
    }

    fn write(&self, name: &SecretName, secret: &Secret) -> Result<(), Failure> {
        let mut kept = self.kept();
        if kept.refuses_writing {
            return Err(Failure::new(FailureKind::SecretStore, "the store in memory refuses to write, as it was told"));
        }
        kept.values.insert(name.clone(), secret.clone());
        kept.written.push((name.to_string(), secret.expose().to_owned()));
        Ok(())
    }

    fn remove(&self, name: &SecretName) -> Result<bool, Failure> {
        Ok(self.kept().values.remove(name).is_some())
    }

    fn list(&self) -> Result<Vec<KeptSecret>, Failure> {
        Ok(self.kept().values.keys().map(|name| KeptSecret { name: name.clone(), changed: None }).collect())
    }

    fn hold(&self, name: &SecretName) -> Result<Option<Held>, Failure> {
        let first = self.kept().held.insert(name.clone());
        Ok(first.then(|| Held::until_dropped(Release { store: self.clone(), name: name.clone() })))
    }

    fn describe(&self) -> String {
        "the test's memory".to_owned()
    }
}

/// Lets others go on when it is dropped.
struct Release {
    store: MemorySecrets,
    name: SecretName,
}

impl Drop for Release {
    fn drop(&mut self) {
        self.store.kept().held.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_held_by_one_at_a_time() {
        let (store, name) = (MemorySecrets::new(), SecretName::new("refresh").unwrap());
        let other = store.clone();
        let held = store.hold(&name).unwrap();
        assert!(held.is_some());
        assert!(other.hold(&name).unwrap().is_none());
        drop(held);
        assert!(other.hold(&name).unwrap().is_some());
    }
}
