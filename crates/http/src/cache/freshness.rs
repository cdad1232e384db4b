//! How long an answer is fresh, and how old it is (RFC 9111, 4.2).

use http::header::{AGE, DATE, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use spile_plan::Reuse;

use super::directives::{Directives, seconds};

/// Where an API says nothing of freshness, what has not changed for ten days is taken to be fresh for one (RFC 9111,
/// 4.2.2).
const HEURISTIC_PART: u64 = 10;

/// Statuses whose answers may be taken to be fresh though they do not say so (RFC 9110, 15.1). A 206 is not stored.
const HEURISTICALLY_FRESH: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/// When an answer was asked for, and when it had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) asked_at: Timestamp,
    pub(crate) received_at: Timestamp,
}

/// For how many seconds the answer is fresh, counted from when it was made; 0 where that is not known.
pub(super) fn lifetime(status: StatusCode, headers: &HeaderMap, times: Times, reuse: Reuse) -> u64 {
    let directives = Directives::of(headers);
    if let Some(max_age) = directives.max_age {
        return max_age;
    }
    let date = date(headers).unwrap_or(times.received_at);
    if headers.contains_key(EXPIRES) {
        let mut lines = headers.get_all(EXPIRES).iter();
        return match (lines.next().and_then(|line| http_date(line.to_str().ok()?)), lines.next()) {
            (Some(expires), None) => seconds_between(date, expires),
            _ => 0,
        };
    }
    let may_guess = directives.public || HEURISTICALLY_FRESH.contains(&status.as_u16());
    match headers.get(LAST_MODIFIED).and_then(|line| http_date(line.to_str().ok()?)) {
        Some(modified) if reuse == Reuse::Heuristic && may_guess => seconds_between(modified, date) / HEURISTIC_PART,
        _ => 0,
    }
}

/// Whether the answer says itself for how long it is fresh.
pub(super) fn is_told(headers: &HeaderMap) -> bool {
    Directives::of(headers).max_age.is_some() || headers.contains_key(EXPIRES)
}

/// How many seconds old the answer is (RFC 9111, 4.2.3).
pub(super) fn age(headers: &HeaderMap, times: Times, now: Timestamp) -> u64 {
    let apparent = date(headers).map_or(0, |date| seconds_between(date, times.received_at));
    let told = told_age(headers).saturating_add(seconds_between(times.asked_at, times.received_at));
    apparent.max(told).saturating_add(seconds_between(times.received_at, now))
}

/// `Age`: the first member of its first line; one that is not a whole number says nothing.
fn told_age(headers: &HeaderMap) -> u64 {
    let first = headers.get(AGE).and_then(|line| line.to_str().ok()?.split(',').next());
    first.and_then(|text| seconds(text.trim())).unwrap_or(0)
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// A date in one of the three forms of HTTP (RFC 9110, 5.6.7), its letters in any case.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let mut usual = String::with_capacity(text.len());
    for word in text.split_inclusive(|character: char| !character.is_ascii_alphabetic()) {
        let letters = word.trim_end_matches(|character: char| !character.is_ascii_alphabetic());
        if letters.eq_ignore_ascii_case("gmt") {
            usual.push_str(&word.to_ascii_uppercase());
        } else {
            let mut characters = word.chars();
            usual.extend(characters.next().map(|first| first.to_ascii_uppercase()));
            usual.push_str(&characters.as_str().to_ascii_lowercase());
        }
    }
    let parsed = httpdate::parse_http_date(&usual).ok()?;
    // Beyond what a timestamp holds: the last evening of the year 9999.
    Some(Timestamp::try_from(parsed).unwrap_or(Timestamp::MAX))
}

