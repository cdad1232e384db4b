//! When a request may leave: the limits that the pipeline file gives, those that the API's answers tell of, the
//! concurrency, and pauses that the API asked for. All hold at once.
//!
//! Enters: who wants to send, and what answers say. Leaves: a [`Permit`] that is held while the request is under way.
//! Invariants: no limit that is known is exceeded; who waits holds no connection; streams that share a limit take turns;
//! and where it is not known whether the API would accept one more (at the beginning, after a pause, when a limit should
//! have been renewed, while it is down), one request goes ahead alone. Time is tokio's, so that tests pause it.

mod amount;
pub(crate) mod bill;
mod cost;
pub(crate) mod dialect;
pub(crate) mod outage;
mod permit;
mod told;
mod turns;
mod window;

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use spile_model::{FailureKind, Quota, StreamName};
use spile_plan::{RateLimitPlan, RetryPlan, StreamPlan};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use self::cost::Costs;
use self::outage::{Outage, Since, Standing};
pub(crate) use self::permit::Permit;
use self::permit::Permitted;
use self::told::Told;
use self::turns::Turns;
use self::window::Window;

/// So many limits are kept at most: an API that names a new one in every answer tells nothing.
const MOST_TOLD: usize = 256;

/// Nothing leaves for so long after a refusal that does not say how long to wait; after each further one, twice as long.
const UNTOLD: Duration = Duration::from_secs(1);

/// It is doubled so often at most: to 32 seconds.
const DOUBLINGS: u32 = 5;

/// Why a request waits, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    RateLimit,
    /// The API's own, by its name where it has one.
    Told(Box<str>),
    Paused,
    /// The API does not answer.
    Down(Since),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimit => f.write_str("rate limit"),
            Self::Told(name) if name.is_empty() => f.write_str("the API's rate limit"),
            Self::Told(name) => write!(f, "the API's rate limit `{name}`"),
            Self::Paused => f.write_str("the API asked to wait"),
            Self::Down(Since { since, last }) => {
                write!(f, "the API is down since {} ({last})", since.strftime("%Y-%m-%d %H:%M:%S UTC"))
            }
        }
    }
}

/// What the requests of one API may do.
pub(crate) struct Limiter {
    /// The longest wait that the API may cause; for the pipeline's own limits there is none.
    max_wait: Duration,
    state: Mutex<State>,
    /// Something changed that may let a request go.
    changed: Notify,
}

struct State {
    concurrency: u32,
    under_way: u32,
    windows: Vec<Window>,
    told: Vec<Told>,
    costs: Costs,
    paused_until: Option<Instant>,
    /// Refusals in a row that did not say how long to wait.
    untold: u32,
    outage: Outage,
    scouting: Scouting,
    turns: Turns,
    /// How many requests have left: each has its number, in the order of leaving.
    departures: u64,
    /// The shortest time that an answer took to begin.
    fastest: Option<Duration>,
}

/// Where nothing is known of what the API would say, one request goes ahead alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scouting {
    Due,
    UnderWay(u64),
    Done,
}

/// The API allows no request for longer than a run waits, or has been down for longer.
#[derive(Debug)]
pub(crate) struct TooLong {
    pub(crate) reason: Reason,
    pub(crate) wait: Duration,
}

/// What is in the way of a request.
enum Obstacle {
    Until(Instant, Reason),
    /// It is not waited for any more.
    GivenUp(Reason),
    /// Only an answer, or another's turn, removes it.
    Unknown,
}

