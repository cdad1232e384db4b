//! A limit that the pipeline file gives: so many requests in so much time.
//!
//! It is kept as the times at which requests were counted, not as a token bucket (GCRA): a bucket that lets a whole
//! quota go at once lets nearly twice the quota go within one window, which the API would refuse; one that does not,
//! makes a short run wait for nothing.
//!
//! What counts is when a request reaches the API, and that lies between its departure and its answer. So a request
//! counts from its departure until a window after the latest time at which it can have arrived.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use spile_plan::{RateLimitPlan, WindowKind};
use tokio::time::Instant;

/// Arrivals within one of so many parts of a window are counted together, at the time of the last of them: memory is
/// bounded whatever the quota, at the price of at most this part of it.
pub(super) const PARTS: u32 = 2048;

/// One limit, and what it counts at present.
pub(super) struct Window {
    plan: RateLimitPlan,
    /// Requests that are not answered yet.
    under_way: u32,
    counted: u32,
    /// Of a sliding window: when counted requests go out of it, and how many at once; the earliest first.
    expiries: VecDeque<(Instant, u32)>,
    /// Of a fixed window: its end.
    end: Instant,
}

impl Window {
    pub(super) fn new(plan: &RateLimitPlan, now: Instant, clock: Timestamp) -> Self {
        let end = now + left_of_window(clock, plan.per);
        Self { plan: plan.clone(), under_way: 0, counted: 0, expiries: VecDeque::new(), end }
    }

    pub(super) fn applies_to(&self, path: &str) -> bool {
        self.plan.paths.is_empty() || self.plan.paths.iter().any(|pattern| pattern.matches(path))
    }

    /// The earliest instant at which one more request keeps the limit, `now` where that is at once; nothing where only
    /// an answer makes room.
    pub(super) fn free_at(&mut self, now: Instant) -> Option<Instant> {
        self.forget(now);
        if self.counted + self.under_way < self.plan.requests.get() {
            return Some(now);
        }
        match self.plan.window {
            WindowKind::Sliding => self.expiries.front().map(|(at, _)| *at),
            WindowKind::Fixed => Some(self.end),
        }
    }

    pub(super) fn depart(&mut self) {
        self.under_way += 1;
    }

    /// A request that had departed arrived at `arrival` at the latest.
    pub(super) fn arrived(&mut self, arrival: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        self.counted += 1;
        let (per, share) = (self.plan.per, self.plan.requests.get() / PARTS);
        let expiry = arrival + per;
        match self.expiries.back_mut() {
            _ if self.plan.window == WindowKind::Fixed => {}
            Some((last, count)) if expiry <= *last || (*count < share && expiry - *last < per / PARTS) => {
                *last = expiry.max(*last);
                *count += 1;
            }
            _ => self.expiries.push_back((expiry, 1)),
        }
    }

    /// How many requests it counts, and in how many entries.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (u32, usize) {
        (self.counted, self.expiries.len())
    }

    /// Forgets what does not count any more at `now`.
    fn forget(&mut self, now: Instant) {
        if self.plan.window == WindowKind::Fixed {
            while self.end <= now {
                self.end += self.plan.per;
                self.counted = 0; // what is under way may arrive in the new window, and counts in it
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
