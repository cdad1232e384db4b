//! Where secrets are kept between runs: what `spile secret set` stores, and tokens that rotate.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::{Failure, FailureKind, Secret};

/// A name has at most so many bytes: keyrings and file systems hold no more.
pub const LONGEST_SECRET_NAME: usize = 128;

/// The name of a kept secret: letters, digits, `_`, `-` and `.`, a letter, digit or `_` first, as of pipelines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(Arc<str>);

impl SecretName {
    /// The name that `text` is.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where it cannot be one.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let fits = text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
            && text.len() <= LONGEST_SECRET_NAME;
        if fits { Ok(Self(text.into())) } else { Err(Self::refused(text)) }
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn refused(text: &str) -> Failure {
        let message = format!(
            "`{}` cannot be the name of a secret: it has letters, digits, `_`, `-` and `.`, begins with a letter, a digit \
             or `_`, and is at most {LONGEST_SECRET_NAME} bytes long",
            text.escape_debug()
        );
        Failure::new(FailureKind::Configuration, message)
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A kept secret as it may be shown: never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its name.
    pub name: SecretName,
    /// When its value was written last, where the store knows.
    pub changed: Option<Timestamp>,
}

/// Keeps secrets between runs, for all pipelines that share it.
///
/// Its calls block (on a disk, on a keyring's daemon, on deriving a key): async code makes them on a thread of their own.
/// Every failure is of the kind [`FailureKind::SecretStore`] (or tells more closely what it is about:
/// [`FailureKind::SecretStoreFull`], [`FailureKind::NoSecretStore`], [`FailureKind::NoKeyring`],
/// [`FailureKind::KeyringLocked`]), names the store, and holds no value.
pub trait SecretStore: Send + Sync {
    /// The secret of that name, as it was written last, whoever wrote it; `None` where there is none.
    ///
    /// # Errors
    /// The store is there and cannot be read.
    fn read(&self, name: &SecretName) -> Result<Option<Secret>, Failure>;

    /// Keeps `secret` under `name`, in the place of what was there. When it returns, the value outlives a crash of the
    /// process and of the machine.
    ///
    /// # Errors
    /// It is not kept (one that is larger than any credential, more than 1 MiB, never is); what was there before is.
    fn write(&self, name: &SecretName, secret: &Secret) -> Result<(), Failure>;

    /// Forgets the secret of that name; tells whether there was one.
    ///
    /// # Errors
    /// It may still be there.
    fn remove(&self, name: &SecretName) -> Result<bool, Failure>;

    /// What is kept, by name.
    ///
    /// # Errors
    /// The store is there and cannot be read.
    fn list(&self) -> Result<Vec<KeptSecret>, Failure>;

    /// Holds off everyone else (in this process and in others) who asks the same, until what is returned is dropped;
    /// `None` where another holds already: then ask again a little later, and read anew, for its value has changed. Who
    /// exchanges a secret for its successor at a server does so while holding it, from the reading to the writing: a
    /// refresh token that two use at once is taken for stolen. Reading and writing need no holding.
    ///
    /// # Errors
    /// Nobody can be held off, or the store could not be written: better known before a token is spent.
    fn hold(&self, name: &SecretName) -> Result<Option<Held>, Failure>;

    /// Which store this is, in words for people: `the file spile.secrets.age`.
    fn describe(&self) -> String;
}

/// That a secret is held; dropping it lets others go on.
pub struct Held {
    _release: Box<dyn Any + Send>,
}

impl Held {
    /// Held until `release` is dropped.
    pub fn until_dropped(release: impl Any + Send) -> Self {
        Self { _release: Box::new(release) }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// What stands where no store is set up: it has nothing, and cannot keep anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecretStore;

impl NoSecretStore {
    fn refused(name: &SecretName) -> Failure {
        Failure::new(
            FailureKind::NoSecretStore,
            format!("the secret `{name}` cannot be kept: there is no secret store"),
        )
    }
}

impl SecretStore for NoSecretStore {
    fn read(&self, _: &SecretName) -> Result<Option<Secret>, Failure> {
        Ok(None)
    }

    fn write(&self, name: &SecretName, _: &Secret) -> Result<(), Failure> {
        Err(Self::refused(name))
    }

    fn remove(&self, _: &SecretName) -> Result<bool, Failure> {
        Ok(false)
    }

    fn list(&self) -> Result<Vec<KeptSecret>, Failure> {
        Ok(Vec::new())
    }

    fn hold(&self, name: &SecretName) -> Result<Option<Held>, Failure> {
        Err(Self::refused(name))
    }

    fn describe(&self) -> String {
        "no secret store".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_letters_digits_and_few_signs() {
        for fits in ["token", "_t", "9", "github.refresh-token_2", "schlüssel"] {
            assert_eq!(SecretName::new(fits).unwrap().as_str(), fits);
        }
        let long = "n".repeat(LONGEST_SECRET_NAME + 1);
        for odd in ["", ".hidden", "-x", "../up", "a/b", "a b", "a\nb", long.as_str()] {
            assert_eq!(SecretName::new(odd).unwrap_err().kind, FailureKind::Configuration, "{odd}");
        }
    }

    #[test]
    fn where_there_is_no_store_nothing_is_found_and_nothing_kept() {
        let name = SecretName::new("token").unwrap();
        assert!(NoSecretStore.read(&name).unwrap().is_none());
        let failure = NoSecretStore.write(&name, &Secret::new("hunter2")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NoSecretStore);
        assert!(!failure.to_string().contains("hunter2"));
        assert!(NoSecretStore.hold(&name).is_err());
    }
}
