//! What surrounds a run and is not the pipeline's.

use std::sync::Arc;

use spile_http::Surroundings;
use spile_model::{Clock, Events, NoSecretStore, SecretStore, StreamName};
use tokio_util::sync::CancellationToken;

use crate::archive::ArchiveUse;

/// What surrounds a run: time, chance, listeners, and the user's wishes for this one run. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// Hears what happens.
    pub events: Events,
    /// Determines the jitter of retries.
    pub seed: u64,
    /// Keeps what rotates: a refresh token is stored before it is used.
    pub secrets: Arc<dyn SecretStore>,
    /// Cancelled when the user asks to stop: the page at work is finished and what was accepted is committed.
    pub stop: CancellationToken,
    /// The streams to read; all of them where there is none.
    pub only: Vec<StreamName>,
    /// Read from the beginning, whatever the stored progress says.
    pub full_refresh: bool,
    /// What the run does with an archive.
    pub archive: ArchiveUse,
}

impl World {
    /// A world where nothing is asked for beyond running the whole pipeline, and no secret can be kept.
    pub fn new(clock: Arc<dyn Clock>, events: Events) -> Self {
        Self {
            clock,
            events,
            seed: 0,
            secrets: Arc::new(NoSecretStore),
            stop: CancellationToken::new(),
            only: Vec::new(),
            full_refresh: false,
            archive: ArchiveUse::Nothing,
        }
    }

    /// What of it concerns the client.
    pub(crate) fn of_client(&self) -> Surroundings {
        let surroundings = Surroundings::new(self.clock.clone(), self.events.clone(), self.seed);
        surroundings.with_secrets(self.secrets.clone()).until(self.stop.clone())
    }

    /// Whether this stream is read.
    pub(crate) fn wants(&self, stream: &StreamName) -> bool {
        self.only.is_empty() || self.only.contains(stream)
    }
}
