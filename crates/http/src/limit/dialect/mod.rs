//! What answers tell about an API's limits, in all the dialects in which they do.
//!
//! Enters: the headers of an answer and when it came. Leaves: [`Reading`]s, one for each limit that is told of. A value
//! that cannot be read, or that cannot be true, is as if it had not been sent. Nothing here waits or remembers.
//!
//! A dialect is one file and one line of [`DIALECTS`]. What it says of itself is its page of the reference.

mod answer;
mod draft;
mod fields;
mod gathered;
mod generic;
pub mod graphql;
mod ietf;
mod number;
mod reading;
pub(crate) mod reference;
mod reset;
mod row;
mod salesforce;
mod shopify;
mod vendors;
mod windows;
mod zendesk;

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

use self::answer::Answer;
use self::gathered::{Gathered, Standing};
use self::reference::Reference;
use super::bill::Cost;

/// What an answer told about one limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Which limit: the same in every answer that tells of it. Empty where the API has only one.
    pub(crate) name: Box<str>,
    /// What it counts.
    pub(crate) unit: Unit,
    /// How much it allows: in a window, at once, or in a full bucket.
    pub(crate) limit: Option<f64>,
    /// How much of it is left.
    pub(crate) remaining: Option<f64>,
    /// In how long all of it is there again, counted from the answer's receipt; as exact as `precision`.
    pub(crate) reset: Option<Duration>,
    /// What `reset` may be wrong by, for its rounding: a second, where it is told in whole ones; else nothing.
    pub(crate) precision: Duration,
    /// The window's length.
    pub(crate) window: Option<Duration>,
    /// How much of it comes back in each second, where it comes back bit by bit.
    pub(crate) restore: Option<f64>,
}

impl Reading {
    /// Whether nothing is left of it.
    pub(crate) fn is_spent(&self) -> bool {
        self.unit != Unit::Concurrent && self.remaining.is_some_and(|remaining| remaining < 1.0)
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Requests in a time.
    Requests,
    /// Requests under way at once.
    Concurrent,
    /// What requests cost, in a time.
    Cost,
}

/// One way to tell of limits.
struct Dialect {
    reference: Reference,
    read: fn(&Answer<'_>) -> Vec<Reading>,
    standing: Standing,
}

/// All of them, the better ones first: the more exactly it says which limit it speaks of, the better.
const DIALECTS: [Dialect; 8] = [
    ietf::DIALECT,
    windows::DIALECT,
    draft::DIALECT,
    generic::DIALECT,
    vendors::DIALECT,
    zendesk::DIALECT,
    shopify::DIALECT,
    salesforce::DIALECT,
];

/// Everything that `headers` tell about limits; `now` stands in for a `Date` that is not there.
///
/// Limits that bodies tell of are in `graphql`. `Retry-After` is not among them: it asks for a wait and says nothing of a
/// limit.
pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Vec<Reading> {
    let answer = Answer::new(headers, now);
    if answer.came_from_a_cache() {
        // It tells what was left when somebody else asked.
        return Vec::new();
    }
    let mut gathered = Gathered::default();
    for dialect in &DIALECTS {
        gathered.add((dialect.read)(&answer), dialect.standing);
    }
    gathered.into_readings()
}

/// What a body told of the limit that its cost was taken from, at `now`.
pub(crate) fn of_cost(cost: &Cost, now: Timestamp) -> Option<Reading> {
    let reset = cost.renews_at.and_then(|at| reset::at(at, now));
    let reading = Reading {
        unit: Unit::Cost,
        limit: cost.limit,
        remaining: cost.left,
        restore: cost.restore,
        ..Reading::of_requests(cost.name)
    };
    reading.with_reset(reset).if_told()
}

#[cfg(test)]
mod tests;
