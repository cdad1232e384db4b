//! The key of the encrypted file: an identity (a secret key, as `age-keygen` makes it) or a passphrase.
//!
//! Where nobody says otherwise, an identity is made with the first secret and lies in the user's folder of settings: a
//! scheduled run of the same user finds it without being asked anything. Containers and build servers name a file or give
//! the key itself by the environment.

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::{ExposeSecret as _, SecretString};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::Warning;

use crate::environment::Environment;
use crate::locks::{Locks, make_folder};
use crate::permissions;
use crate::replace::create;

/// The environment variable that names a file with identities.
pub(crate) const KEY_FILE: &str = "SPILE_AGE_KEY_FILE";
/// The environment variable that holds identities, one in a line.
pub(crate) const KEY: &str = "SPILE_AGE_KEY";
/// The environment variable that holds a passphrase.
pub(crate) const PASSPHRASE: &str = "SPILE_AGE_PASSPHRASE";

/// The file in the folder of settings.
const DEFAULT_FILE: &str = "identity.txt";

/// Where the key is.
pub(super) enum KeyPlace {
    /// In the user's folder of settings, made where it is not there yet.
    Own(PathBuf),
    /// In a file that the environment names.
    Named(PathBuf),
    /// In the environment.
    Given(Secret),
    Passphrase(Secret),
    /// The environment gives it twice, by these.
    Twice(&'static str, &'static str),
    /// There is no folder where it could be.
    Nowhere,
}

/// The key itself.
pub(super) enum Key {
    /// The first of these that fits opens the file; it is written for all of them.
    Identities {
        identities: Vec<x25519::Identity>,
        from: String,
    },
    Passphrase(SecretString),
}

impl KeyPlace {
    pub(super) fn of(environment: &Environment) -> Self {
        let given: Vec<_> =
            [KEY_FILE, KEY, PASSPHRASE].into_iter().filter_map(|name| Some((name, environment.get(name)?))).collect();
        match given.as_slice() {
            [] => environment.config_folder().map_or(Self::Nowhere, |folder| Self::Own(folder.join(DEFAULT_FILE))),
            [(KEY_FILE, path)] => Self::Named(path.into()),
            [(KEY, key)] => Self::Given(Secret::new(key.as_str())),
            [(_, passphrase)] => Self::Passphrase(Secret::new(passphrase.as_str())),
            [(one, _), (other, _), ..] => Self::Twice(one, other),
        }
    }

    /// The key.
    pub(super) fn key(&self) -> Result<Key, Failure> {
        match self {
            Self::Own(path) | Self::Named(path) => {
                let text = fs::read_to_string(path).map_err(|error| match error.kind() {
                    ErrorKind::NotFound => self.missing(path),
                    _ => failure(format!("the key of the secret store, {}, cannot be read", path.display()))
                        .caused_by(error),
                })?;
                Key::of_text(&text, path.display().to_string())
            }
            Self::Given(text) => Key::of_text(text.expose(), KEY.to_owned()),
            Self::Passphrase(passphrase) => Ok(Key::Passphrase(passphrase.expose().to_owned().into())),
            Self::Twice(one, other) => {
                Err(failure(format!("the key of the secret store is given twice, by {one} and by {other}: unset one")))
            }
            Self::Nowhere => Err(failure(format!(
                "there is no key for the secret store: neither {KEY_FILE}, {KEY} nor {PASSPHRASE} is set, and without HOME \
                 there is no folder where a key could lie"
            ))),
        }
    }

    /// Makes an identity where one may be made and none is; tells where.
    pub(super) fn make(&self) -> Result<Option<PathBuf>, Failure> {
        let (Self::Own(path) | Self::Named(path)) = self else { return Ok(None) };
        let unwritable = |error| {
            super::unwritable(
                failure(format!("a key for the secret store cannot be put into {}", path.display())),
                error,
            )
        };
        if path.try_exists().map_err(unwritable)? {
            return Ok(None);
        }
        if let (Self::Own(_), Some(folder)) = (self, path.parent()) {
            make_folder(folder).map_err(unwritable)?;
        }
        let _writing = Locks::beside(path).writing().map_err(unwritable)?;
        match create(path, new_identity().as_bytes()) {
            Ok(()) => Ok(Some(path.clone())),
            // Another process was faster: its key is the key.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(unwritable(error)),
        }
    }

