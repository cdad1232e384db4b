//! Secrets in a file beside the pipeline, encrypted with age (<https://age-encryption.org/v1>).
//!
//! The file can lie in a repository: who has the key reads it, nobody else. `age --decrypt` opens it too. A writing reads
//! the file under a lock between processes, changes it, and puts it whole in its place; a reading needs no lock.

mod document;
mod key;

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use spile_model::{ByteSize, Clock, Failure, FailureKind, Held, KeptSecret, Secret, SecretName, SecretStore};
use spile_plan::{Found, Warning};

use self::document::Document;
use self::key::KeyPlace;
use crate::KeyMade;
use crate::environment::Environment;
use crate::file::LARGEST_CREDENTIAL;
use crate::locks::Locks;
use crate::replace::{folder, replace};

/// Thousands of secrets fit; what is larger was not written by Spile.
const LARGEST: ByteSize = ByteSize::mib(16);

/// A secret store in an encrypted file.
pub struct AgeFile {
    path: PathBuf,
    key: KeyPlace,
    locks: Locks,
    clock: Arc<dyn Clock>,
    /// What the file held when it was like this: deriving a key from a passphrase takes a second each time.
    known: Mutex<Option<(Looks, Document)>>,
    key_made: KeyMade,
}

/// By what a file that is only ever replaced is told from its predecessor.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Looks {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl AgeFile {
    /// The store in `path`, with the key that `environment` leads to. Nothing is opened yet.
    pub fn new(path: PathBuf, environment: &Environment, clock: Arc<dyn Clock>) -> Self {
        let key = KeyPlace::of(environment);
        let locks = Locks::beside(&path);
        Self { path, key, locks, clock, known: Mutex::default(), key_made: Arc::new(|_| ()) }
    }

    /// Where a key is made, `key_made` is told, before anything else can fail.
    #[must_use]
    pub fn telling(self, key_made: KeyMade) -> Self {
        Self { key_made, ..self }
    }

    /// Makes the key that a first secret needs, where no file is there yet: an identity, where the environment says or
    /// in the user's folder of settings. Tells where it was put, for without it nobody can read the file; `None` where there is
    /// a key. Writing does the same by itself, but only in the user's folder of settings.
    ///
    /// # Errors
    /// [`FailureKind::SecretStore`] where it cannot be written.
    pub fn make_key(&self) -> Result<Option<PathBuf>, Failure> {
        if self.exists()? {
            return Ok(None);
        }
        let made = self.key.make()?;
        if let Some(path) = &made {
            (self.key_made)(path);
        }
        Ok(made)
    }

    /// Sees to it that what is written can be encrypted, and read again by the same key.
    fn check_key(&self) -> Result<(), Failure> {
        self.check_folder()?;
        if self.exists()? {
            return self.load().map(drop);
        }
        if self.key.is_own() {
            self.make_key()?;
        }
        self.key.key().map(drop)
    }

    /// What should not stay as it is.
    pub fn warning(&self) -> Option<Warning> {
        self.key.warning()
    }

    /// The secret of that name, with what should not stay as it is.
    pub(crate) fn look(&self, name: &SecretName) -> Result<Found, Failure> {
        let secret = self.read(name)?;
        Ok(Found { warning: secret.as_ref().and_then(|_| self.warning()), secret })
    }

    fn exists(&self) -> Result<bool, Failure> {
        self.path.try_exists().map_err(|error| self.failure("cannot be looked for").caused_by(error))
    }

    /// What the file holds; nothing where there is none.
    fn load(&self) -> Result<Document, Failure> {
        let unreadable = |error: io::Error| self.failure("cannot be read").caused_by(error);
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Document::default()),
            Err(error) => return Err(unreadable(error)),
        };
        let looks = looks(&file).map_err(unreadable)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = known.as_ref().filter(|(before, _)| *before == looks) {
            return Ok(document.clone());
        }
        let mut encrypted = Vec::new();
        file.take(LARGEST.0 + 1).read_to_end(&mut encrypted).map_err(unreadable)?;
        if encrypted.len() as u64 > LARGEST.0 {
            return Err(self.failure(&format!("is larger than {LARGEST}, and no secret store is")));
        }
        let document = self.decrypted(&encrypted)?;
        *known = Some((looks, document.clone()));
        Ok(document)
    }

    fn decrypted(&self, encrypted: &[u8]) -> Result<Document, Failure> {
        let key = self.key.key()?;
        let text = key.decrypt(encrypted).map_err(|why| self.failure(&why))?;
        Document::parse(&text).map_err(|why| self.failure(&why))
    }

    /// Reads the file, changes what it holds, and writes it whole, while nobody else does.
    fn change<T>(&self, change: impl FnOnce(&mut Document) -> T) -> Result<T, Failure> {
        self.check_folder()?;
        let _writing = self.locks.writing().map_err(|error| self.unlockable(error))?;
        self.check_key()?;
        let mut document = self.load()?;
        let changed = change(&mut document);
        let encrypted = self.key.key()?.encrypt(&document.text()).map_err(|why| self.failure(&why))?;
        if encrypted.len() as u64 > LARGEST.0 {
            return Err(self.failure(&format!("would be larger than {LARGEST}, and could not be read again")));
        }
        replace(&self.path, &encrypted).map_err(|error| unwritable(self.failure("cannot be written"), error))?;
        Ok(changed)
    }

    /// A mistyped path must not make folders.
    fn check_folder(&self) -> Result<(), Failure> {
        let folder = folder(&self.path);
        if folder.is_dir() {
            return Ok(());
        }
        Err(self.failure(&format!("cannot be made: there is no folder {}", folder.display())))
    }

    fn unlockable(&self, error: io::Error) -> Failure {
        if error.kind() == ErrorKind::TimedOut {
            return self.failure(&format!("cannot be written: {error}"));
        }
        unwritable(self.failure("cannot be locked against other processes"), error)
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(FailureKind::SecretStore, format!("the secret store {} {what}", self.path.display()))
    }
}

