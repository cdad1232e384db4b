//! Whether a request that failed is tried again, and after how long: the one policy.
//!
//! Enters: what failed, how often, and what the API asked for. Leaves: a [`Decision`]. It follows
//! [`FailureKind::retry`] and whether the request may be repeated; it deliberately neither waits nor sends.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use spile_model::FailureKind;
use spile_model::failure::Retry;
use spile_plan::{RetryBudgetPlan, RetryPlan, RetryRule};

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

/// How often one request was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    /// In all.
    pub(crate) made: u32,
    /// Those among them that failed because the API was down, when others had found that out.
    pub(crate) held: u32,
    /// Whether one was with other credentials than the one before.
    pub(crate) renewed: bool,
}

impl Tries {
    pub(crate) fn first() -> Self {
        Self { made: 1, held: 0, renewed: false }
    }

    /// Those that the plan's `attempts` bounds.
    pub(crate) fn counted(self) -> u32 {
        self.made - self.held
    }
}

pub(crate) struct RetryPolicy {
    plan: RetryPlan,
    pub(crate) budget: Budget,
    randomness: Mutex<fastrand::Rng>,
}

impl RetryPolicy {
    pub(crate) fn new(plan: RetryPlan, seed: u64) -> Self {
        Self { plan, budget: Budget::new(plan.budget), randomness: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    pub(crate) fn max_wait(&self) -> Duration {
        self.plan.max_wait
    }

    /// What follows when try number `tries` (from 1) of a request failed with `kind` and the answer, if there was one,
    /// asked to wait for `asked`.
    pub(crate) fn decide(&self, kind: &FailureKind, idempotent: bool, tries: u32, asked: Option<Duration>) -> Decision {
        if !may_repeat(kind, idempotent) || tries >= self.attempts(kind) {
            return Decision::GiveUp;
        }
        match asked {
            Some(wait) if wait > self.plan.max_wait => Decision::AskedTooLong(wait),
            _ => Decision::Again(self.backoff(tries).max(asked.unwrap_or_default())),
        }
    }

    /// The same where a rule of the stream says when to try again.
    pub(crate) fn decide_by(&self, rule: &RetryRule, tries: u32, asked: Option<Duration>) -> Decision {
        if tries >= rule.attempts.unwrap_or(self.plan.attempts).get() {
            return Decision::GiveUp;
        }
        let (base, longest) = rule.backoff.unwrap_or((self.plan.base_wait, self.plan.max_backoff));
        match asked {
            Some(wait) if wait > self.plan.max_wait => Decision::AskedTooLong(wait),
            Some(wait) => Decision::Again(wait),
            None => Decision::Again(self.jitter(base, longest, tries)),
        }
    }

    fn attempts(&self, kind: &FailureKind) -> u32 {
        let attempts = self.plan.attempts.get();
        if *kind == FailureKind::BadBody { attempts.min(BAD_BODY_ATTEMPTS) } else { attempts }
    }

    /// Full jitter: anything between nothing and the wait that doubles with each try, so that clients that failed
    /// together do not come back together.
    fn backoff(&self, tries: u32) -> Duration {
        self.jitter(self.plan.base_wait, self.plan.max_backoff, tries)
    }

    fn jitter(&self, base: Duration, longest: Duration, tries: u32) -> Duration {
        let doubled = base.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        let longest = doubled.min(longest);
        let part = self.randomness.lock().unwrap_or_else(PoisonError::into_inner).f64();
        longest.mul_f64(part)
    }
}

/// Whether a request that failed with `kind` may be sent again.
pub(crate) fn may_repeat(kind: &FailureKind, idempotent: bool) -> bool {
    match kind.retry() {
        Retry::Never => false,
        Retry::Backoff => idempotent,
        Retry::Always => true,
    }
}

/// How many retries the run has left: requests earn them.
pub(crate) struct Budget {
    plan: RetryBudgetPlan,
    spent: Mutex<Counted>,
}

#[derive(Clone, Copy, Default)]
struct Counted {
    requests: u64,
    retries: u64,
}

/// The run has no retries left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    plan: RetryBudgetPlan,
    requests: u64,
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Spent { plan: RetryBudgetPlan { percent, floor }, requests }, s) =
            (self, if self.requests == 1 { "" } else { "s" });
        write!(
            f,
            "the run has spent its retries, {floor} and {percent} % of its {requests} request{s} (`retries.budget`)"
        )
    }
}

