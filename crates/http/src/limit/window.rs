//! A limit that the pipeline file gives: so many requests, or so much cost, in so much time.
//!
//! It is kept as the times at which requests were counted, not as a token bucket (GCRA): a bucket that lets a whole
//! quota go at once lets nearly twice the quota go within one window, which the API would refuse; one that does not,
//! makes a short run wait for nothing.
//!
//! What counts is when a request reaches the API, and that lies between its departure and its answer. So a request
//! counts from its departure until a window after the latest time at which it can have arrived. What it costs may be
//! known only from its answer; until then it counts as what was reserved for it.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use spile_plan::{Counted, RateLimitPlan, WindowKind};
use tokio::time::Instant;

use super::amount::Amount;

/// Arrivals within one of so many parts of a window are counted together, at the time of the last of them: memory is
/// bounded whatever the quota, at the price of at most this part of it.
pub(super) const PARTS: u32 = 2048;

/// One limit, and what it counts at present.
pub(super) struct Window {
    plan: RateLimitPlan,
    /// Of requests that are not answered yet.
    under_way: Amount,
    counted: Amount,
    /// Of a sliding window: when counted requests go out of it, and how much at once; the earliest first.
    expiries: VecDeque<(Instant, Amount)>,
    /// Of a fixed window: its end.
    end: Instant,
}

impl Window {
    pub(super) fn new(plan: &RateLimitPlan, now: Instant, clock: Timestamp) -> Self {
        let end = now + left_of_window(clock, plan.per);
        let nothing = Amount::NOTHING;
        Self { plan: plan.clone(), under_way: nothing, counted: nothing, expiries: VecDeque::new(), end }
    }

    pub(super) fn applies_to(&self, path: &str) -> bool {
        self.plan.paths.is_empty() || self.plan.paths.iter().any(|pattern| pattern.matches(path))
    }

    pub(super) fn counts_cost(&self) -> bool {
        self.plan.counts == Counted::Cost
    }

    /// How much a request takes of it that costs so much. One that costs more than all of it takes all of it.
    pub(super) fn share(&self, cost: Amount) -> Amount {
        if self.counts_cost() { cost.min(self.most()) } else { Amount::ONE }
    }

    fn most(&self) -> Amount {
        self.plan.most.get().into()
    }

    /// The earliest instant at which so much more keeps the limit, `now` where that is at once; nothing where only an
    /// answer makes room.
    pub(super) fn free_at(&mut self, share: Amount, now: Instant) -> Option<Instant> {
        self.forget(now);
        let mut over = self.counted + self.under_way + share - self.most();
        if over == Amount::NOTHING {
            return Some(now);
        }
        if self.plan.window == WindowKind::Fixed {
            return Some(self.end);
        }
        let frees = |(at, count): &(Instant, Amount)| {
            over -= *count;
            (over == Amount::NOTHING).then_some(*at)
        };
        self.expiries.iter().find_map(frees)
    }

    pub(super) fn depart(&mut self, share: Amount) {
        self.under_way += share;
    }

    /// A request for which `reserved` was taken when it departed, and which took `taken`, arrived at `arrival` at the
    /// latest.
    pub(super) fn arrived(&mut self, arrival: Instant, reserved: Amount, taken: Amount) {
        self.under_way -= reserved;
        self.counted += taken;
        let (per, share) = (self.plan.per, self.most() / PARTS);
        let expiry = arrival + per;
        match self.expiries.back_mut() {
            _ if self.plan.window == WindowKind::Fixed || taken == Amount::NOTHING => {}
            Some((last, count)) if expiry <= *last || (*count + taken <= share && expiry - *last < per / PARTS) => {
                *last = expiry.max(*last);
                *count += taken;
            }
            _ => self.expiries.push_back((expiry, taken)),
        }
    }

    /// How much it counts, and in how many entries.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (Amount, usize) {
        (self.counted, self.expiries.len())
    }

    /// Forgets what does not count any more at `now`.
    fn forget(&mut self, now: Instant) {
        if self.plan.window == WindowKind::Fixed {
            while self.end <= now {
                self.end += self.plan.per;
                self.counted = Amount::NOTHING; // what is under way may arrive in the new window, and counts in it
            }
        }
        while let Some(&(at, count)) = self.expiries.front()
            && at <= now
        {
            self.expiries.pop_front();
            self.counted -= count;
        }
    }
}

/// Fixed windows begin at whole multiples of their length since 1970 in UTC: hours at full hours, days at midnight.
fn left_of_window(clock: Timestamp, per: Duration) -> Duration {
    let since = Duration::try_from(clock.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
    let into = since.as_nanos() % per.as_nanos().max(1);
    per - Duration::from_nanos_u128(into)
}
