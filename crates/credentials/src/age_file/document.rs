//! What the encrypted file holds, as JSON: names, values, and when each was written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spile_model::{KeptSecret, Secret, SecretName};

/// The form that this Spile writes and reads.
const FORM: u32 = 1;

/// The secrets of a file, by name.
#[derive(Clone, Default)]
pub(super) struct Document(BTreeMap<String, (Secret, Timestamp)>);

#[derive(Serialize, Deserialize)]
struct Written<T> {
    version: u32,
    secrets: BTreeMap<String, Entry<T>>,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    value: T,
    changed: Timestamp,
}

impl Document {
    /// # Errors
    /// What is wrong, as the rest of a sentence about the file. Nothing of the text is quoted.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let foreign = || "can be decrypted, and holds no secrets of Spile".to_owned();
        let head: Head = serde_json::from_slice(text).map_err(|_| foreign())?;
        if head.version != FORM {
            return Err(format!("was written by a newer Spile (form {}; this one knows form {FORM})", head.version));
        }
        let written: Written<String> = serde_json::from_slice(text).map_err(|_| foreign())?;
        let secrets =
            written.secrets.into_iter().map(|(name, entry)| (name, (Secret::new(entry.value), entry.changed)));
        Ok(Self(secrets.collect()))
    }

    /// The one text of it that leaves this module, to be encrypted.
    pub(super) fn text(&self) -> Vec<u8> {
        let secrets = self
            .0
            .iter()
            .map(|(name, (secret, changed))| (name.clone(), Entry { value: secret.expose(), changed: *changed }));
        let written = Written { version: FORM, secrets: secrets.collect() };
        serde_json::to_vec(&written).expect("texts and times are JSON")
    }

    pub(super) fn get(&self, name: &SecretName) -> Option<Secret> {
        self.0.get(name.as_str()).map(|(secret, _)| secret.clone())
    }

    pub(super) fn set(&mut self, name: &SecretName, secret: &Secret, changed: Timestamp) {
        self.0.insert(name.to_string(), (secret.clone(), changed));
    }

    pub(super) fn remove(&mut self, name: &SecretName) -> bool {
        self.0.remove(name.as_str()).is_some()
    }

    pub(super) fn list(&self) -> Result<Vec<KeptSecret>, String> {
        self.0
            .iter()
            .map(|(name, (_, changed))| {
                let name =
                    SecretName::new(name).map_err(|_| "has a name in it that Spile does not write".to_owned())?;
                Ok(KeptSecret { name, changed: Some(*changed) })
            })
            .collect()
    }
}
