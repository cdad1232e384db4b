//! Access tokens: one is fetched for all who wait, ahead of its expiry, and anew when the API has refused it.
//!
//! Enters: who needs a token, and how one is fetched. Leaves: a [`Token`] with the number of its generation, by which a
//! refusal says which token it was about. Invariants: at most one fetch is under way; who waited for a fetch gets what
//! came of it, also its failure, and does not fetch again; a failure that another try cannot mend is asked for once in
//! a client's life; a token that the API has refused is not used again, also where the server hands it out once more. A
//! fetch that has begun ends, whether or not somebody still waits for it: what it exchanges may be gone at the server
//! once it was asked, and what it got must be kept.
//!
//! It deliberately does not know what a token is for nor how it is fetched.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use spile_model::failure::Retry;
use spile_model::{Clock, Failure, FailureKind, Secret};

/// A token is fetched anew this part of its lifetime before its end …
const MARGIN_PART: u32 = 10;

/// … but at most so long before: enough for a request to wait for its turn and to arrive …
const LONGEST_MARGIN: Duration = Duration::from_secs(60);

/// … and at least so long, unless that is more than half of its life: servers that keep time in whole seconds end a
/// token up to one of them too early.
const SHORTEST_MARGIN: Duration = Duration::from_secs(1);

/// What a fetch brought.
pub(crate) struct Grant {
    pub(crate) token: Secret,
    /// From when it was asked for; `None` where nobody says: then it is used until it is refused.
    pub(crate) lifetime: Option<Duration>,
}

/// A token, and which one it is, counted from 1.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: Secret,
    pub(crate) generation: u64,
    renew_at: Option<Timestamp>,
}

/// The present token of one authenticator.
#[derive(Default)]
pub(crate) struct Tokens {
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

impl Tokens {
    /// The present token, or the one that `fetch` brings; `fetch` is not begun where it is not needed.
    ///
    /// Cancel safe: a fetch that is under way goes on, and the next one who asks has what it brought.
    ///
    /// # Errors
    /// What `fetch` failed with, for everyone who waited for it.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        clock: &Arc<dyn Clock>,
        fetch: impl FnOnce() -> F,
    ) -> Result<Token, Failure>
    where
        F: Future<Output = Result<Grant, Failure>> + Send + 'static,
    {
        let asked_after = {
            let slot = self.slot();
            if let Some(token) = slot.present(clock.now()) {
                return Ok(token.clone());
            }
            slot.fetches
        };
        let only_one = Arc::clone(&self.gate).lock_owned().await;
        {
            let slot = self.slot();
            if let Some(token) = slot.present(clock.now()) {
                return Ok(token.clone());
            }
            if let Some(failed) = slot.failed.as_ref().filter(|failed| failed.concerns(asked_after)) {
                return Err(Failure::new(failed.kind.clone(), failed.message.clone()));
            }
        }
        let (tokens, fetch) = (Arc::clone(self), fetch());
        // A lifetime counts from before the server knew of it: a slow answer never makes it longer.
        let asked_at = clock.now();
        let fetching = tokio::spawn(async move {
            let _only_one = only_one;
            let fetched = fetch.await;
            tokens.slot().settle(fetched, asked_at)
        });
        // A panic in it is a fault of ours, as it would be here.
        fetching.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failure::new(FailureKind::Interrupted, "the program ends while a token is fetched")),
        })
    }

    /// Waits until no fetch is under way.
    pub(crate) async fn settled(&self) {
        drop(self.gate.lock().await);
    }

    /// The API has refused the token of that generation. Another try has a better one, or fails by itself: a token that
    /// is newer than that one stays.
    pub(crate) fn refused(&self, generation: u64) {
        let mut slot = self.slot();
        if let Some(token) = slot.token.take_if(|token| token.generation == generation) {
            slot.refused = Some(token.text);
        }
    }

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
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A clock that tests set.
    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(i64::try_from(self.0.load(Ordering::SeqCst)).unwrap()).unwrap()
        }
    }

    fn at(second: u64) -> Arc<dyn Clock> {
        Arc::new(Hands(AtomicU64::new(second)))
    }

    fn granted(text: &str) -> Grant {
        Grant { token: Secret::new(text), lifetime: Some(Duration::from_secs(3600)) }
    }

    async fn fetched(tokens: &Arc<Tokens>, second: u64, text: &str) -> String {
        let grant = granted(text);
        let token = tokens.get(&at(second), || async { Ok(grant) }).await.unwrap();
        token.text.expose().to_owned()
    }

    #[tokio::test]
    async fn a_token_is_fetched_anew_a_minute_before_its_end_or_a_tenth_of_a_short_life() {
        let tokens = Arc::new(Tokens::default());
        assert_eq!(fetched(&tokens, 0, "a").await, "a");
        assert_eq!(fetched(&tokens, 3539, "b").await, "a");
        assert_eq!(fetched(&tokens, 3540, "b").await, "b");
        let start = Timestamp::UNIX_EPOCH;
        for (lifetime, renewed_after) in [(100_000, 90_000), (5_000, 4_000), (1_000, 500)] {
            assert_eq!(renew_at(start, Duration::from_millis(lifetime)).as_millisecond(), renewed_after);
        }
        assert_eq!(renew_at(start, Duration::MAX), Timestamp::MAX);
    }

    #[tokio::test]
    async fn a_refusal_of_an_older_token_leaves_the_present_one() {
        let tokens = Arc::new(Tokens::default());
        fetched(&tokens, 0, "a").await;
        tokens.refused(1);
        assert_eq!(fetched(&tokens, 0, "b").await, "b");
        tokens.refused(1);
        assert_eq!(fetched(&tokens, 0, "c").await, "b");
    }

    #[tokio::test]
    async fn a_failure_that_may_pass_is_for_those_who_waited_and_another_one_for_good() {
        let clock = at(0);
        for (kind, second) in [(FailureKind::ServerError(500), true), (FailureKind::TokenRefused, false)] {
            let tokens = Arc::new(Tokens::default());
            let failing = || {
                let kind = kind.clone();
                async {
                    tokio::task::yield_now().await;
                    Err(Failure::new(kind, "no"))
                }
            };
            let (one, other) = tokio::join!(tokens.get(&clock, failing), tokens.get(&clock, failing));
            assert_eq!((one.err().unwrap().kind, other.err().unwrap().kind), (kind.clone(), kind.clone()));
            assert_eq!(tokens.slot().fetches, 1);
            assert_eq!(tokens.get(&clock, || async { Ok(granted("t")) }).await.is_ok(), second);
        }
    }

    #[tokio::test]
    async fn a_fetch_that_nobody_waits_for_any_more_ends_all_the_same_and_serves_the_next_one() {
        let tokens = Arc::new(Tokens::default());
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let slow = || async {
            ended.await.unwrap();
            Ok(granted("a"))
        };
        let given_up = tokio::time::timeout(Duration::ZERO, tokens.get(&at(0), slow)).await;
        assert!(given_up.is_err());
        assert!(tokio::time::timeout(Duration::ZERO, tokens.settled()).await.is_err(), "it is under way");
        end.send(()).unwrap();
        tokens.settled().await;
        assert_eq!(fetched(&tokens, 0, "b").await, "a");
    }
}
