//! How long answers took, as a histogram: quantiles of any number of answers, within one percent, in a few KiB.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Two digits of each time are kept: enough to compare, little enough to keep for hundreds of streams.
const DIGITS: u8 = 2;

/// Longer than any answer may take; what is above counts as this. With it, the histogram has at most 16 KiB.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Made with the first answer, and no larger than the longest asks for.
#[derive(Default)]
pub(crate) struct Latencies(Option<Histogram<u32>>);

impl Latencies {
    pub(crate) fn record(&mut self, took: Duration) {
        let histogram = self.0.get_or_insert_with(|| Histogram::new(DIGITS).expect("so many digits are allowed"));
        let micros = u64::try_from(took.min(LONGEST).as_micros()).unwrap_or(u64::MAX);
        // It grows with what it is given, and fails at times that are longer than any.
        let _ = histogram.record(micros);
    }

    /// The time that this part of the answers did not exceed; nothing where there is none.
    pub(crate) fn quantile(&self, part: f64) -> Option<Duration> {
        let histogram = self.0.as_ref()?;
        Some(Duration::from_micros(histogram.value_at_quantile(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_a_percent_from_microseconds_to_minutes() {
        for unit in [1, 1_000, 100_000] {
            let mut latencies = Latencies::default();
            for step in 1..=1000 {
                latencies.record(Duration::from_micros(step * unit));
            }
            for (part, step) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
                let (found, exact) = (latencies.quantile(part).unwrap().as_secs_f64() * 1e6, step * unit as f64);
                assert!((found / exact - 1.0).abs() <= 0.011, "{part}: {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_came_and_an_endless_answer_does_no_harm() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        latencies.record(Duration::MAX);
        latencies.record(Duration::ZERO);
        assert!(latencies.quantile(0.99).unwrap() >= LONGEST.mul_f64(0.98));
        assert_eq!(latencies.quantile(0.01), Some(Duration::ZERO));
        assert!(latencies.0.unwrap().len() == 2);
    }
}
