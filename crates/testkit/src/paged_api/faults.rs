//! Which answers break, and how: drawn from a seed, so that a failing test fails again.

use crate::fake_api::Response;

/// Broken answers in a row unless said otherwise: within what any retry policy endures.
const IN_A_ROW: usize = 2;

/// How often each fault strikes. Probabilities are per request and add up; the draw depends on nothing but the seed
/// and the number of pages asked for before.
#[derive(Clone, Debug)]
#[must_use]
pub struct FaultMix {
    seed: u64,
    kinds: Vec<(f64, Kind)>,
    in_a_row: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Status(u16),
    Reset,
    ResetInside,
    Truncate,
    Stall,
}

impl FaultMix {
    /// No fault yet.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, kinds: Vec::new(), in_a_row: IN_A_ROW }
    }

    /// Answers this status instead.
    pub fn status(self, status: u16, probability: f64) -> Self {
        self.with(Kind::Status(status), probability)
    }

    /// Resets the connection instead of answering.
    pub fn reset(self, probability: f64) -> Self {
        self.with(Kind::Reset, probability)
    }

    /// Resets the connection at a random byte of the body.
    pub fn reset_inside(self, probability: f64) -> Self {
        self.with(Kind::ResetInside, probability)
    }

    /// Truncates the body at a random byte.
    pub fn truncate(self, probability: f64) -> Self {
        self.with(Kind::Truncate, probability)
    }

    /// Stalls at a random byte of the body.
    pub fn stall(self, probability: f64) -> Self {
        self.with(Kind::Stall, probability)
    }

    /// At most so many broken answers in a row (2 unless said otherwise); the next one is whole.
    pub fn at_most_in_a_row(self, in_a_row: usize) -> Self {
        Self { in_a_row, ..self }
    }

    fn with(mut self, kind: Kind, probability: f64) -> Self {
        self.kinds.push((probability, kind));
        self
    }
}

/// A mix being drawn from.
#[derive(Clone)]
pub(super) struct Faults {
    mix: FaultMix,
    random: fastrand::Rng,
    broken_in_a_row: usize,
}

impl Faults {
    pub(super) fn new(mix: FaultMix) -> Self {
        Self { random: fastrand::Rng::with_seed(mix.seed), mix, broken_in_a_row: 0 }
    }

    /// What to answer instead of `whole`, if this answer is to break.
    pub(super) fn broken(&mut self, whole: &Response) -> Option<Response> {
        // Drawn in any case, so that the n-th answer's fate does not depend on earlier luck.
        let (mut draw, place) = (self.random.f64(), self.random.f64());
        let chosen = self.mix.kinds.iter().find(|(probability, _)| {
            draw -= probability;
            draw < 0.0
        });
        let Some((_, kind)) = chosen.filter(|_| self.broken_in_a_row < self.mix.in_a_row) else {
            self.broken_in_a_row = 0;
            return None;
        };
        self.broken_in_a_row += 1;
        let at = within(whole.body().len(), place);
        Some(match kind {
            Kind::Status(status) => Response::text("broken on purpose").with_status(*status),
            Kind::Reset => Response::reset(),
            Kind::ResetInside => whole.clone().reset_after(at),
            Kind::Truncate => whole.clone().truncate_at(at),
            Kind::Stall => whole.clone().stall_after(at),
        })
    }
}

/// The byte at `place` (from 0 to below 1) of a body.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a position in a body, far below 2^52"
)]
fn within(length: usize, place: f64) -> usize {
    (length as f64 * place) as usize
}
