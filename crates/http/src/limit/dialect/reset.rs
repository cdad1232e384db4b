//! When a limit is whole again. Vendors write it as a time that it takes, or as a time at which it is, in seconds or
//! milliseconds, or as a date in one of five forms; and hardly any of them says which.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::answer::Answer;
use super::number;

/// Monthly quotas are told up to a month ahead, and clocks differ by some seconds. What is farther ahead was misread.
const FARTHEST: SignedDuration = SignedDuration::from_hours(32 * 24);
/// Where milliseconds may be meant as well, a number is one of seconds as long as that makes no more than a day.
const MOST_SECONDS: f64 = 86_400.0 + 60.0;
/// What is over for longer was misread too; what is over for less is over.
const LONGEST_OVER: SignedDuration = SignedDuration::from_secs(-60);

/// From here on a number of seconds is a time since 1970: the ninth of September 2001, or a wait of 31 years.
const EPOCH_SECONDS: f64 = 1e9;
/// From here on it is milliseconds.
const EPOCH_MILLISECONDS: f64 = 1e12;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reset {
    pub(super) after: Duration,
    pub(super) precision: Duration,
}

/// A reset in whatever form it is told.
pub(super) fn decode(text: &str, answer: &Answer<'_>) -> Option<Reset> {
    let first = number::first(text);
    if let Some(value) = number::plain(first) {
        return number_of(value, first, answer);
    }
    if text.contains(['-', ':']) {
        let (at, precision) = date(text)?;
        return at_time(at, precision, answer);
    }
    span(text)
}

/// The same where nothing but its size tells whether a number is one of seconds or of milliseconds.
pub(super) fn decode_doubtful(text: &str, answer: &Answer<'_>) -> Option<Reset> {
    match number::plain(number::first(text)) {
        Some(value) if value > MOST_SECONDS && value < EPOCH_SECONDS => in_milliseconds(text),
        _ => decode(text, answer),
    }
}

/// Seconds until the reset.
pub(super) fn in_seconds(text: &str) -> Option<Reset> {
    let text = number::first(text);
    let after = Duration::try_from_secs_f64(number::plain(text)?).ok()?;
    let precision = if text.contains('.') { Duration::ZERO } else { SECOND };
    within(SignedDuration::try_from(after).ok()?, precision)
}

/// Milliseconds until the reset.
pub(super) fn in_milliseconds(text: &str) -> Option<Reset> {
    let after = Duration::try_from_secs_f64(number::plain(number::first(text))? / 1000.0).ok()?;
    within(SignedDuration::try_from(after).ok()?, Duration::ZERO)
}

/// One of the three forms of a date in HTTP.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text.trim()).ok()?).ok()
}

/// A time of the clock, in whole seconds.
pub(super) fn at(at: Timestamp, now: Timestamp) -> Option<Reset> {
    within(at.duration_since(now), SECOND)
}

fn number_of(value: f64, text: &str, answer: &Answer<'_>) -> Option<Reset> {
    if value >= EPOCH_MILLISECONDS {
        let at = Timestamp::from_millisecond(text.parse().ok()?).ok()?;
        return at_time(at, Duration::ZERO, answer);
    }
    if value < EPOCH_SECONDS {
        return in_seconds(text);
    }
    if let Ok(whole) = text.parse() {
        return at_time(Timestamp::from_second(whole).ok()?, SECOND, answer);
    }
    let since = SignedDuration::try_from(Duration::try_from_secs_f64(value).ok()?).ok()?;
    at_time(Timestamp::from_duration(since).ok()?, Duration::ZERO, answer)
}

/// `6m0s`, as Go writes it.
fn span(text: &str) -> Option<Reset> {
    let after = number::span(text)?;
    let precision = if after.subsec_nanos() == 0 { SECOND } else { Duration::ZERO };
    within(SignedDuration::try_from(after).ok()?, precision)
}

/// A date, and what it is rounded to. A form without an offset is in UTC.
fn date(text: &str) -> Option<(Timestamp, Duration)> {
    if let Some(at) = http_date(text).or_else(|| rfc2822::parse(text).ok().map(|at| at.timestamp())) {
        return Some((at, SECOND));
    }
    if let Some(at) = iso(text) {
        return Some((at, iso_precision(text)));
    }
    javascript(text).map(|at| (at, SECOND))
}

fn iso(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    })
}

/// Jira writes no seconds: `2026-01-01T12:30Z`.
fn iso_precision(text: &str) -> Duration {
    let time = text.split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    match time.as_bytes().get(5) {
        Some(b':') if time.contains('.') => Duration::ZERO,
        Some(b':') => SECOND,
        _ => MINUTE,
    }
}

/// What a `Date` of JavaScript is as a text: `Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)`.
fn javascript(text: &str) -> Option<Timestamp> {
    let date = text.split(" (").next().unwrap_or_default();
    strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", date).ok()?.to_timestamp().ok()
}

fn at_time(at: Timestamp, precision: Duration, answer: &Answer<'_>) -> Option<Reset> {
    // The milliseconds of a time are lost, where it is compared with a `Date`.
    let precision = if answer.dated { precision.max(SECOND) } else { precision };
    within(at.duration_since(answer.made_at), precision)
}

fn within(after: SignedDuration, precision: Duration) -> Option<Reset> {
    let after = (LONGEST_OVER..=FARTHEST).contains(&after).then(|| Duration::try_from(after).unwrap_or_default());
    after.map(|after| Reset { after, precision })
}
