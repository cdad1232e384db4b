//! A request that left: what was taken for it, what its answer tells, and what comes back when it is over.
//!
//! Enters: a request that was let go, then the head of its answer or that there is none, and what its reader tells of its
//! cost. Leaves: nothing but the limiter's state, put right, and who waits woken. Whatever happens to a request, what it
//! holds is given back once.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use spile_model::{FailureKind, StreamName};
use tokio::time::Instant;

use super::amount::Amount;
use super::bill::{Bill, Cost};
use super::dialect::{self, Reading, Unit};
use super::outage::Failed;
use super::told::{News, Told};
use super::{Limiter, MOST_TOLD, Scouting, State};
use crate::classify;

/// What a request that left counts in, and what was taken for it.
#[derive(Default)]
pub(super) struct Permitted {
    pub(super) number: u64,
    pub(super) path: Box<str>,
    pub(super) windows: Vec<(usize, Amount)>,
    pub(super) told: Vec<(usize, Amount)>,
    /// What it costs is told by the reader of its answer, and not settled yet.
    pub(super) unsettled: bool,
    /// When it arrived at the latest, once it is answered.
    pub(super) arrival: Option<Instant>,
    /// What its answer told of which limits, and what came of it as to all others.
    pub(super) heard: Vec<(usize, News)>,
    pub(super) news: News,
}

impl Permitted {
    /// What came of it as to the limit at that place.
    fn news_of(&self, at: usize) -> News {
        let heard = self.heard.iter().filter(|(of, _)| *of == at).map(|(_, news)| *news);
        heard.max().unwrap_or(self.news)
    }
}

/// Which of the limits that a request counts in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those that count requests.
    Requests,
    /// Those that count cost.
    Cost,
    All,
}

impl Which {
    fn has(self, counts_cost: bool) -> bool {
        match self {
            Self::Requests => !counts_cost,
            Self::Cost => counts_cost,
            Self::All => true,
        }
    }
}

/// The right to have one request under way; it ends when dropped.
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    stream: StreamName,
    permitted: Permitted,
    departed: Instant,
    waited: Duration,
    answered: bool,
    /// What the request costs is settled by a bill.
    billed: bool,
    unused: bool,
}

impl Permit {
    /// `waited`: how long the request waited before it left at `now`.
    pub(super) fn new(
        limiter: &Arc<Limiter>,
        stream: &StreamName,
        permitted: Permitted,
        now: Instant,
        waited: Duration,
    ) -> Self {
        Self {
            limiter: Arc::clone(limiter),
            stream: stream.clone(),
            permitted,
            departed: now,
            waited,
            answered: false,
            billed: false,
            unused: false,
        }
    }

    /// The request is not sent after all: what was taken for it comes back.
    pub(crate) fn give_back(mut self) {
        self.unused = true;
    }

    /// The bill of an answer with this status, for its reader to settle: only a success has one.
    pub(crate) fn bill(&mut self, status: StatusCode) -> Bill {
        if !self.permitted.unsettled || !status.is_success() {
            return Bill::default();
        }
        self.billed = true;
        Bill::new(&self.limiter, &self.stream, std::mem::take(&mut self.permitted))
    }

    /// How long the request waited from when it was known until when it would have to.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// The answer has begun, at this time of the wall clock; `asked`: how long it asks to wait.
    ///
    /// Where it says that there were too many requests, nothing leaves from now on until it may be otherwise; but for a
    /// limit that is not every request's only those that it counts wait. Returns whether it tells of a limit that is spent.
    pub(crate) fn answered(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        asked: Option<Duration>,
        clock: Timestamp,
    ) -> bool {
        let readings = dialect::read(headers, clock);
        let spent = readings.iter().any(Reading::is_spent);
        let kind = classify::status_kind(status, asked.is_some() || spent);
        let refused = kind == FailureKind::RateLimited;
        let now = Instant::now();
        let mut state = self.limiter.lock();
        if !state.is_sign_of_outage(&self.permitted, &self.stream, &kind, now, clock) {
            state.outage.answered();
        }
        state.answer_took(now - self.departed);
        self.permitted.heard = state.hear(&self.permitted, &self.stream, &readings, now);
        state.tell_apart(&readings);
        self.permitted.news = News::Silence;
        state.arrived(&mut self.permitted, &self.stream, now);
        if !refused {
            state.untold = 0;
        } else if !state.close_particular(&readings, asked.and_then(|asked| now.checked_add(asked))) {
            state.pause(asked, now);
        }
        self.answered = true;
        drop(state);
        self.limiter.changed.notify_waiters();
        spent
    }

    /// No answer has begun, for a reason of this kind, at this time of the wall clock.
    pub(crate) fn failed(&mut self, kind: &FailureKind, clock: Timestamp) {
        if !self.answered {
            self.limiter.lock().is_sign_of_outage(&self.permitted, &self.stream, kind, Instant::now(), clock);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.limiter.lock();
        if self.unused {
            state.unused(&self.permitted, &self.stream, now);
        } else {
            if !self.answered {
                state.arrived(&mut self.permitted, &self.stream, now);
            }
            if !self.billed {
                // A refusal has no bill: that the request was taken for as much as was reserved is the safe side.
                state.settle(std::mem::take(&mut self.permitted), &self.stream, None, &[], now);
            }
        }
        state.under_way -= 1;
        drop(state);
        self.limiter.changed.notify_waiters();
    }
}

impl Limiter {
    /// What a request cost is known by its bill, at this time of the wall clock; or it will not be.
    pub(super) fn settle(&self, permitted: Permitted, stream: &StreamName, cost: Option<&Cost>, clock: Timestamp) {
        let reading = cost.and_then(|cost| dialect::of_cost(cost, clock));
        self.lock().settle(permitted, stream, cost, reading.as_slice(), Instant::now());
        self.changed.notify_waiters();
    }
}

impl State {
    fn answer_took(&mut self, took: Duration) {
        self.fastest = Some(self.fastest.map_or(took, |fastest| fastest.min(took)));
    }

