//! How much of a limit there is, or how much a request takes of it: whole millionths of what it counts.
//!
//! Costs may be fractions, and what was reserved for a request is given back with its answer. Floating-point sums do not
//! come back to where they began, and a request that takes the whole limit would wait for the last 0.000000000000002 of
//! it for ever.

use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

const PARTS: f64 = 1e6;

/// Never less than nothing; what would be less is nothing, and what would be too much is the most that there is, 18
/// million million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Amount(u64);

impl Amount {
    pub(super) const NOTHING: Self = Self(0);
    /// What a request is to a limit that counts requests.
    pub(super) const ONE: Self = Self(1_000_000);
    pub(super) const MOST: Self = Self(u64::MAX);

    /// The nearest to `units`; nothing where that is no number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is beyond becomes the nearest")]
    pub(super) fn of(units: f64) -> Self {
        Self((units * PARTS).round() as u64)
    }

    pub(super) fn units(self) -> f64 {
        self.0 as f64 / PARTS
    }
}

impl From<u32> for Amount {
    fn from(units: u32) -> Self {
        Self::ONE * units
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u32> for Amount {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(times.into()))
    }
}

impl Div<u32> for Amount {
    type Output = Self;

    fn div(self, parts: u32) -> Self {
        Self(self.0 / u64::from(parts))
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_add_up_and_come_back_to_nothing() {
        let tenths = [0.4, 1.6, 0.1, 11.0, 0.7].map(Amount::of);
        let sum = tenths.into_iter().fold(Amount::NOTHING, Add::add);
        assert_eq!(sum, Amount::of(13.8));
        assert_eq!(tenths.into_iter().fold(sum, Sub::sub), Amount::NOTHING);
        assert_eq!(Amount::of(0.25) * 4, Amount::ONE);
        assert_eq!(Amount::from(7).units(), 7.0);
    }

    #[test]
    fn what_is_no_amount_is_the_nearest_that_is_one() {
        for none in [-1.0, -0.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(Amount::of(none), Amount::NOTHING);
        }
        assert_eq!(Amount::of(f64::INFINITY) + Amount::ONE, Amount::MOST);
        assert_eq!(Amount::ONE - Amount::from(2), Amount::NOTHING);
    }
}
