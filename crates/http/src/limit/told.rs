//! One limit that the API's answers tell of: how much is left, and when there is more.
//!
//! What an answer tells was true when the API counted its request. So from what it says is left, everything that is
//! still under way is taken off; and when the limit should have been renewed, one request goes ahead alone to hear
//! whether it was. That holds for whatever the API counts with (fixed or sliding windows, buckets), which no answer
//! tells, and where others spend from the same limit.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use spile_model::{Quota, StreamName};
use tokio::time::Instant;

use super::amount::Amount;
use super::cost::Estimate;
use super::dialect::{Reading, Unit};

/// Two answers that put the renewal this close together mean the same one, whatever their ways took.
const SAME: Duration = Duration::from_millis(250);

/// A bucket that is full again within this is waited for by a request of which nobody knows what it costs.
const SOON: Duration = Duration::from_secs(60);

/// Lengths of windows that people choose, in seconds. A window that begins now and is told to end in 59 seconds is one of
/// a minute, rounded down.
const USUAL: [u64; 17] = [1, 2, 5, 10, 15, 20, 30, 60, 100, 120, 300, 600, 900, 1800, 3600, 43_200, 86_400];

/// A limit, as the API's answers tell of it.
pub(super) struct Told {
    pub(super) name: Box<str>,
    unit: Unit,
    limit: Option<Amount>,
    /// What is left, everything counted but what is under way.
    left: Option<Amount>,
    /// When that was told.
    at: Instant,
    /// When all of the limit is there again.
    renewal: Option<Instant>,
    /// A whole second's rounding is known to go up (or there is none).
    rounds_up: bool,
    /// Its length, where it is one of a window.
    window: Option<Duration>,
    /// What comes back in a second.
    restore: Option<f64>,
    /// What is taken for requests that are not settled yet: each one, or what it costs.
    under_way: Amount,
    /// At the first answer that tells of it: what else was under way.
    unknowing: Amount,
    /// The request, by its number, whose answer was believed last, and the one that goes ahead.
    believed: u64,
    ahead: Option<u64>,
    /// The request that left last; and the one that had when an answer was believed last.
    departed: u64,
    departed_by_then: u64,
    /// What others were seen to spend between two answers.
    others: Amount,
    /// The streams whose answers told of it.
    streams: HashSet<StreamName>,
    /// Some stream's answer told of other limits and not of this one.
    pub(super) particular: bool,
    /// A refusal asked to wait until then, whatever it told of the limit besides.
    pub(super) closed_until: Option<Instant>,
}

/// What came of a request, as to one limit; what tells most comes last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    /// No answer.
    #[default]
    None,
    /// An answer that does not tell of the limit, whatever it tells of others.
    Silence,
    /// An answer that says what the limit is and not what is left of it.
    Named,
    /// An answer that tells what is left.
    Told,
}

impl Told {
    /// A limit of which the first answer tells, while others are under way that may take so much of it.
    pub(super) fn new(reading: &Reading, others_under_way: Amount, now: Instant) -> Self {
        Self {
            name: reading.name.clone(),
            unit: reading.unit,
            limit: None,
            left: None,
            at: now,
            renewal: None,
            rounds_up: false,
            window: None,
            restore: None,
            unknowing: others_under_way,
            under_way: Amount::NOTHING,
            believed: 0,
            ahead: None,
            departed: 0,
            departed_by_then: 0,
            others: Amount::NOTHING,
            streams: HashSet::new(),
            particular: false,
            closed_until: None,
        }
    }

    pub(super) fn is_of(&self, reading: &Reading) -> bool {
        self.name == reading.name && self.unit == reading.unit
    }

    pub(super) fn counts_cost(&self) -> bool {
        self.unit == Unit::Cost
    }

    /// Whether the requests of `stream` count: its answers said so, or all answers to others did. A limit that counts
    /// cost is one of those streams whose answers tell of it, or (`priced`) are expected to.
    pub(super) fn applies_to(&self, stream: &StreamName, priced: bool) -> bool {
        let told = self.streams.contains(stream);
        if self.counts_cost() { told || priced } else { told || !self.particular }
    }

