//! Where credentials come from, and where those that rotate are kept.

use std::path::PathBuf;

use spile_model::{Secret, SecretName};

/// Where secrets are kept between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretStorePlan {
    /// A file that is encrypted with age. It is created with the first secret.
    AgeFile(PathBuf),
}

impl SecretStorePlan {
    /// The file where nothing else is said, beside the pipeline file.
    pub const DEFAULT_FILE: &str = "spile.secrets.age";

    /// The store in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::AgeFile(path) => format!("the file {}", path.display()),
        }
    }
}

/// What came of looking for a credential.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The credential, where there is one.
    pub secret: Option<Secret>,
    /// What works, and should not stay as it is.
    pub warning: Option<Warning>,
}

/// Something that works, and should not stay as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What, in one sentence.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Where a variable's value is asked for before the pipeline can run, beside the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// A text file that holds the value and nothing else. A line break at its end is not a part of it.
    File(PathBuf),
    /// A secret of a secret store.
    Store {
        /// The store.
        store: SecretStorePlan,
        /// The secret's name in it.
        name: SecretName,
    },
}

impl CredentialSource {
    /// The place in a few words, that end a sentence: `the file token.txt`.
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("the file {}", path.display()),
            Self::Store { store, name } => format!("`{name}` in {}", store.describe()),
        }
    }
}
