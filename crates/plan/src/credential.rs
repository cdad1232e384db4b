//! Where credentials come from, and where those that rotate are kept.

use std::path::PathBuf;
use std::sync::Arc;

use spile_model::{Secret, SecretName};

/// Where secrets are kept between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretStorePlan {
    /// A file that is encrypted with age. It is created with the first secret.
    AgeFile(PathBuf),
    /// What this project has in the keyring of the user's session.
    Keyring {
        /// The name that tells its secrets from those of others.
        project: String,
    },
}

impl SecretStorePlan {
    /// The file where nothing else is said, beside the pipeline file.
    pub const DEFAULT_FILE: &str = "spile.secrets.age";

    /// The store in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::AgeFile(path) => format!("the file {}", path.display()),
            Self::Keyring { project } => format!("the system keyring (project {project})"),
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
    /// A field of a secret in HashiCorp Vault.
    Vault {
        /// The server.
        server: Arc<VaultPlan>,
        /// The field.
        field: VaultField,
    },
}

/// A server of HashiCorp Vault, and how to log in to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultPlan {
    /// Where it is; where this is silent, the environment says.
    pub address: Option<String>,
    /// The namespace; where this is silent, the environment says.
    pub namespace: Option<String>,
    /// How to log in.
    pub auth: VaultAuth,
}

/// How to log in to Vault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VaultAuth {
    /// With the token that the environment or a login by hand has left.
    #[default]
    Environment,
    /// With this token.
    Token(Secret),
    /// As an AppRole.
    AppRole {
        /// Where its engine is mounted.
        mount: String,
        /// The role.
        role_id: Secret,
        /// What proves it, unless the role is bound otherwise.
        secret_id: Option<Secret>,
    },
}

/// A field of a secret in a KV engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultField {
    /// The secret's path in the HTTP API, without `v1/`.
    pub path: String,
    /// The field.
    pub field: String,
    /// Which version; the newest where there is none.
    pub version: Option<u64>,
}

impl CredentialSource {
    /// The place in a few words, that end a sentence: `the file token.txt`.
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => format!("the file {}", path.display()),
            Self::Vault { field, .. } => format!("`{}` of {} in Vault", field.field, field.path),
            Self::Store { store, name } => format!("`{name}` in {}", store.describe()),
        }
    }
}
