//! Numbers and lengths of time as headers write them. What is negative, endless or absurd is not a number here.

use std::time::Duration;

use jiff::SignedDuration;

/// No API counts further; who says so means "without limit".
const MOST: f64 = 1e12;
/// No limit is for longer than a year.
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 86_400);

/// Digits, perhaps with a fraction: no sign, no exponent, no `NaN`.
pub(super) fn plain(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// How many of something. Of a list, which proxies make of several lines, the first.
pub(super) fn count(text: &str) -> Option<f64> {
    plain(first(text)).filter(|value| *value <= MOST)
}

/// The first item of a list, without its parameters.
pub(super) fn first(text: &str) -> &str {
    text.split([',', ';']).next().unwrap_or_default().trim()
}

/// A window in seconds.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    window(plain(first(text))?)
}

/// A window in milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<Duration> {
    window(plain(first(text))? / 1000.0)
}

/// A window as `15m` or `1d`.
pub(super) fn period(text: &str) -> Option<Duration> {
    if let Some(days) = text.strip_suffix('d') {
        return window(plain(days)? * 86_400.0);
    }
    window(span(text)?.as_secs_f64())
}

/// A length of time with its units: `6m0s`, `1.5s`, `20ms`.
pub(super) fn span(text: &str) -> Option<Duration> {
    let span: SignedDuration = text.parse().ok()?;
    Duration::try_from(span).ok()
}

pub(super) fn window(seconds: f64) -> Option<Duration> {
    let window = Duration::try_from_secs_f64(seconds).ok()?;
    (!window.is_zero() && window <= LONGEST_WINDOW).then_some(window)
}
