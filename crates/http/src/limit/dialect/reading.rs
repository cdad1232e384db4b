//! How a reading comes to be, and when two of them are about the same limit.

use std::time::Duration;

use super::reset::Reset;
use super::{Reading, Unit};

impl Reading {
    /// A reading of requests that tells nothing yet.
    pub(super) fn of_requests(name: impl Into<Box<str>>) -> Self {
        Self {
            name: name.into(),
            unit: Unit::Requests,
            limit: None,
            remaining: None,
            reset: None,
            precision: Duration::ZERO,
            window: None,
            restore: None,
        }
    }

    pub(super) fn with_reset(mut self, reset: Option<Reset>) -> Self {
        if let Some(reset) = reset {
            self.reset = Some(reset.after);
            self.precision = reset.precision;
        }
        self
    }

    /// What was used is as good as what is left, where the limit is told too.
    pub(super) fn with_used(mut self, used: Option<f64>) -> Self {
        if let (None, Some(limit), Some(used)) = (self.remaining, self.limit, used) {
            self.remaining = Some((limit - used).max(0.0));
        }
        self
    }

    /// The reading, if it tells anything. A window alone does not: nobody knows of how much.
    pub(super) fn if_told(self) -> Option<Self> {
        let tells = self.limit.is_some() || self.remaining.is_some() || self.reset.is_some() || self.restore.is_some();
        tells.then_some(self)
    }

    /// Whether `other`, of a worse dialect, is about the same limit: it has the same name, or none and a number that is
    /// the same, and nothing speaks against it.
    pub(super) fn is_told_again_by(&self, other: &Self) -> bool {
        let named = self.name == other.name;
        let shares = shares(self.limit, other.limit) || shares(self.remaining, other.remaining);
        self.unit == other.unit
            && (named || (other.name.is_empty() && shares))
            && agrees(self.limit, other.limit)
            && agrees(self.remaining, other.remaining)
            && agrees(self.window, other.window)
    }

    pub(super) fn fill_from(&mut self, other: &Self) {
        self.limit = self.limit.or(other.limit);
        self.remaining = self.remaining.or(other.remaining);
        self.window = self.window.or(other.window);
        self.restore = self.restore.or(other.restore);
        if self.reset.is_none() {
            self.reset = other.reset;
            self.precision = other.precision;
        }
    }
}

fn shares(one: Option<f64>, other: Option<f64>) -> bool {
    one.is_some() && one == other
}

fn agrees<T: PartialEq + Copy>(one: Option<T>, other: Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}