impl Budget {
    fn new(plan: RetryBudgetPlan) -> Self {
        Self { plan, spent: Mutex::default() }
    }

    /// A request is to be sent, for the first time.
    pub(crate) fn earn(&self) {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).requests += 1;
    }

    /// One is to be sent again, after a failure of that kind. What the API asked to send again later costs nothing: its
    /// limits are kept elsewhere.
    pub(crate) fn spend(&self, kind: &FailureKind) -> Result<(), Spent> {
        if *kind == FailureKind::RateLimited {
            return Ok(());
        }
        let mut counted = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let earned = counted.requests.saturating_mul(u64::from(self.plan.percent)) / 100;
        if counted.retries >= earned.saturating_add(u64::from(self.plan.floor)) {
            return Err(Spent { plan: self.plan, requests: counted.requests });
        }
        counted.retries += 1;
        Ok(())
    }
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
    fn what_is_not_idempotent_is_repeated_only_where_it_had_no_effect() {
        let policy = policy(1);
        let again = |kind, idempotent| matches!(policy.decide(&kind, idempotent, 1, None), Decision::Again(_));
        assert!(again(FailureKind::ServerError(500), true));
        assert!(!again(FailureKind::ServerError(500), false));
        assert!(!again(FailureKind::Transport, false));
        assert!(again(FailureKind::RateLimited, false));
        assert!(again(FailureKind::Connect, false));
        assert!(!again(FailureKind::Unauthorized, true));
        assert!(!again(FailureKind::Tls, true));
    }

    #[test]
    fn the_longer_of_backoff_and_the_asked_wait_is_taken_and_too_long_a_wait_is_said() {
        let policy = policy(1);
        let decide = |asked| policy.decide(&FailureKind::RateLimited, true, 1, Some(asked));
        assert_eq!(decide(SECOND * 30), Decision::Again(SECOND * 30));
        let Decision::Again(wait) = decide(Duration::ZERO) else { panic!("it is tried again") };
        assert!(wait > Duration::ZERO, "no busy loop");
        assert_eq!(decide(SECOND * 3901), Decision::AskedTooLong(SECOND * 3901));
    }

    #[test]
    fn tries_end() {
        let policy = policy(1);
        let decide = |kind, tries| policy.decide(&kind, true, tries, None);
        assert!(matches!(decide(FailureKind::ServerError(503), 5), Decision::Again(_)));
        assert_eq!(decide(FailureKind::ServerError(503), 6), Decision::GiveUp);
        assert!(matches!(decide(FailureKind::BadBody, 2), Decision::Again(_)));
        assert_eq!(decide(FailureKind::BadBody, 3), Decision::GiveUp);
    }

    #[test]
    fn retries_are_a_share_of_the_requests_and_some_in_any_case() {
        let budget = Budget::new(RetryBudgetPlan { percent: 20, floor: 2 });
        let spend = || budget.spend(&FailureKind::ServerError(500)).is_ok();
        budget.earn();
        assert_eq!([spend(), spend(), spend()], [true, true, false]);
        (0..9).for_each(|_| budget.earn());
        assert_eq!([spend(), spend(), spend()], [true, true, false]);
        assert!(budget.spend(&FailureKind::RateLimited).is_ok());
        let none = Budget::new(RetryBudgetPlan { percent: 0, floor: 0 });
        none.earn();
        let spent = none.spend(&FailureKind::Timeout).unwrap_err().to_string();
        assert_eq!(spent, "the run has spent its retries, 0 and 0 % of its 1 request (`retries.budget`)");
    }
}
