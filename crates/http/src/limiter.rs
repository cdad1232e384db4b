//! When a request may leave: several rate limits at once, the concurrency limit, and pauses that the API asked for.
//!
//! Enters: who wants to send. Leaves: a [`Permit`] that is held while the request is under way. Invariants: in no
//! stretch of time as long as a limit's window do more requests leave than the limit says; who asks first goes first;
//! who waits holds no connection. Time is tokio's, so that tests pause it.
//!
//! A rate limit is kept as the times at which requests left, not as a token bucket (GCRA): a bucket that lets a whole
//! quota go at once lets nearly twice the quota go within one window, which the API would refuse; one that does not,
//! makes a short run wait for nothing.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use spile_plan::RateLimitPlan;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Departures within one of so many parts of a window are counted together, at the time of the last of them: memory is
/// bounded whatever the quota, at the price of at most this part of it.
const PARTS: u32 = 2048;

/// The right to have one request under way.
pub(crate) struct Permit<'a> {
    _slot: SemaphorePermit<'a>,
}

/// Why a request waits, as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    RateLimit,
    Paused,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate limit",
            Self::Paused => "the API asked to wait",
        }
    }
}

pub(crate) struct Limiter {
    slots: Semaphore,
    /// Held by the one who is next to leave while it waits: the queue behind it is in the order of asking.
    gate: tokio::sync::Mutex<Vec<Window>>,
    paused_until: Mutex<Option<Instant>>,
}

impl Limiter {
    pub(crate) fn new(limits: &[RateLimitPlan], concurrency: u32) -> Self {
        Self {
            slots: Semaphore::new(usize::try_from(concurrency).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)),
            gate: tokio::sync::Mutex::new(limits.iter().map(Window::new).collect()),
            paused_until: Mutex::new(None),
        }
    }

    /// Waits until a request may leave, and counts it. `on_wait` is told of every wait before it begins.
    ///
    /// Cancel safe: a request that is given up is not counted.
    pub(crate) async fn admit(&self, mut on_wait: impl FnMut(Reason, Duration)) -> Permit<'_> {
        // The semaphore is never closed.
        let slot = self.slots.acquire().await.expect("the limiter's semaphore stays open");
        let mut windows = self.gate.lock().await;
        loop {
            let now = Instant::now();
            let Some((until, reason)) = self.obstacle(&mut windows, now) else {
                windows.iter_mut().for_each(|window| window.depart(now));
                return Permit { _slot: slot };
            };
            on_wait(reason, until - now);
            sleep_until(until).await;
        }
    }

    /// Nothing leaves before `until`. An earlier end than the present one changes nothing.
    pub(crate) fn pause_until(&self, until: Instant) {
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = (*paused).max(Some(until));
    }

    /// What is in the way at `now`, and until when.
    fn obstacle(&self, windows: &mut [Window], now: Instant) -> Option<(Instant, Reason)> {
        let paused = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let paused = paused.map(|until| (until, Reason::Paused));
        let limited = windows.iter_mut().map(|window| (window.free_at(now), Reason::RateLimit));
        limited.chain(paused).filter(|(until, _)| *until > now).max_by_key(|(until, _)| *until)
    }
}

/// One rate limit and what left within its window.
struct Window {
    requests: u32,
    per: Duration,
    /// Time of the last departure of a part of the window, and how many left in it; oldest first.
    departures: VecDeque<(Instant, u32)>,
    counted: u32,
}

impl Window {
    fn new(plan: &RateLimitPlan) -> Self {
        Self { requests: plan.requests.get(), per: plan.per, departures: VecDeque::new(), counted: 0 }
    }

    /// The earliest instant at which one more request keeps the limit; `now` where that is at once.
    fn free_at(&mut self, now: Instant) -> Instant {
        while let Some(&(last, count)) = self.departures.front()
            && last + self.per <= now
        {
            self.departures.pop_front();
            self.counted -= count;
        }
        match self.departures.front() {
            Some((oldest, _)) if self.counted >= self.requests => *oldest + self.per,
            _ => now,
        }
    }

    fn depart(&mut self, now: Instant) {
        self.counted += 1;
        let share = self.requests / PARTS;
        match self.departures.back_mut() {
            Some((last, count)) if *count < share && now - *last < self.per / PARTS => {
                *last = now;
                *count += 1;
            }
            _ => self.departures.push_back((now, 1)),
        }
    }
}

#[cfg(test)]
mod tests;