    /// How much a request takes of it. One that costs more than all of it takes all of it, and so does one of which
    /// nothing is known yet, where all of it comes back soon: it is never refused, and what is not taken is there for the
    /// next.
    pub(super) fn share(&self, estimate: Estimate) -> Amount {
        let most = self.limit.unwrap_or(Amount::MOST).max(Amount::ONE);
        let soon = self.restore.is_some_and(|restore| most.units() / restore <= SOON.as_secs_f64());
        match self.unit {
            Unit::Requests | Unit::Concurrent => Amount::ONE,
            Unit::Cost if !estimate.known && soon => most,
            Unit::Cost => estimate.cost.min(most),
        }
    }

    /// Whether the answers to a stream besides this one told of it.
    pub(super) fn was_told_to_another(&self, stream: &StreamName) -> bool {
        self.streams.iter().any(|told| told != stream)
    }

    /// What is left of it, where the requests of `stream` count in it; `clock` is the time of the wall clock at `now`.
    pub(super) fn quota(&self, stream: &StreamName, now: Instant, clock: Timestamp) -> Option<Quota> {
        let left = self.left.filter(|_| self.unit != Unit::Concurrent && self.streams.contains(stream))?;
        let renewal = self.renewal.map(|at| (at.saturating_duration_since(now), now.saturating_duration_since(at)));
        let renews_at = renewal.and_then(|(ahead, over)| clock.checked_add(ahead).ok()?.checked_sub(over).ok());
        let limit = self.limit.map(Amount::units);
        Some(Quota { name: self.name.clone(), left: left.units(), limit, renews_at })
    }