impl SecretStore for AgeFile {
    fn read(&self, name: &SecretName) -> Result<Option<Secret>, Failure> {
        Ok(self.load()?.get(name))
    }

    fn write(&self, name: &SecretName, secret: &Secret) -> Result<(), Failure> {
        if secret.expose().len() as u64 > LARGEST_CREDENTIAL.0 {
            return Err(self.failure(&format!("does not take `{name}`: it is larger than {LARGEST_CREDENTIAL}")));
        }
        let now = self.clock.now();
        self.change(|document| document.set(name, secret, now))
    }

    fn remove(&self, name: &SecretName) -> Result<bool, Failure> {
        // Without a lock: who removes what is not there makes no file and no key.
        if self.load()?.get(name).is_none() {
            return Ok(false);
        }
        self.change(|document| document.remove(name))
    }

    fn list(&self) -> Result<Vec<KeptSecret>, Failure> {
        self.load()?.list().map_err(|why| self.failure(&why))
    }

    fn hold(&self, name: &SecretName) -> Result<Option<Held>, Failure> {
        self.check_key()?;
        let held = self.locks.attempt(name.as_str()).map_err(|error| self.unlockable(error))?;
        Ok(held.map(Held::until_dropped))
    }

    fn describe(&self) -> String {
        format!("the file {}", self.path.display())
    }
}

/// A failure to write: where there is no room, that is its kind.
fn unwritable(failure: Failure, error: io::Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FailureKind::SecretStoreFull,
        _ => failure.kind.clone(),
    };
    Failure { kind, ..failure }.caused_by(error)
}

fn looks(file: &File) -> io::Result<Looks> {
    let metadata = file.metadata()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Ok(Looks { modified: metadata.modified().ok(), length: metadata.len(), number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_room_the_failure_is_about_room() {
        let failed =
            |kind| unwritable(Failure::new(FailureKind::SecretStore, "cannot be written"), io::Error::from(kind)).kind;
        for full in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            assert_eq!(failed(full), FailureKind::SecretStoreFull);
        }
        assert_eq!(failed(ErrorKind::PermissionDenied), FailureKind::SecretStore);
        assert!(FailureKind::SecretStoreFull.remedy().contains("make room"));
    }
}
