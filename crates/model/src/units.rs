//! Durations and sizes as the pipeline file writes them: always with a unit.

use std::fmt;
use std::time::Duration;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// So many mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// The size as a `usize`; on a machine whose addresses are smaller, the largest that it has.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (unit, factor) in UNITS {
            if self.0 >= factor {
                #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
                let count = self.0 as f64 / factor as f64;
                return if self.0.is_multiple_of(factor) {
                    write!(f, "{} {unit}", self.0 / factor)
                } else {
                    write!(f, "{count:.1} {unit}")
                };
            }
        }
        write!(f, "{} B", self.0)
    }
}

/// Reads a size such as `8MiB`, `64 KiB`, `10MB` or `512B`. Binary units are powers of 1024, decimal ones of 1000.
///
/// # Errors
/// A sentence that says what is wrong and how a size is written; a bare number is an error.
pub fn parse_size(text: &str) -> Result<ByteSize, String> {
    let (number, unit) = split_number(text);
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "" => return Err(format!("a size needs a unit: write {text}B, {text}KiB or {text}MiB")),
        other => return Err(format!("`{other}` is not a unit of size; use B, KiB, MiB, GiB (or kB, MB, GB)")),
    };
    let count: u64 = number.parse().map_err(|_| format!("`{text}` is not a size; write for example 8MiB"))?;
    count.checked_mul(factor).map(ByteSize).ok_or_else(|| format!("`{text}` is larger than a size can be"))
}

/// What is longer is a slip, and what waits for it never comes back.
const LONGEST: Duration = Duration::from_hours(24 * 3653);

/// Reads a duration such as `30s`, `15m`, `250ms` or `1h30m`, up to ten years. Units: ms, s, m, h, d (24 hours).
///
/// # Errors
/// A sentence that says what is wrong and how a duration is written; a bare number is an error.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("an empty duration; write for example 30s".to_owned());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let unit_len = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_len);
        let count: u64 = number.parse().map_err(|_| format!("`{text}` is not a duration; write for example 30s"))?;
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err(format!("a duration needs a unit: write {count}s, {count}m or {count}h")),
            other => return Err(format!("`{other}` is not a unit of time; use ms, s, m, h or d")),
        };
        total = count
            .checked_mul(millis)
            .and_then(|ms| total.checked_add(Duration::from_millis(ms)))
            .ok_or_else(|| format!("`{text}` is longer than a duration can be"))?;
        rest = after.trim_start();
    }
    if total > LONGEST {
        return Err(format!("`{text}` is longer than a duration can be (ten years)"));
    }
    Ok(total)
}

/// A duration for people: `250 ms`, `3.2 s`, `2 m 05 s`, `1 h 30 m`.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else if seconds < 3600 {
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60)
    }
}

fn split_number(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!(parse_duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(parse_duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(parse_duration("1h 5m").unwrap(), Duration::from_secs(3900));
    }

    #[test]
    fn a_bare_number_is_an_error_that_names_the_remedy() {
        assert_eq!(parse_duration("30").unwrap_err(), "a duration needs a unit: write 30s, 30m or 30h");
        assert_eq!(parse_size("8").unwrap_err(), "a size needs a unit: write 8B, 8KiB or 8MiB");
        assert!(parse_duration("").is_err());
        assert!(parse_duration("5 parsecs").unwrap_err().contains("parsecs"));
        assert!(parse_duration("99999999999999999999d").is_err());
        assert!(parse_duration("18446744073709551615d").is_err());
    }

    #[test]
    fn sizes_are_read_and_shown() {
        assert_eq!(parse_size("8MiB").unwrap(), ByteSize::mib(8));
        assert_eq!(parse_size("10 MB").unwrap(), ByteSize(10_000_000));
        assert_eq!(ByteSize::mib(8).to_string(), "8 MiB");
        assert_eq!(ByteSize(1536).to_string(), "1.5 KiB");
        assert_eq!(ByteSize(12).to_string(), "12 B");
        assert!(parse_size("99999999TiB").is_err());
    }
}