    /// The earliest instant at which so much more keeps the limit, `now` where that is at once; nothing where only
    /// an answer can tell.
    pub(super) fn free_at(&self, share: Amount, now: Instant) -> Option<Instant> {
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Some(until);
        }
        if self.unit == Unit::Concurrent {
            let room = self.limit.is_none_or(|limit| self.under_way < limit.max(Amount::ONE));
            return room.then_some(now);
        }
        if self.has_room(share, now) {
            return Some(now);
        }
        let soonest = [self.renewal, self.restored_at(share, now)].into_iter().flatten().min();
        match soonest {
            Some(at) if at > now => Some(at),
            // It should be renewed by now, or nothing says when it will be: the answer to the next one will.
            _ => (self.ahead.is_none() && (self.is_idle() || soonest.is_some())).then_some(now),
        }
    }

    fn is_idle(&self) -> bool {
        self.under_way == Amount::NOTHING
    }

    fn has_room(&self, share: Amount, now: Instant) -> bool {
        let Some(left) = self.left_at(now) else { return true };
        // What others may take meanwhile is not counted on, until it is all that is left; then one goes at a time.
        left >= self.others + self.under_way + share || (self.is_idle() && left >= share)
    }

    /// When enough has come back for one more, of what comes back bit by bit.
    fn restored_at(&self, share: Amount, now: Instant) -> Option<Instant> {
        let missing = share + self.under_way - self.left_at(now)?;
        now.checked_add(Duration::try_from_secs_f64(missing.units() / self.restore?).ok()?)
    }

    pub(super) fn depart(&mut self, number: u64, share: Amount, now: Instant) {
        if self.unit != Unit::Concurrent && !self.has_room(share, now) {
            self.ahead = Some(number);
        }
        self.under_way += share;
        self.departed = self.departed.max(number);
    }

    /// A request that counts is over: `reserved` was taken for it, and it took `taken`.
    pub(super) fn back(&mut self, number: u64, reserved: Amount, taken: Amount, news: News, now: Instant) {
        self.under_way -= reserved;
        if news != News::Told {
            self.left = self.left.map(|left| left - taken);
        }
        if self.ahead == Some(number) {
            self.ahead = None;
            match (news, self.limit, self.window) {
                (News::Told | News::None, ..) => {}
                // It holds as before, and the API does not count down for us.
                (News::Named, Some(limit), Some(window)) => {
                    (self.left, self.renewal) = (Some(limit - taken), now.checked_add(window));
                }
                // The API tells no more of it (and a refusal would be heard of by itself): nothing is known again.
                (News::Named | News::Silence, ..) => (self.left, self.renewal) = (None, None),
            }
        }
    }

    /// What the answer to request `number`, still counted as under way, told at `now`.
    pub(super) fn hear(&mut self, number: u64, stream: &StreamName, reading: &Reading, now: Instant) -> News {
        self.streams.insert(stream.clone());
        self.limit = reading.limit.map(Amount::of).or(self.limit);
        self.window = reading.window.or(self.window);
        self.restore = reading.restore.or(self.restore);
        let Some(remaining) = reading.remaining else { return News::Named };
        self.believe(number, reading, Amount::of(remaining), now);
        News::Told
    }

    /// Takes on that so much is left, unless something newer is known.
    fn believe(&mut self, number: u64, reading: &Reading, remaining: Amount, now: Instant) {
        let renewed = self.left.is_none_or(|left| remaining > left + Amount::ONE / 2);
        if renewed && (number < self.believed || self.was_overtaken(number, reading, now)) {
            return; // it was answered earlier than what is known, and came later
        }
        self.believed = self.believed.max(number);
        self.departed_by_then = self.departed.max(number);
        if renewed {
            self.others = self.others / 2;
        } else if self.restore.is_none() {
            let mine = self.under_way;
            let spent = self.left.map_or(Amount::NOTHING, |left| left - remaining);
            self.others = self.others.max(spent - mine);
        }
        self.left = Some(remaining - std::mem::take(&mut self.unknowing));
        self.at = now;
        if let Some(reset) = reading.reset {
            self.expect_renewal(reading, reset, renewed, now);
        }
    }

    /// Takes on when the limit is renewed, from what one answer says.
    fn expect_renewal(&mut self, reading: &Reading, reset: Duration, renewed: bool, now: Instant) {
        let rounded = !reading.precision.is_zero();
        if renewed && rounded && self.is_first_of_window(reading) {
            self.rounds_up = is_whole_window(reset, reading.window);
        }
        let up = self.rounds_up || !rounded;
        // Rounded down, it may be nearly a whole unit later than it says.
        let told = now + reset + if up { Duration::ZERO } else { reading.precision };
        let same = |known: Instant| {
            let apart = if known > told { known - told } else { told - known };
            apart <= reading.precision + SAME
        };
        self.renewal = Some(match self.renewal {
            Some(known) if !renewed && known > now && same(known) && up => known.min(told),
            Some(known) if !renewed && known > now && same(known) => known.max(told),
            _ => told,
        });
    }

    /// Whether the answer to request `number`, which says that more is left than is known, may be older than what is
    /// known: it was under way when that came, and speaks of the same window. An API that works on several requests at
    /// once counts them in one order and answers in another.
    fn was_overtaken(&self, number: u64, reading: &Reading, now: Instant) -> bool {
        if number > self.departed_by_then || self.restore.is_some() {
            return false;
        }
        match (reading.reset, self.renewal) {
            (_, Some(known)) if known <= now => false,
            (Some(reset), Some(known)) => {
                let told = now + reset;
                let apart = if known > told { known - told } else { told - known };
                apart <= reading.precision * 2 + SAME
            }
            _ => true,
        }
    }

    fn is_first_of_window(&self, reading: &Reading) -> bool {
        matches!((reading.limit, reading.remaining), (Some(limit), Some(left)) if (limit - left - 1.0).abs() < 0.5)
    }

    fn left_at(&self, now: Instant) -> Option<Amount> {
        let left = self.left? + Amount::of(self.restore.unwrap_or(0.0) * (now - self.at).as_secs_f64());
        Some(self.limit.map_or(left, |limit| left.min(limit)))
    }
}

/// Whether `reset`, told at the beginning of a window in whole seconds, is the window's length: then it is rounded up.
fn is_whole_window(reset: Duration, window: Option<Duration>) -> bool {
    match window {
        Some(window) => reset >= window,
        None => USUAL.contains(&reset.as_secs()),
    }
}
