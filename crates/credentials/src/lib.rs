//! Credentials: where they are found before a run, and where secrets are kept between runs.
//!
//! Enters: where to look ([`CredentialSource`]), which store ([`SecretStorePlan`]), the user's [`Environment`]. Leaves: a
//! [`Secret`](spile_model::Secret), or nothing, or a failure; a [`SecretStore`] for what rotates. Invariants: no value is
//! in any message; what a store has accepted outlives a crash; two processes that write one store lose nothing of each
//! other; what is written can be read by its owner alone, and what others can read is told.
//!
//! Each place has its file: `file` (a text file), `age_file` (an encrypted file beside the pipeline), `keyring`
//! (the keyring of the user's session), `vault` (HashiCorp Vault). It deliberately knows neither YAML nor pipelines, and
//! decides nothing about what credentials are for.

mod age_file;
mod environment;
mod file;
mod keyring;
mod locks;
mod lookup;
mod permissions;
mod replace;
mod vault;

use std::path::Path;
use std::sync::Arc;

use spile_model::{Clock, Failure, SecretStore};
use spile_plan::{SecretStorePlan, Warning};

pub use self::age_file::AgeFile;
pub use self::environment::Environment;
pub use self::file::{LARGEST_CREDENTIAL, without_line_breaks};
pub use self::keyring::{Keyring, Patience};
pub use self::lookup::Lookup;

/// Is told where the key of a store was made, just after it was: without it nobody can read the store.
pub type KeyMade = Arc<dyn Fn(&Path) + Send + Sync>;

/// The store that `plan` names. Nothing is opened or made before the first call; where one makes a key, `key_made` is
/// told.
pub fn open(
    plan: &SecretStorePlan,
    environment: &Environment,
    clock: Arc<dyn Clock>,
    key_made: KeyMade,
) -> Arc<dyn SecretStore> {
    match plan {
        SecretStorePlan::AgeFile(path) => Arc::new(AgeFile::new(path.clone(), environment, clock).telling(key_made)),
        SecretStorePlan::Keyring { project } => Arc::new(Keyring::new(project, environment)),
    }
}

/// Sees to it that the store that `plan` names has a key, if it needs one, for a person who is there to keep a copy: also
/// in a file that the environment names, where [`open`] makes none. Tells what should not stay as it is.
///
/// # Errors
/// As [`AgeFile::make_key`].
pub fn prepare(
    plan: &SecretStorePlan,
    environment: &Environment,
    clock: Arc<dyn Clock>,
    key_made: KeyMade,
) -> Result<Option<Warning>, Failure> {
    match plan {
        SecretStorePlan::AgeFile(path) => {
            let store = AgeFile::new(path.clone(), environment, clock).telling(key_made);
            store.make_key()?;
            Ok(store.warning())
        }
        SecretStorePlan::Keyring { .. } => Ok(None),
    }
}