/// From `earlier` to `later`; 0 where they are the other way round.
pub(super) fn seconds_between(earlier: Timestamp, later: Timestamp) -> u64 {
    u64::try_from(later.duration_since(earlier).as_secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: &str = "2025-03-01T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn times() -> Times {
        Times { asked_at: now(), received_at: now() }
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn fresh_for(lines: &[(&str, &str)]) -> u64 {
        lifetime(StatusCode::OK, &headers(lines), times(), Reuse::Fresh)
    }

    #[test]
    fn max_age_goes_before_expires_and_expires_counts_from_the_answers_date() {
        let expires = ("expires", "Sat, 01 Mar 2025 13:00:00 GMT");
        assert_eq!(fresh_for(&[("cache-control", "max-age=60"), expires]), 60);
        assert_eq!(fresh_for(&[expires]), 3600);
        assert_eq!(fresh_for(&[expires, ("date", "Sat, 01 Mar 2025 12:59:00 GMT")]), 60);
        assert_eq!(fresh_for(&[expires, ("date", "Sat, 01 Mar 2025 14:00:00 GMT")]), 0);
        assert_eq!(fresh_for(&[expires, expires]), 0, "two of them cannot be believed");
        assert_eq!(fresh_for(&[("expires", "0")]), 0);
    }

    #[test]
    fn dates_are_read_in_any_case_and_nothing_else_is_a_date() {
        for good in [
            "Sat, 01 Mar 2025 13:00:00 GMT",
            "SAT, 01 mar 2025 13:00:00 gmt",
            "Saturday, 01-Mar-25 13:00:00 GMT",
            "Sat Mar  1 13:00:00 2025",
        ] {
            assert_eq!(http_date(good), Some("2025-03-01T13:00:00Z".parse().unwrap()), "{good}");
        }
        for bad in [
            "Sat, 01 Mar 2025 13:00:00 UTC",
            "Sat, 01 Mar 2025 13:00:00 AEST",
            "Sat, 01 Mar 25 13:00:00 GMT",
            "Sat 01 Mar 2025 13:00:00 GMT",
            "Sat,  01  Mar  2025  13:00:00  GMT",
            "Sat, 01-Mar-2025 13:00:00 GMT",
            "Sat, 01 Mar 2025 13.00.00 GMT",
            "Sat, 01 Mar 2025 3:00:00 GMT",
            "0",
            "",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
        assert_eq!(http_date("Fri, 31 Dec 9999 23:59:59 GMT"), Some(Timestamp::MAX));
    }

    #[test]
    fn what_says_nothing_is_fresh_by_its_last_change_only_where_that_is_wanted() {
        let old = headers(&[("last-modified", "Wed, 19 Feb 2025 12:00:00 GMT")]);
        let guessed = |status: u16| lifetime(StatusCode::from_u16(status).unwrap(), &old, times(), Reuse::Heuristic);
        assert_eq!(guessed(200), 86_400);
        assert_eq!(guessed(503), 0);
        assert_eq!(lifetime(StatusCode::OK, &old, times(), Reuse::Fresh), 0);
    }

    #[test]
    fn an_answer_is_as_old_as_the_caches_before_say_or_as_its_date_shows() {
        let after = |lines: &[(&str, &str)], seconds: i64| {
            age(&headers(lines), times(), now() + jiff::SignedDuration::from_secs(seconds))
        };
        assert_eq!(after(&[], 7), 7);
        assert_eq!(after(&[("age", "100")], 7), 107);
        assert_eq!(after(&[("date", "Sat, 01 Mar 2025 11:59:00 GMT")], 7), 67);
        assert_eq!(after(&[("date", "Sat, 01 Mar 2025 11:59:00 GMT"), ("age", "100")], 0), 100);
        assert_eq!(after(&[("age", "2147483649")], 0), 2_147_483_649);
        for (value, expected) in [("abc", 0), ("-7200", 0), ("7200.0", 0), ("0, 7200", 0), ("7200, 0", 7200)] {
            assert_eq!(after(&[("age", value)], 0), expected, "{value}");
        }
        assert_eq!(after(&[("age", "7200"), ("age", "0")], 0), 7200);
        let slow = Times { asked_at: now() - jiff::SignedDuration::from_secs(30), received_at: now() };
        assert_eq!(age(&headers(&[("age", "1")]), slow, now()), 31);
    }
}
