//! Access tokens: one is fetched for all who wait, ahead of its expiry, and anew when the API has refused it.
//!
//! Enters: requests that need a token, and how one is fetched and sent ([`ByToken`]). Leaves: requests with a token, and
//! the number of its generation, by which a refusal says which token it was about. Invariants: at most one fetch is under way; who waited for a fetch gets what
//! came of it, also its failure, and does not fetch again; a failure that another try cannot mend is asked for once in
//! a client's life; a token that the API has refused is not used again, also where the server hands it out once more. A
//! fetch that has begun goes on whether or not somebody still waits for it. Once nobody is going to, it is given up, but for
//! one that spends what it exchanges: that may be gone at the server once it was asked, and what it got must be kept.
//!
//! It deliberately knows neither how a token is fetched nor where in a request it goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use spile_model::failure::Retry;
use spile_model::{Failure, FailureKind, Secret};
use tokio::time::timeout;

use super::endpoint::{Asking, stopped};

/// A token is fetched anew this part of its lifetime before its end …
const MARGIN_PART: u32 = 10;

/// … but at most so long before: enough for a request to wait for its turn and to arrive …
const LONGEST_MARGIN: Duration = Duration::from_secs(60);

/// … and at least so long, unless that is more than half of its life: servers that keep time in whole seconds end a
/// token up to one of them too early.
const SHORTEST_MARGIN: Duration = Duration::from_secs(1);

/// A kind of authentication by tokens that a server gives out.
pub(crate) trait ByToken: Send + Sync + 'static {
    /// Fetches a token.
    fn fetch(&self, asking: &Asking) -> impl Future<Output = Result<Grant, Failure>> + Send;

    /// Puts the token into a request.
    fn carry(&self, token: &Secret, request: &mut reqwest::Request) -> Result<(), Failure>;

    /// Whether a fetch may spend what the next one needs, so that only its own end brings the successor. Such a fetch is
    /// never dropped; it looks by itself where it may be given up ([`Asking::goes_on`]).
    fn spends(&self) -> bool;
}

/// What takes longer to settle is told.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// What a fetch brought.
pub(crate) struct Grant {
    pub(crate) token: Secret,
    /// From when it was asked for; `None` where nobody says: then it is used until it is refused.
    pub(crate) lifetime: Option<Duration>,
}

/// A token, and which one it is, counted from 1.
#[derive(Clone)]
struct Token {
    text: Secret,
    generation: u64,
    renew_at: Option<Timestamp>,
}

/// The tokens of one authenticator.
pub(crate) struct Tokens<K> {
    kind: Arc<K>,
    present: Arc<Present>,
}

/// The one that holds now.
#[derive(Default)]
struct Present {
    slot: Mutex<Slot>,
    /// Held by the fetch that is under way.
    gate: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    generations: u64,
    /// The last token that the API refused.
    refused: Option<Secret>,
    /// Fetches that came to an end.
    fetches: u64,
    failed: Option<Failed>,
}

/// What the last fetch failed with.
struct Failed {
    /// Which fetch it was.
    fetch: u64,
    kind: FailureKind,
    message: String,
}

impl<K: ByToken> Tokens<K> {
    pub(crate) fn of(kind: K) -> Self {
        Self { kind: Arc::new(kind), present: Arc::default() }
    }

    pub(crate) fn kind(&self) -> &K {
        &self.kind
    }

    /// Waits until a token is at hand.
    ///
    /// Cancel safe: a fetch that is under way goes on, and the next one who asks has what it brought.
    ///
    /// # Errors
    /// What the fetch failed with, for everyone who waited for it.
    pub(crate) async fn ready(&self, asking: &Asking) -> Result<(), Failure> {
        self.get(asking).await.map(drop)
    }

    /// Puts the present token into `request`, or a new one; tells its generation. Cancel safe as [`Tokens::ready`].
    ///
    /// # Errors
    /// As [`Tokens::ready`], and where no request can carry the token.
    pub(crate) async fn authorise(&self, request: &mut reqwest::Request, asking: &Asking) -> Result<u64, Failure> {
        let token = self.get(asking).await?;
        self.kind.carry(&token.text, request)?;
        Ok(token.generation)
    }