impl Limiter {
    /// `clock`: the wall clock's time at this moment, for windows that begin with the hour or the day. `streams` say what
    /// their requests cost.
    pub(crate) fn new<'p>(
        limits: &[RateLimitPlan],
        concurrency: u32,
        retries: &RetryPlan,
        clock: Timestamp,
        streams: impl Iterator<Item = &'p StreamPlan>,
    ) -> Self {
        let now = Instant::now();
        let state = State {
            concurrency,
            under_way: 0,
            windows: limits.iter().map(|plan| Window::new(plan, now, clock)).collect(),
            told: Vec::new(),
            costs: Costs::new(streams),
            paused_until: None,
            untold: 0,
            outage: Outage::new(retries),
            scouting: Scouting::Due,
            turns: Turns::default(),
            departures: 0,
            fastest: None,
        };
        Self { max_wait: retries.max_wait, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits until a request of `stream` to `path` may leave, and counts it. `on_wait` is told of every wait whose end
    /// is known, before it begins.
    ///
    /// Cancel safe: a request that is given up while it waits is not counted.
    ///
    /// # Errors
    /// The API allows none for longer than `max_wait`, or has been down for longer than the plan waits.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        stream: &StreamName,
        path: &str,
        mut on_wait: impl FnMut(Reason, Duration),
    ) -> Result<Permit, TooLong> {
        let waiting = Waiting { limiter: self, number: self.lock().turns.ask(stream, path) };
        let mut reported = None;
        let mut since = None;
        loop {
            // Listened to before looking: what changes in between is not missed.
            let changed = self.changed.notified();
            let now = Instant::now();
            let turn = self.lock().turn(waiting.number, now);
            let until = match turn {
                Ok(permitted) => {
                    let waited = since.map_or(Duration::ZERO, |since| now - since);
                    return Ok(self.permit(waiting, stream, permitted, now, waited));
                }
                Err(Obstacle::Until(until, reason)) => {
                    let wait = until - now;
                    if wait > self.max_wait && matches!(reason, Reason::Told(_) | Reason::Paused) {
                        return Err(TooLong { reason, wait });
                    }
                    since.get_or_insert(now);
                    if reported != Some(until) {
                        reported = Some(until);
                        on_wait(reason, wait);
                    }
                    Some(until)
                }
                Err(Obstacle::GivenUp(reason)) => return Err(TooLong { reason, wait: Duration::ZERO }),
                Err(Obstacle::Unknown) => None,
            };
            tokio::select! {
                () = changed => {}
                () = at(until) => {}
            }
        }
    }

    /// What the API told last of its limits that the requests of `stream` count in; `clock` is the present time.
    pub(crate) fn quotas(&self, stream: &StreamName, clock: Timestamp) -> Vec<Quota> {
        let now = Instant::now();
        let state = self.lock();
        state.told.iter().filter_map(|told| told.quota(stream, now, clock)).collect()
    }

    fn permit(
        self: &Arc<Self>,
        waiting: Waiting<'_>,
        stream: &StreamName,
        permitted: Permitted,
        now: Instant,
        waited: Duration,
    ) -> Permit {
        drop(waiting);
        self.changed.notify_waiters(); // the next one may be able to go too
        Permit::new(self, stream, permitted, now, waited)
    }

    /// An answer was not the failure that its status says, or says nothing of the API as a whole.
    pub(crate) fn is_fine(&self) {
        let mut state = self.lock();
        if state.outage.is_down() {
            state.scouting = Scouting::Done;
        }
        state.outage.answered();
        drop(state);
        self.changed.notify_waiters();
    }

    /// An answer was a refusal that its status does not tell: nothing leaves for so long, or for as long as refusals that
    /// do not say how long.
    pub(crate) fn refused(&self, asked: Option<Duration>) {
        self.lock().pause(asked, Instant::now());
        self.changed.notify_waiters();
    }

    /// Whether a request that failed with `kind` waits with all others until the API is back, whatever tries it has left.
    pub(crate) fn holds(&self, kind: &FailureKind) -> bool {
        self.lock().outage.holds(kind)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn at(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}

/// A place in the queue; given up when dropped.
struct Waiting<'a> {
    limiter: &'a Limiter,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.limiter.lock().turns.leave(self.number).is_some() {
            self.limiter.changed.notify_waiters();
        }
    }
}

/// A limit, by its place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Window(usize),
    Told(usize),
}

impl State {
    /// Lets request `number` go at `now`, or says what is in its way.
    fn turn(&mut self, number: u64, now: Instant) -> Result<Permitted, Obstacle> {
        let mut turns = std::mem::take(&mut self.turns);
        let mut outcome = Err(Obstacle::Unknown); // it is behind another of its stream
        let mut saved = Vec::new();
        for ticket in turns.order() {
            let obstacle = self.obstacle(&ticket.stream, &ticket.path, &mut saved, now);
            if ticket.number == number {
                outcome = match obstacle {
                    None => Ok(self.depart(&ticket.stream, &ticket.path, now)),
                    Some(obstacle) => Err(obstacle),
                };
                break;
            }
            if obstacle.is_none() {
                break; // that one goes first, and then tells
            }
        }
        if outcome.is_ok() {
            turns.go(number);
        }
        self.turns = turns;
        outcome
    }

