//! Chance that repeats with its seed.

use std::time::Duration;

use spile_testkit::crash::SeededDelays;

/// Draws from a seed.
pub(super) struct Draws(SeededDelays);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededDelays::new(seed, Duration::from_secs(1)))
    }

    /// Uniform from 0 to below 1.
    pub(super) fn fraction(&mut self) -> f64 {
        self.0.next().map_or(0.0, |delay| delay.as_secs_f64())
    }

    /// Uniform from 1 to `count`.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small counts"
    )]
    pub(super) fn one_to(&mut self, count: usize) -> usize {
        1 + (self.fraction() * count as f64) as usize
    }

    pub(super) fn coin(&mut self) -> bool {
        self.fraction() < 0.5
    }
}
