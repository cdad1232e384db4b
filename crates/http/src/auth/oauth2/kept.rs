//! The tokens that outlive a run: in the secret store.
//!
//! Enters: the pipeline's secret store, and the refresh token that the pipeline file starts with, if it has one. Leaves:
//! the tokens that hold now. Invariants: when tokens are kept they are durable; of the kept refresh token and the file's
//! own, the one that came later holds; nobody else exchanges tokens while they are held.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use spile_model::{Failure, FailureKind, Held, Secret, SecretName, SecretStore};
use tokio::time::Instant;

use crate::auth::endpoint::Asking;

/// How long to wait between two looks whether another process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A wait that is longer is told: most exchanges are done by then.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// A process that exchanges a token asks a server one question, with its retries. One that takes longer is stuck.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// So many bytes of a hash tell one thing from another.
const PRINT: usize = 8;

/// So many bytes of a pipeline's name go into the name of what it keeps; a store takes 128 in all.
const LONGEST_PIPELINE: usize = 90;

pub(super) struct Kept {
    store: Arc<dyn SecretStore>,
    name: SecretName,
    scopes: String,
    /// The refresh token that the pipeline file gives.
    seed: Option<Secret>,
}

/// What a person's consent has come to so far.
pub(super) struct Login {
    /// With which the next access token is had; some servers give none, and access tokens that last.
    pub(super) refresh_token: Option<Secret>,
    /// The newest access token, and when it ends, where that is known.
    pub(super) access: Option<(Secret, Option<Timestamp>)>,
}

/// How the store has it.
#[derive(Serialize, Deserialize)]
struct Entry {
    refresh_token: Option<String>,
    access_token: Option<String>,
    expires_at: Option<Timestamp>,
    /// What the access token was asked for.
    scopes: String,
    /// What the file's token looked like when this one was kept: if it is another one now, that one came later.
    seed: Option<String>,
}

impl Kept {
    /// What is kept for this client of this server, for this pipeline.
    pub(super) fn new(
        store: Arc<dyn SecretStore>,
        pipeline: &str,
        token_url: &str,
        client_id: &str,
        scopes: String,
        seed: Option<Secret>,
    ) -> Result<Self, Failure> {
        // A token never goes to another server than the one that gave it, also where the file comes to name one.
        let whose = print(&[pipeline, token_url, client_id]);
        let end = (0..=pipeline.len().min(LONGEST_PIPELINE)).rev().find(|end| pipeline.is_char_boundary(*end));
        let name = SecretName::new(&format!("{}.oauth2.{whose}", &pipeline[..end.unwrap_or(0)]))?;
        Ok(Self { store, name, scopes, seed })
    }

    /// The name under which it is kept.
    pub(super) fn name(&self) -> &SecretName {
        &self.name
    }

    /// Waits until nobody else exchanges the token, here or in another process; nobody does until what is returned is
    /// dropped.
    pub(super) async fn hold(&self, asking: &Asking) -> Result<Held, Failure> {
        let began = Instant::now();
        let mut told = false;
        loop {
            if let Some(held) = self.ask(|store, name| store.hold(name)).await? {
                return Ok(held);
            }
            let (waited, left) = (began.elapsed(), LONGEST_WAIT.saturating_sub(began.elapsed()));
            if waited >= WORTH_TELLING && !told {
                asking.hears.waits("another process renews the token".to_owned(), left);
                told = true;
            }
            if left.is_zero() {
                let message = format!("another process holds `{}` in {} and does not let go", self.name, self.store());
                return Err(Failure::new(FailureKind::SecretStore, message));
            }
            asking.pause(LOOK_AGAIN).await?;
        }
    }

    /// The tokens that hold now; none where nobody has logged in yet.
    pub(super) async fn login(&self) -> Result<Option<Login>, Failure> {
        let seed = || self.seed.clone().map(|seed| Login { refresh_token: Some(seed), access: None });
        let Some(text) = self.ask(|store, name| store.read(name)).await? else { return Ok(seed()) };
        let entry: Entry = serde_json::from_str(text.expose()).map_err(|_| {
            let message = format!("`{}` in {} is not what was kept there", self.name, self.store());
            Failure::new(FailureKind::SecretStore, message)
        })?;
        if self.seed.is_some() && entry.seed != self.seed_print() {
            return Ok(seed());
        }
        let fits = entry.scopes == self.scopes;
        let access = entry.access_token.filter(|_| fits).map(|token| (Secret::new(token), entry.expires_at));
        Ok(Some(Login { refresh_token: entry.refresh_token.map(Secret::new), access }))
    }

    /// Keeps the tokens; when it returns, they outlive this process.
    pub(super) async fn keep(&self, login: &Login) -> Result<(), Failure> {
        let text = |secret: &Secret| secret.expose().to_owned();
        let entry = Entry {
            refresh_token: login.refresh_token.as_ref().map(text),
            access_token: login.access.as_ref().map(|(token, _)| text(token)),
            expires_at: login.access.as_ref().and_then(|(_, expires_at)| *expires_at),
            scopes: self.scopes.clone(),
            seed: self.seed_print(),
        };
        let secret = Secret::new(serde_json::to_string(&entry).unwrap_or_default());
        self.ask(move |store, name| store.write(name, &secret)).await
    }

    fn seed_print(&self) -> Option<String> {
        self.seed.as_ref().map(|seed| print(&[seed.expose()]))
    }

    pub(super) fn seed(&self) -> Option<&Secret> {
        self.seed.as_ref()
    }

    pub(super) fn store(&self) -> String {
        self.store.describe()
    }

    /// Asks the store, which blocks.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn SecretStore, &SecretName) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (store, name) = (Arc::clone(&self.store), self.name.clone());
        let asked = tokio::task::spawn_blocking(move || question(store.as_ref(), &name));
        asked.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failure::new(FailureKind::Interrupted, "the program ends while its secrets are looked at")),
        })
    }
}

/// A short text by which these can be told from others, and from which they cannot be had.
fn print(texts: &[&str]) -> String {
    let mut hash = Context::new(&SHA256);
    for text in texts {
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finish().as_ref()[..PRINT].iter().map(|byte| format!("{byte:02x}")).collect()
}
