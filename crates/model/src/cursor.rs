//! The ordered value that says how far a stream has got.

use std::cmp::Ordering;
use std::fmt;

use jiff::{SignedDuration, civil};
use serde::{Deserialize, Serialize};

/// A value of a stream's cursor field.
///
/// Values of one kind are ordered; values of different kinds are not, and [`CursorValue::partial_cmp`] says so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorValue {
    /// A whole number: an id, a version, an epoch.
    Int(i64),
    /// An instant, in microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A date and time of no stated zone, in microseconds since 1970-01-01T00:00:00 of that zone.
    LocalTimestamp(i64),
    /// A calendar date, in days since 1970-01-01.
    Date(i32),
    /// Any other text; ordered by its bytes, as APIs with opaque or zero-padded values order theirs.
    Text(String),
}

impl PartialOrd for CursorValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b))
            | (Self::Timestamp(a), Self::Timestamp(b))
            | (Self::LocalTimestamp(a), Self::LocalTimestamp(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            _ => None,
        }
    }
}

impl fmt::Display for CursorValue {
    /// The form that goes into a request: a plain number, RFC 3339 in UTC, or the text itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Timestamp(micros) => f.write_str(&show_timestamp(*micros)),
            Self::LocalTimestamp(micros) => f.write_str(&show_local_timestamp(*micros)),
            Self::Date(days) => f.write_str(&show_date(*days)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl CursorValue {
    /// The value moved back by `micros` microseconds; whole numbers and text stay as they are.
    #[must_use]
    pub fn earlier_by_micros(&self, micros: i64) -> Self {
        const DAY: i64 = 86_400_000_000;
        match self {
            Self::Timestamp(at) => Self::Timestamp(at.saturating_sub(micros)),
            Self::LocalTimestamp(at) => Self::LocalTimestamp(at.saturating_sub(micros)),
            Self::Date(days) => {
                let back = i32::try_from(micros.div_euclid(DAY) + i64::from(micros.rem_euclid(DAY) > 0));
                Self::Date(days.saturating_sub(back.unwrap_or(i32::MAX)))
            }
            other => other.clone(),
        }
    }

    /// The value moved back by a whole number; only for [`CursorValue::Int`].
    #[must_use]
    pub fn earlier_by(&self, count: i64) -> Self {
        match self {
            Self::Int(value) => Self::Int(value.saturating_sub(count)),
            other => other.clone(),
        }
    }
}

/// An instant in RFC 3339, UTC, with as many fractional digits as it has.
pub fn show_timestamp(micros: i64) -> String {
    format!("{}Z", show_local_timestamp(micros))
}

/// A local date and time in ISO 8601, with as many fractional digits as it has. Years 1 to 9999, to the last
/// microsecond, which many APIs use for "never".
pub fn show_local_timestamp(micros: i64) -> String {
    let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
    epoch
        .checked_add(SignedDuration::from_micros(micros))
        .map_or_else(|_| format!("{micros}us"), |moment| moment.to_string())
}

/// A calendar date in ISO 8601.
pub fn show_date(days: i32) -> String {
    let epoch = civil::date(1970, 1, 1);
    epoch
        .checked_add(jiff::Span::new().days(i64::from(days)))
        .map_or_else(|_| format!("{days}d"), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_kind_are_ordered_and_of_two_kinds_are_not() {
        assert!(CursorValue::Int(1) < CursorValue::Int(2));
        assert!(CursorValue::Text("b".into()) > CursorValue::Text("a".into()));
        assert_eq!(CursorValue::Int(1).partial_cmp(&CursorValue::Text("1".into())), None);
    }

    #[test]
    fn a_timestamp_is_shown_as_rfc_3339_and_moves_back_by_its_lookback() {
        let at = CursorValue::Timestamp(1_735_689_600_000_000);
        assert_eq!(at.to_string(), "2025-01-01T00:00:00Z");
        assert_eq!(at.earlier_by_micros(1_500_000).to_string(), "2024-12-31T23:59:58.5Z");
        assert_eq!(CursorValue::Timestamp(253_402_300_799_999_999).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(CursorValue::Timestamp(-62_135_596_800_000_000).to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(CursorValue::Date(20_089).to_string(), "2025-01-01");
        assert_eq!(CursorValue::Date(20_089).earlier_by_micros(3_600_000_000).to_string(), "2024-12-31");
        assert_eq!(CursorValue::LocalTimestamp(1_735_689_600_000_000).to_string(), "2025-01-01T00:00:00");
    }
}
