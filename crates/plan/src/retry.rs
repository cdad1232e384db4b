//! When a request is tried again, and when no longer.

use std::num::NonZeroU32;
use std::time::Duration;

/// When to try again: exponential backoff with full jitter, or what the API asks for where that is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    /// Tries of one request in all.
    pub attempts: NonZeroU32,
    /// The longest first wait; it doubles with each try.
    pub base_wait: Duration,
    /// The longest wait that backoff comes to.
    pub max_backoff: Duration,
    /// The longest wait that the API may ask for (`Retry-After`); beyond it the run fails instead of waiting.
    pub max_wait: Duration,
    /// How many retries a run may have in all.
    pub budget: RetryBudgetPlan,
    /// What is done while an origin is down.
    pub outage: OutagePlan,
}

impl Default for RetryPlan {
    fn default() -> Self {
        // Six tries with waits of up to 1, 2, 4, 8 and 16 seconds outlast a restart of the API behind its proxy; an
        // hourly quota that is spent is worth waiting for.
        Self {
            attempts: NonZeroU32::new(6).unwrap_or(NonZeroU32::MIN),
            base_wait: Duration::from_secs(1),
            max_backoff: Duration::from_secs(60),
            max_wait: Duration::from_secs(3900),
            budget: RetryBudgetPlan::default(),
            outage: OutagePlan::default(),
        }
    }
}

/// How many retries a run may have in all: a sick API must not get a multiple of its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudgetPlan {
    /// So many for a hundred requests.
    pub percent: u32,
    /// So many in any case.
    pub floor: u32,
}

impl Default for RetryBudgetPlan {
    fn default() -> Self {
        // One failure in six requests is an API with a bad day, one in two is an API that is not helped by more requests.
        // The floor lets eight requests at once use all their tries, twice.
        Self { percent: 20, floor: 100 }
    }
}

/// When an origin counts as down, and how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutagePlan {
    /// So many failures in a row, over all requests to it.
    pub failures: NonZeroU32,
    /// So long after the first of them the run gives it up.
    pub give_up: Duration,
}

impl Default for OutagePlan {
    fn default() -> Self {
        // Five are fewer than the tries of one request, so that one stream that reads page after page waits too. Most
        // restarts, deployments and failovers are over after ten minutes.
        Self { failures: NonZeroU32::new(5).unwrap_or(NonZeroU32::MIN), give_up: Duration::from_secs(600) }
    }
}