    /// Whether it lies where Spile puts it, so that nobody else looks after it.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    pub(super) fn warning(&self) -> Option<Warning> {
        let (Self::Own(path) | Self::Named(path)) = self else { return None };
        permissions::complain(path, &fs::metadata(path).ok()?)
    }

    fn missing(&self, path: &Path) -> Failure {
        let path = path.display();
        failure(match self {
            Self::Named(_) => format!("the key of the secret store is not there: {KEY_FILE} names {path}"),
            _ => format!(
                "the key of the secret store is not at {path}: copy it from where the secrets were set, or name it with \
                 {KEY_FILE}"
            ),
        })
    }
}

impl Key {
    fn of_text(text: &str, from: String) -> Result<Self, Failure> {
        let mut identities = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // What the parser complains about is not told: it could quote the line.
            identities.push(line.parse::<x25519::Identity>().map_err(|_| {
                failure(format!("line {} of {from} is not an age identity (`AGE-SECRET-KEY-1…`)", index + 1))
            })?);
        }
        if identities.is_empty() {
            return Err(failure(format!("{from} holds no age identity (`AGE-SECRET-KEY-1…`)")));
        }
        Ok(Self::Identities { identities, from })
    }

    /// # Errors
    /// Why not, as the rest of a sentence about the file.
    pub(super) fn decrypt(&self, encrypted: &[u8]) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let read = Decryptor::new_buffered(ArmoredReader::new(encrypted)).and_then(|decryptor| {
            let mut reader = match self {
                Self::Identities { identities, .. } => {
                    decryptor.decrypt(identities.iter().map(|identity| identity as &dyn age::Identity))?
                }
                Self::Passphrase(passphrase) => {
                    let identity = scrypt::Identity::new(passphrase.clone());
                    decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))?
                }
            };
            reader.read_to_end(&mut text).map_err(DecryptError::Io)
        });
        read.map(|_| text).map_err(|error| self.why_not(&error))
    }

    /// # Errors
    /// Why not, as the rest of a sentence about the file.
    pub(super) fn encrypt(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        let encryptor = match self {
            Self::Identities { identities, .. } => {
                let recipients: Vec<_> = identities.iter().map(x25519::Identity::to_public).collect();
                Encryptor::with_recipients(recipients.iter().map(|recipient| recipient as &dyn age::Recipient))
                    .map_err(|error| format!("cannot be encrypted: {error}"))?
            }
            Self::Passphrase(passphrase) => Encryptor::with_user_passphrase(passphrase.clone()),
        };
        let written = || {
            let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armored)?;
            writer.write_all(text)?;
            writer.finish()?.finish()
        };
        written().map_err(|error| format!("cannot be encrypted: {error}"))
    }

    fn why_not(&self, error: &DecryptError) -> String {
        let key = match self {
            Self::Identities { from, .. } => format!("the key in {from}"),
            Self::Passphrase(_) => format!("the passphrase in {PASSPHRASE}"),
        };
        // A passphrase shows only by what it decrypts that it is another one.
        let other = match self {
            Self::Identities { .. } => matches!(error, DecryptError::NoMatchingKeys),
            Self::Passphrase(_) => matches!(error, DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed),
        };
        match error {
            _ if other => format!("was encrypted with another key: {key} does not open it"),
            DecryptError::ExcessiveWork { .. } => format!("asks for more work than this machine can do: {error}"),
            _ => "is damaged, or no file that age has encrypted".to_owned(),
        }
    }
}

/// A new identity as `age-keygen` writes it.
fn new_identity() -> String {
    let identity = x25519::Identity::generate();
    let mut text =
        String::from("# The key of Spile's secret stores. Without it, what they hold cannot be read: keep a copy.\n");
    let _ = writeln!(text, "# public key: {}", identity.to_public());
    let _ = writeln!(text, "{}", identity.to_string().expose_secret());
    text
}

fn failure(message: String) -> Failure {
    Failure::new(FailureKind::SecretStore, message)
}
