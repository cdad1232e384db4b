//! ISO 8601 dates and times in text, as far as a column can hold them exactly: microseconds, years 1 to 9999.

/// What a text says as a date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Microseconds since 1970-01-01T00:00:00 of no stated zone.
    Local(i64),
    /// Days since 1970-01-01.
    Date(i32),
}

const MICROS: i64 = 1_000_000;

impl Moment {
    /// Reads `2025-01-31`, `2025-01-31T12:00:00[.123456]` and the same with `Z` or an offset (RFC 3339, a space for
    /// the `T` as well). Anything else, or finer than a microsecond, is not a moment but text.
    #[inline]
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
            return None;
        }
        let days = days(digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..10])?)?;
        let Some((separator, time)) = text[10..].split_first() else {
            return i32::try_from(days).ok().map(Self::Date);
        };
        if !matches!(separator, b'T' | b' ') || time.len() < 8 || time[2] != b':' || time[5] != b':' {
            return None;
        }
        let (hour, minute, second) = (digits(&time[..2])?, digits(&time[3..5])?, digits(&time[6..8])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None; // a leap second has no place on the column's scale
        }
        let (micros, zone) = fraction(&time[8..])?;
        let local = (days * 86_400 + hour * 3600 + minute * 60 + second) * MICROS + micros;
        match zone {
            b"" => Some(Self::Local(local)),
            b"Z" => Some(Self::Timestamp(local)),
            _ => Some(Self::Timestamp(local - offset(zone)? * 60 * MICROS)),
        }
    }
}

/// A fraction of a second in microseconds, and what stands behind it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (figures, zone) = rest.split_at(count);
    if figures.is_empty() || figures.iter().skip(6).any(|&figure| figure != b'0') {
        return None;
    }
    let micros =
        (0..6).fold(0, |micros, at| micros * 10 + figures.get(at).map_or(0, |&figure| i64::from(figure - b'0')));
    Some((micros, zone))
}

/// `+02:00`, `-0530` or `+02`, in minutes.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = zone.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [_, _] => (digits(rest)?, 0),
        [_, _, b':', _, _] => (digits(&rest[..2])?, digits(&rest[3..])?),
        [_, _, _, _] => (digits(&rest[..2])?, digits(&rest[2..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[inline]
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + i64::from(digit))
    })
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = *LENGTHS.get(usize::try_from(month - 1).ok()?)? + i64::from(leap && month == 2);
    if year == 0 || day == 0 || day > length {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Option<Moment> {
        Moment::parse(text.as_bytes())
    }

    #[test]
    fn moments_are_read_as_the_calendar_library_reads_them() {
        for text in [
            "2025-01-31T12:34:56Z",
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T00:00:00.5+05:30",
            "0001-01-01T00:00:00Z",
        ] {
            let expected = text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
            assert_eq!(parse(text), Some(Moment::Timestamp(expected)), "{text}");
        }
        assert_eq!(parse("2025-01-31 12:34:56"), Some(Moment::Local(1_738_326_896_000_000)));
        assert_eq!(parse("2025-01-31"), Some(Moment::Date(20_119)));
        assert_eq!(parse("2025-01-31T12:00:00+0200"), parse("2025-01-31T10:00:00Z"));
        assert_eq!(parse("2025-01-31T10:00:00.1230000Z"), parse("2025-01-31T10:00:00.123Z"));
    }

    #[test]
    fn what_a_column_cannot_hold_exactly_is_not_a_moment() {
        for text in [
            "2025-02-29",
            "2025-13-01",
            "2025-01-00",
            "0000-01-01",
            "2025-01-31T24:00:00Z",
            "2025-01-31T10:00:60Z",
            "2025-01-31T10:00:00.1234567Z",
            "2025-01-31T10:00Z",
            "2025-01-31T10:00:00.Z",
            "2025-01-31T10:00:00z",
            "2025-01-31x",
            "20250131",
            "2025-1-31",
            "2025-01-31T10:00:00+25:00",
            "",
            "2025-01-31T",
            "２０25-01-31",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_day_agrees_with_the_calendar_library(days in -719_162_i32..2_932_896) {
            let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            proptest::prop_assert_eq!(parse(&date.to_string()), Some(Moment::Date(days)));
        }
    }
}
