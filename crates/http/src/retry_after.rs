//! How long an answer asks to wait: `Retry-After` in both its forms (RFC 9110, 10.2.3), and the same under another name.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use jiff::Timestamp;
use spile_model::units::show_duration;

use crate::limit::dialect::reference::{Reads, Reference, Vendor, words};

/// Longer waits than this are not told apart: nobody waits for ten years.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// MailerLite's and Braze's name for it. Some send it with every answer, so it is read where the status asks to wait.
const OTHER_NAME: HeaderName = HeaderName::from_static("x-ratelimit-retry-after");

pub(crate) const REFERENCE: Reference = Reference {
    name: "retry_after",
    title: "`Retry-After`",
    about: "An API that says nothing of its limits until one is exceeded, and then how long to wait (RFC 9110, 10.2.3).",
    reads: &[Reads::Fields(&[
        (
            "Retry-After",
            "how long to wait: in seconds, also with a fraction, or until a date in any of HTTP's three forms",
        ),
        ("X-RateLimit-Retry-After", "the same, where the status is 429 or 503"),
    ])],
    notes: &[
        "A date is taken by the answer's own `Date`, so that a wrong clock does no harm. Of several waits the longest one is \
         kept.",
        "It is kept with the status 429, 503 and 403, and with any other failure that is tried again.",
        "A body that says how long to wait is for [`responses`](../pipeline.md#responses): `after`.",
    ],
    vendors: &[
        Vendor::new(
            "Slack",
            "https://docs.slack.dev/apis/web-api/rate-limits",
            "HTTP/1.1 429 Too Many Requests\nRetry-After: 30",
        ),
        Vendor::new(
            "Notion",
            "https://developers.notion.com/reference/request-limits",
            "HTTP/1.1 429 Too Many Requests\nRetry-After: 1",
        ),
        Vendor::new(
            "Microsoft Graph",
            "https://learn.microsoft.com/en-us/graph/throttling",
            "HTTP/1.1 429 Too Many Requests\nRetry-After: 10",
        ),
        Vendor::new(
            "MailerLite",
            "https://developers.mailerlite.com/docs",
            "HTTP/1.1 429 Too Many Requests\nX-RateLimit-Retry-After: 41",
        ),
        Vendor::new(
            "RFC 9110",
            "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3",
            "HTTP/1.1 503 Service Unavailable\nDate: Fri, 31 Dec 1999 23:57:59 GMT\n\
             Retry-After: Fri, 31 Dec 1999 23:59:59 GMT",
        ),
    ],
    spent: "Nothing is sent to the API before the wait is over; then one request goes ahead, and the others follow. A 429 \
            without a wait is waited out for a second, and twice as long each further time, up to about a minute. A limit \
            that is known beforehand is better said by [`rate_limit`](../pipeline.md#rate_limit): then it is never \
            exceeded.",
    understands,
};

/// What an answer asks for, in words; it begins with its status.
fn understands(answer: &str) -> Vec<String> {
    let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let asked = asked_wait(status, &words::headers(answer), words::NOW);
    asked.map(|wait| format!("a wait of {}", show_duration(wait))).into_iter().collect()
}

/// The wait that `headers` ask for, the longest where they name several; nothing where they name none that can be
/// read. A date is taken relative to the answer's own `Date`, which does not depend on this machine's clock being
/// right, and to `now` where there is none.
pub(crate) fn asked_wait(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let reference = made_at(headers).unwrap_or(now);
    let named = |name: &HeaderName| {
        headers.get_all(name).iter().filter_map(|value| wait(value.to_str().ok()?.trim(), reference)).max()
    };
    let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    named(&RETRY_AFTER).or_else(|| named(&OTHER_NAME).filter(|_| asks))
}

/// When the answer was made, by its own word.
pub(crate) fn made_at(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DATE).and_then(|value| http_date(value.to_str().ok()?))
}

fn wait(value: &str, reference: Timestamp) -> Option<Duration> {
    if let Some(at) = http_date(value) {
        // A date that has passed asks for no wait.
        return Some(Duration::try_from(at.duration_since(reference)).unwrap_or_default().min(LONGEST));
    }
    // A proxy may have joined several lines into a list.
    value.split(',').filter_map(|part| seconds(part.trim())).max()
}

/// Whole seconds; decimals, which some vendors send, are rounded up.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let more = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    let seconds = whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(more);
    Some(Duration::from_secs(seconds).min(LONGEST))
}

pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text.trim()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(values: &[&str], date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        }
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        asked_wait(StatusCode::TOO_MANY_REQUESTS, &headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_other_name_is_read_where_the_status_asks_to_wait_and_the_right_one_goes_before_it() {
        let mut headers = HeaderMap::from_iter([(OTHER_NAME, HeaderValue::from_static("41"))]);
        let asked = |status: u16, headers: &HeaderMap| {
            asked_wait(StatusCode::from_u16(status).unwrap(), headers, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(asked(429, &headers), Some(Duration::from_secs(41)));
        assert_eq!(asked(503, &headers), Some(Duration::from_secs(41)));
        for status in [200, 403, 500] {
            assert_eq!(asked(status, &headers), None);
        }
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(asked(429, &headers), Some(Duration::from_secs(7)));
    }

    #[test]
    fn seconds_are_read_in_every_way_that_they_are_written() {
        let cases: [(&str, Option<u64>); 12] = [
            ("120", Some(120)),
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("2.0", Some(2)),
            ("2.01", Some(3)),
            ("3, 5", Some(5)),
            ("-1", None),
            ("1e9", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999999", Some(LONGEST.as_secs())),
            ("1000000000", Some(LONGEST.as_secs())),
        ];
        for (value, expected) in cases {
            assert_eq!(asked(&[value], None), expected, "{value:?}");
        }
        assert_eq!(asked(&["3", "9", "garbage"], None), Some(9));
        assert_eq!(asked(&[], None), None);
    }

    #[test]
    fn dates_are_read_in_all_three_forms_relative_to_the_clock() {
        for value in ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"] {
            assert_eq!(asked(&[value], None), Some(60), "{value}");
        }
        assert_eq!(asked(&["Sun, 06 Nov 1994 08:00:00 GMT"], None), Some(0), "a date that has passed");
    }

    #[test]
    fn the_date_of_the_answer_is_believed_before_the_own_clock() {
        let value = "Sun, 06 Nov 1994 20:00:10 GMT";
        assert_eq!(asked(&[value], Some("Sun, 06 Nov 1994 20:00:00 GMT")), Some(10));
        assert_eq!(asked(&[value], Some("nonsense")), Some(11 * 3600 + 10 * 60 + 33));
    }
}
