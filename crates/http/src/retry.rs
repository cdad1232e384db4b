//! Whether a request that failed is tried again, and after how long: the one policy.
//!
//! Enters: what failed, how often, and what the API asked for. Leaves: a [`Decision`]. It follows
//! [`FailureKind::retry`] and whether the request may be repeated; it deliberately neither waits nor sends.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use spile_model::FailureKind;
use spile_model::failure::Retry;
use spile_plan::RetryPlan;

/// A body that is no good so many times in a row is not an accident of the way but what the API (or the website that
/// answers in its place) sends; nobody should wait longer for that message.
const BAD_BODY_ATTEMPTS: u32 = 3;

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Another try after this wait.
    Again(Duration),
    /// No other try: it would not help, or there were enough.
    GiveUp,
    /// The API asks for a longer wait than the plan allows.
    AskedTooLong(Duration),
}

pub(crate) struct RetryPolicy {
    plan: RetryPlan,
    randomness: Mutex<fastrand::Rng>,
}

impl RetryPolicy {
    pub(crate) fn new(plan: RetryPlan, seed: u64) -> Self {
        Self { plan, randomness: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    pub(crate) fn max_wait(&self) -> Duration {
        self.plan.max_wait
    }

    /// What follows when try number `tries` (from 1) of a request failed with `kind` and the answer, if there was one,
    /// asked to wait for `asked`.
    pub(crate) fn decide(&self, kind: &FailureKind, method: &Method, tries: u32, asked: Option<Duration>) -> Decision {
        let may_repeat = match kind.retry() {
            Retry::Never => false,
            Retry::Backoff => is_idempotent(method),
            Retry::Always => true,
        };
        if !may_repeat || tries >= self.attempts(kind) {
            return Decision::GiveUp;
        }
        match asked {
            Some(wait) if wait > self.plan.max_wait => Decision::AskedTooLong(wait),
            _ => Decision::Again(self.backoff(tries).max(asked.unwrap_or_default())),
        }
    }

    fn attempts(&self, kind: &FailureKind) -> u32 {
        let attempts = self.plan.attempts.get();
        if *kind == FailureKind::BadBody { attempts.min(BAD_BODY_ATTEMPTS) } else { attempts }
    }

    /// Full jitter: anything between nothing and the wait that doubles with each try, so that clients that failed
    /// together do not come back together.
    fn backoff(&self, tries: u32) -> Duration {
        let doubled = self.plan.base_wait.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        let longest = doubled.min(self.plan.max_backoff);
        let part = self.randomness.lock().unwrap_or_else(PoisonError::into_inner).f64();
        longest.mul_f64(part)
    }
}

/// Whether a second request of this method does no more than the first (RFC 9110, 9.2.2).
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy(seed: u64) -> RetryPolicy {
        RetryPolicy::new(RetryPlan::default(), seed)
    }

    #[test]
    fn backoff_doubles_up_to_its_limit_and_uses_all_of_its_range() {
        let policy = policy(1);
        for (tries, longest) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (60, 60), (u32::MAX, 60)] {
            let waits: Vec<Duration> = (0..1000).map(|_| policy.backoff(tries)).collect();
            let longest = SECOND * longest;
            assert!(waits.iter().all(|wait| *wait <= longest));
            assert!(waits.iter().any(|wait| *wait > longest.mul_f64(0.95)));
            assert!(waits.iter().any(|wait| *wait < longest.mul_f64(0.05)));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| (1..6).map(|tries| policy(seed).backoff(tries)).collect::<Vec<_>>();
        assert_eq!(waits(42), waits(42));
        assert_ne!(waits(42), waits(43));
    }

    #[test]
    fn a_post_is_repeated_only_where_it_had_no_effect() {
        let policy = policy(1);
        let again = |kind, method| matches!(policy.decide(&kind, &method, 1, None), Decision::Again(_));
        assert!(again(FailureKind::ServerError(500), Method::GET));
        assert!(again(FailureKind::ServerError(500), Method::PUT));
        assert!(!again(FailureKind::ServerError(500), Method::POST));
        assert!(!again(FailureKind::Transport, Method::PATCH));
        assert!(again(FailureKind::RateLimited, Method::POST));
        assert!(again(FailureKind::Connect, Method::POST));
        assert!(!again(FailureKind::Unauthorized, Method::GET));
        assert!(!again(FailureKind::Tls, Method::GET));
    }

    #[test]
    fn the_longer_of_backoff_and_the_asked_wait_is_taken_and_too_long_a_wait_is_said() {
        let policy = policy(1);
        let decide = |asked| policy.decide(&FailureKind::RateLimited, &Method::GET, 1, Some(asked));
        assert_eq!(decide(SECOND * 30), Decision::Again(SECOND * 30));
        let Decision::Again(wait) = decide(Duration::ZERO) else { panic!("it is tried again") };
        assert!(wait > Duration::ZERO, "no busy loop");
        assert_eq!(decide(SECOND * 3901), Decision::AskedTooLong(SECOND * 3901));
    }

    #[test]
    fn tries_end() {
        let policy = policy(1);
        let decide = |kind, tries| policy.decide(&kind, &Method::GET, tries, None);
        assert!(matches!(decide(FailureKind::ServerError(503), 5), Decision::Again(_)));
        assert_eq!(decide(FailureKind::ServerError(503), 6), Decision::GiveUp);
        assert!(matches!(decide(FailureKind::BadBody, 2), Decision::Again(_)));
        assert_eq!(decide(FailureKind::BadBody, 3), Decision::GiveUp);
    }
}
