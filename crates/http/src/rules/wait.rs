//! How long an answer asks to wait, where the pipeline file says that it does: a header's or a body's value, in seconds,
//! since 1970, or as a date.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use spile_plan::{RetryRule, WaitPlace, WaitPlan};

use super::body::Looked;
use crate::retry_after::{LONGEST, http_date, made_at};

/// From here on a number of seconds is a time since 1970: the ninth of September 2001, or a wait of 31 years.
const EPOCH_SECONDS: f64 = 1e9;
/// From here on it is milliseconds.
const EPOCH_MILLISECONDS: f64 = 1e12;

/// How long the answer asks to wait by the rule, or the rule itself; nothing where the backoff decides.
pub(crate) fn asked_by(rule: &RetryRule, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> Option<Duration> {
    rule.after.as_ref().and_then(|after| told(after, headers, body, now)).or(rule.wait)
}

fn told(plan: &WaitPlan, headers: &HeaderMap, body: &Bytes, now: Timestamp) -> Option<Duration> {
    let text = match &plan.place {
        WaitPlace::Header(name) => headers.get(name.as_str())?.to_str().ok()?.to_owned(),
        WaitPlace::Body(path) => Looked::at(body).scalar(path)?,
    };
    let text = match &plan.pattern {
        Some(pattern) => pattern.first(&text)?,
        None => &text,
    };
    let wait = decode(text.trim(), plan.milliseconds, made_at(headers).unwrap_or(now))?;
    Some(wait.max(plan.at_least))
}

/// What has passed asks for no wait.
fn decode(text: &str, milliseconds: bool, reference: Timestamp) -> Option<Duration> {
    let until = |at: Timestamp| Duration::try_from(at.duration_since(reference)).unwrap_or_default().min(LONGEST);
    let Ok(number) = text.parse::<f64>() else { return date(text).map(until) };
    if !number.is_finite() {
        return None;
    }
    if number >= EPOCH_SECONDS && !milliseconds || number >= EPOCH_MILLISECONDS {
        let seconds = if number >= EPOCH_MILLISECONDS { number / 1000.0 } else { number };
        let since_1970 = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
        return Some(Timestamp::from_duration(since_1970).map_or(LONGEST, until));
    }
    let seconds = if milliseconds { number / 1000.0 } else { number };
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST).min(LONGEST))
}

/// A date of HTTP or of ISO 8601; one without an offset is in UTC.
fn date(text: &str) -> Option<Timestamp> {
    http_date(text).or_else(|| text.parse().ok()).or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_every_way_that_they_are_written() {
        let now: Timestamp = "2025-03-01T12:00:00Z".parse().unwrap();
        let seconds = |text: &str| decode(text, false, now).map(|wait| wait.as_secs_f64());
        for (text, expected) in [
            ("30", Some(30.0)),
            ("2.5", Some(2.5)),
            ("-3", Some(0.0)),
            ("1740830430", Some(30.0)),
            ("1740830430500", Some(30.5)),
            ("1740830000", Some(0.0)),
            ("Sat, 01 Mar 2025 12:00:30 GMT", Some(30.0)),
            ("2025-03-01T12:00:30Z", Some(30.0)),
            ("2025-03-01T13:00:30+01:00", Some(30.0)),
            ("2025-03-01 12:00:30", Some(30.0)),
            ("1e300", None),
            ("inf", None),
            ("nan", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert_eq!(decode("1500", true, now), Some(Duration::from_millis(1500)));
        assert_eq!(decode("2000000000", true, now), Some(Duration::from_secs(2_000_000)));
    }
}