    /// What is in the way of a request. `saved`: the limits for which somebody waits whose turn comes before: a dear
    /// request would never find enough left if cheaper ones took all that comes back. What this one waits for is added.
    fn obstacle(&mut self, stream: &StreamName, path: &str, saved: &mut Vec<Place>, now: Instant) -> Option<Obstacle> {
        let down = match self.outage.standing() {
            Standing::Up => None,
            Standing::Until(at, since) => Some((None, Some(at), Reason::Down(since))),
            Standing::GivenUp(since) => return Some(Obstacle::GivenUp(Reason::Down(since))),
        };
        let mut unknown = self.under_way >= self.concurrency
            || matches!(self.scouting, Scouting::UnderWay(_))
            || self.costs.are_awaited_by(stream);
        let mut latest: Option<(Instant, Reason)> = None;
        let mut lacking = Vec::new();
        for (place, free, reason) in self.limits(stream, path, now).into_iter().chain(down) {
            match free {
                _ if place.is_some_and(|place| saved.contains(&place)) => unknown = true,
                None => unknown = true,
                Some(at) if at > now => {
                    lacking.extend(place.map(|place| (place, at)));
                    if latest.as_ref().is_none_or(|(known, _)| at > *known) {
                        latest = Some((at, reason));
                    }
                }
                Some(_) => {}
            }
        }
        match latest {
            Some((at, reason)) => {
                saved.extend(lacking.into_iter().filter(|(_, free)| *free == at).map(|(place, _)| place));
                Some(Obstacle::Until(at, reason))
            }
            None => unknown.then_some(Obstacle::Unknown),
        }
    }

    /// The limits that a request counts in, and when they are free for it; with their place where they count cost.
    fn limits(
        &mut self,
        stream: &StreamName,
        path: &str,
        now: Instant,
    ) -> Vec<(Option<Place>, Option<Instant>, Reason)> {
        let (estimate, priced) = (self.costs.of(stream), self.costs.are_told_to(stream));
        let windows = self.windows.iter_mut().enumerate().filter(|(_, window)| window.applies_to(path));
        let windows = windows.map(|(at, window)| {
            let free = window.free_at(window.share(estimate.cost), now);
            (window.counts_cost().then_some(Place::Window(at)), free, Reason::RateLimit)
        });
        let told = self.told.iter().enumerate().filter(|(_, told)| told.applies_to(stream, priced));
        let told = told.map(|(at, told)| {
            let free = told.free_at(told.share(estimate), now);
            (told.counts_cost().then_some(Place::Told(at)), free, Reason::Told(told.name.clone()))
        });
        let paused = self.paused_until.map(|until| (None, Some(until), Reason::Paused));
        windows.chain(told).chain(paused).collect()
    }

    fn depart(&mut self, stream: &StreamName, path: &str, now: Instant) -> Permitted {
        self.under_way += 1;
        self.departures += 1;
        let number = self.departures;
        if self.scouting == Scouting::Due {
            self.scouting = Scouting::UnderWay(number);
        }
        let (estimate, priced) = (self.costs.of(stream), self.costs.are_told_to(stream));
        self.costs.depart(stream);
        let windows = self.windows.iter().enumerate().filter(|(_, window)| window.applies_to(path));
        let windows: Vec<_> = windows.map(|(at, window)| (at, window.share(estimate.cost))).collect();
        let told = self.told.iter().enumerate().filter(|(_, told)| told.applies_to(stream, priced));
        let told: Vec<_> = told.map(|(at, told)| (at, told.share(estimate))).collect();
        windows.iter().for_each(|&(at, share)| self.windows[at].depart(share));
        told.iter().for_each(|&(at, share)| self.told[at].depart(number, share, now));
        Permitted { number, path: path.into(), windows, told, unsettled: priced, ..Permitted::default() }
    }

    /// Nothing leaves for as long as was asked, and then one goes ahead. An earlier end than the present one changes
    /// nothing.
    fn pause(&mut self, asked: Option<Duration>, now: Instant) {
        let wait = match asked {
            Some(asked) => asked,
            // It had left before the pause, with others that were refused: that is one refusal.
            None if self.paused_until.is_some_and(|until| until > now) => Duration::ZERO,
            None => {
                let before = self.untold;
                self.untold += 1;
                UNTOLD * 2_u32.pow(before.min(DOUBLINGS))
            }
        };
        self.paused_until = self.paused_until.max(Some(now + wait));
        self.scouting = Scouting::Due;
    }
}

#[cfg(test)]
mod tests;
