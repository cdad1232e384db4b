//! Credentials: where they are found before a run, and where secrets are kept between runs.
//!
//! Enters: where to look ([`CredentialSource`]), which store ([`SecretStorePlan`]), the user's [`Environment`]. Leaves: a
//! [`Secret`](spile_model::Secret), or nothing, or a failure; a [`SecretStore`] for what rotates. Invariants: no value is
//! in any message; what a store has accepted outlives a crash; two processes that write one store lose nothing of each
//! other; what is written can be read by its owner alone, and what others can read is told.
//!
//! Each place has its file: `file` (a text file), `age_file` (an encrypted file beside the pipeline). It deliberately
//! knows neither YAML nor pipelines, and decides nothing about what credentials are for.

mod age_file;
mod environment;
mod file;
mod locks;
mod lookup;
mod permissions;
mod replace;

use std::sync::Arc;

use spile_model::{Clock, Failure, SecretStore};
use spile_plan::SecretStorePlan;

pub use self::age_file::AgeFile;
pub use self::environment::Environment;
pub use self::lookup::{Look, Lookup};
pub use self::permissions::Warning;

/// The store that `plan` names. Nothing is opened or made before the first call.
///
/// # Errors
/// [`FailureKind::SecretStore`](spile_model::FailureKind::SecretStore) where the environment contradicts itself.
pub fn open(
    plan: &SecretStorePlan,
    environment: &Environment,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn SecretStore>, Failure> {
    match plan {
        SecretStorePlan::AgeFile(path) => Ok(Arc::new(AgeFile::new(path.clone(), environment, clock)?)),
    }
}
