//! What surrounds a client and is not the pipeline's: time, chance, listeners, the way to other machines, and where
//! secrets are kept.

use std::sync::Arc;

use spile_model::{Clock, Events, NoSecretStore, SecretStore};
use tokio_util::sync::CancellationToken;

use crate::archive::{Archiving, Nowhere};
use crate::guard::names::Names;
use crate::transport::Transport;

/// What surrounds a client and is not the pipeline's. [`Surroundings::new`] is how a run has it; tests say more.
pub struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Events,
    pub(crate) seed: u64,
    pub(crate) names: Names,
    pub(crate) transport: Option<Arc<dyn Transport>>,
    pub(crate) archiving: Archiving,
    pub(crate) secrets: Arc<dyn SecretStore>,
    pub(crate) stop: CancellationToken,
}

impl Surroundings {
    /// The network of this machine and its names, and no secret store. `seed` determines the jitter of retries.
    pub fn new(clock: Arc<dyn Clock>, events: Events, seed: u64) -> Self {
        let names = Names::of_the_system();
        Self {
            clock,
            events,
            seed,
            names,
            transport: None,
            archiving: Archiving::Off,
            secrets: Arc::new(NoSecretStore),
            stop: CancellationToken::new(),
        }
    }

    /// Tokens that rotate are kept in `secrets`.
    #[must_use]
    pub fn with_secrets(self, secrets: Arc<dyn SecretStore>) -> Self {
        Self { secrets, ..self }
    }

    /// Once `stop` is cancelled, nothing is begun any more for tokens: nobody is going to use them.
    #[must_use]
    pub fn until(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// Names become addresses as `names` says.
    #[must_use]
    pub fn with_names(self, names: Names) -> Self {
        Self { names, ..self }
    }

    /// Another transport than the network: to rehearse what an API does, without it.
    #[must_use]
    pub fn over(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// With an archive: answers go into it, or come from it. Where they come from it there is no network.
    #[must_use]
    pub fn archiving(self, archiving: Archiving) -> Self {
        match archiving {
            Archiving::Replays(_) => Self { archiving, ..self.over(Arc::new(Nowhere)) },
            Archiving::Off | Archiving::Records(_) => Self { archiving, ..self },
        }
    }
}