    /// Waits until no fetch is under way that must come to its end; tells `lasts` where that takes a while.
    pub(crate) async fn settled(&self, lasts: impl FnOnce()) {
        if !self.kind.spends() {
            return;
        }
        if timeout(WORTH_TELLING, self.present.gate.lock()).await.is_err() {
            lasts();
            drop(self.present.gate.lock().await);
        }
    }

    /// The API has refused the token of that generation. Another try has a better one, or fails by itself: a token that
    /// is newer than that one stays.
    pub(crate) fn refused(&self, generation: u64) {
        let mut slot = self.present.slot();
        if let Some(token) = slot.token.take_if(|token| token.generation == generation) {
            slot.refused = Some(token.text);
        }
    }

    async fn get(&self, asking: &Asking) -> Result<Token, Failure> {
        let asked_after = {
            let slot = self.present.slot();
            if let Some(token) = slot.present(asking.clock.now()) {
                return Ok(token.clone());
            }
            slot.fetches
        };
        let only_one = Arc::clone(&self.present.gate).lock_owned().await;
        {
            let slot = self.present.slot();
            if let Some(token) = slot.present(asking.clock.now()) {
                return Ok(token.clone());
            }
            if let Some(failed) = slot.failed.as_ref().filter(|failed| failed.concerns(asked_after)) {
                return Err(Failure::new(failed.kind.clone(), failed.message.clone()));
            }
        }
        let (kind, present, asking) = (Arc::clone(&self.kind), Arc::clone(&self.present), asking.clone());
        // A lifetime counts from before the server knew of it: a slow answer never makes it longer.
        let asked_at = asking.clock.now();
        let fetching = tokio::spawn(async move {
            let _only_one = only_one;
            let fetched = tokio::select! {
                biased;
                () = asking.stop.cancelled(), if !kind.spends() => Err(stopped()),
                fetched = kind.fetch(&asking) => fetched,
            };
            present.slot().settle(fetched, asked_at)
        });
        // A panic in it is a fault of ours, as it would be here.
        fetching.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failure::new(FailureKind::Interrupted, "the program ends while a token is fetched")),
        })
    }
}

impl Present {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Every change of it is one assignment after all that can fail.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn present(&self, now: Timestamp) -> Option<&Token> {
        self.token.as_ref().filter(|token| token.renew_at.is_none_or(|renew_at| now < renew_at))
    }

    fn settle(&mut self, fetched: Result<Grant, Failure>, asked_at: Timestamp) -> Result<Token, Failure> {
        self.fetches += 1;
        let fetched = fetched.and_then(|grant| match &self.refused {
            Some(refused) if *refused == grant.token => Err(Failure::new(
                FailureKind::TokenRefused,
                "the API has refused the token, and the server that gives out tokens handed out the same one again",
            )),
            _ => Ok(grant),
        });
        match fetched {
            Ok(Grant { token: text, lifetime }) => {
                self.generations += 1;
                let renew_at = lifetime.map(|lifetime| renew_at(asked_at, lifetime));
                let token = Token { text, generation: self.generations, renew_at };
                self.token = Some(token.clone());
                self.failed = None;
                Ok(token)
            }
            Err(failure) => {
                let (kind, message) = (failure.kind.clone(), failure.message.clone());
                self.failed = Some(Failed { fetch: self.fetches, kind, message });
                Err(failure)
            }
        }
    }
}

impl Failed {
    /// Whether this is the answer to somebody who asked when that many fetches had ended.
    fn concerns(&self, asked_after: u64) -> bool {
        self.fetch > asked_after || self.kind.retry() == Retry::Never
    }
}

fn renew_at(asked_at: Timestamp, lifetime: Duration) -> Timestamp {
    let margin = (lifetime / MARGIN_PART).clamp(SHORTEST_MARGIN, LONGEST_MARGIN).min(lifetime / 2);
    asked_at.checked_add(lifetime.saturating_sub(margin)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
