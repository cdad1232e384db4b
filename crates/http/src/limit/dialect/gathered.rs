//! One list of what all dialects told: the same limit, told in two of them, is in it once.

use super::{Reading, Unit};

/// How what a dialect tells stands to what the ones before it told in the same answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It tells of the API's limits as such. Where a better dialect did so already, these are the same limits.
    General,
    /// It tells of particular limits, which stand beside the general ones.
    Particular,
}

#[derive(Default)]
pub(super) struct Gathered {
    readings: Vec<Reading>,
    /// What the general limits that were told of count.
    general: Vec<Unit>,
}

impl Gathered {
    /// Adds what one dialect told. Dialects come in the order of how good they are: what comes later fills in what was
    /// left out, and corrects nothing.
    pub(super) fn add(&mut self, told: Vec<Reading>, standing: Standing) {
        let better = self.readings.len();
        let settled = if standing == Standing::General { self.general.clone() } else { Vec::new() };
        for reading in told {
            if reading.limit == Some(0.0) {
                // Nobody can keep a limit of nothing. Some send it for "no limit", Okta where another one, which it
                // does not tell, was exceeded.
            } else if let Some(same) = self.readings[..better].iter_mut().find(|told| told.is_told_again_by(&reading)) {
                same.fill_from(&reading);
            } else if !settled.contains(&reading.unit) && !self.knows(&reading) {
                self.readings.push(reading);
            }
        }
        if standing == Standing::General {
            self.general.extend(self.readings[better..].iter().map(|reading| reading.unit));
        }
    }

    fn knows(&self, reading: &Reading) -> bool {
        self.readings.iter().any(|told| told.unit == reading.unit && told.name == reading.name)
    }

    pub(super) fn into_readings(self) -> Vec<Reading> {
        self.readings
    }
}