    /// A request was not sent: nothing is counted, and if it was to go ahead, another does.
    fn unused(&mut self, permitted: &Permitted, stream: &StreamName, now: Instant) {
        self.count(permitted, Which::All, Some(Amount::NOTHING), now);
        self.costs.settled(stream, None);
        if self.scouting == Scouting::UnderWay(permitted.number) {
            self.scouting = Scouting::Due;
        }
    }

    /// A request is answered, or will not be. What is counted by cost waits for its bill, where there will be one.
    fn arrived(&mut self, permitted: &mut Permitted, stream: &StreamName, now: Instant) {
        // The way there and back takes at least as long as the fastest did, so it had arrived that much before.
        let arrival = self.fastest.and_then(|fastest| now.checked_sub(fastest)).unwrap_or(now);
        permitted.arrival = Some(arrival);
        let which = if permitted.unsettled { Which::Requests } else { Which::All };
        self.count(permitted, which, None, now);
        if !permitted.unsettled {
            self.costs.settled(stream, None);
        }
        if self.scouting == Scouting::UnderWay(permitted.number) {
            self.scouting = if self.outage.is_down() { Scouting::Due } else { Scouting::Done };
        }
    }

    /// Takes in how a request failed, and says whether that is a sign that the API is down.
    fn is_sign_of_outage(
        &mut self,
        permitted: &Permitted,
        stream: &StreamName,
        kind: &FailureKind,
        now: Instant,
        clock: Timestamp,
    ) -> bool {
        let was_down = self.outage.is_down();
        let probe = was_down && self.scouting == Scouting::UnderWay(permitted.number);
        let sign = self.outage.failed(&Failed { kind, stream, path: &permitted.path, probe, now, clock });
        if !was_down && self.outage.is_down() {
            self.scouting = Scouting::Due;
        }
        sign
    }

    /// What a request cost is known, or it will not be; `readings`: what its answer's body told of limits.
    fn settle(
        &mut self,
        mut permitted: Permitted,
        stream: &StreamName,
        cost: Option<&Cost>,
        readings: &[Reading],
        now: Instant,
    ) {
        if !permitted.unsettled {
            return;
        }
        self.costs.settled(stream, cost);
        let refused = cost.is_some_and(|cost| cost.refused);
        let told = self.hear(&permitted, stream, readings, now);
        if refused && !told.iter().any(|(_, news)| *news == News::Told) {
            self.pause(None, now);
        }
        permitted.heard.extend(told);
        let taken = if refused { Some(Amount::NOTHING) } else { cost.and_then(|cost| cost.actual).map(Amount::of) };
        self.count(&permitted, Which::Cost, taken, now);
    }

    /// Counts a request that is over in the limits that it counts in, as what was taken in the end, where that is known.
    fn count(&mut self, permitted: &Permitted, which: Which, taken: Option<Amount>, now: Instant) {
        for &(at, reserved) in &permitted.windows {
            if which.has(self.windows[at].counts_cost()) {
                let arrival = permitted.arrival.unwrap_or(now);
                self.windows[at].arrived(arrival, reserved, taken.unwrap_or(reserved));
            }
        }
        for &(at, reserved) in &permitted.told {
            if which.has(self.told[at].counts_cost()) {
                self.told[at].back(permitted.number, reserved, taken.unwrap_or(reserved), permitted.news_of(at), now);
            }
        }
    }

    /// Takes in what an answer told of limits, and says what of which.
    fn hear(
        &mut self,
        permitted: &Permitted,
        stream: &StreamName,
        readings: &[Reading],
        now: Instant,
    ) -> Vec<(usize, News)> {
        let mut heard = Vec::new();
        for reading in readings {
            let known = self.told.iter().position(|told| told.is_of(reading));
            let at = match known {
                Some(at) => at,
                None if self.told.len() < MOST_TOLD => {
                    // What else is under way may count, and does not know of it.
                    let others = self.under_way.saturating_sub(1);
                    let each = if reading.unit == Unit::Cost { self.costs.dearest() } else { Amount::ONE };
                    let mut told = Told::new(reading, each * others, now);
                    told.particular = self.told.iter().any(|known| known.was_told_to_another(stream));
                    self.told.push(told);
                    self.told.len() - 1
                }
                None => continue,
            };
            heard.push((at, self.told[at].hear(permitted.number, stream, reading, now)));
        }
        heard
    }

    /// What the head of an answer tells of other limits and not of this one is not every request's.
    fn tell_apart(&mut self, readings: &[Reading]) {
        if !readings.is_empty() {
            for told in &mut self.told {
                told.particular |= !readings.iter().any(|reading| told.is_of(reading));
            }
        }
    }

    /// Whether limits that are not every request's are spent: then the others may go on, and those that count in them wait
    /// until then, if an answer asks so.
    fn close_particular(&mut self, readings: &[Reading], until: Option<Instant>) -> bool {
        let spent = |told: &Told| {
            readings.iter().any(|reading| reading.is_spent() && reading.reset.is_some() && told.is_of(reading))
        };
        let mut any = false;
        for told in self.told.iter_mut().filter(|told| told.particular && spent(told)) {
            told.closed_until = told.closed_until.max(until);
            any = true;
        }
        any
    }
}
