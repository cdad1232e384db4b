//! A limit for each of several windows, with the window in the header's name.
//!
//! Kong, <https://developer.konghq.com/plugins/rate-limiting>, and who does as it does. Kong also tells, in the draft's
//! headers, of the one that is nearest to its end.

use std::time::Duration;

use super::answer::Answer;
use super::gathered::Standing;
use super::reference::{Reads, Reference, Vendor, words};
use super::row::{self, NOTHING, Row, Window};
use super::{Dialect, Reading};

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::Particular };

const REFERENCE: Reference = Reference {
    name: "windows",
    title: "a header for each window",
    about: "A limit for each of several windows, with the window in the header's name: Kong's plugin, and who does as it \
            does.",
    reads: &[Reads::Rows(ROWS)],
    notes: &[
        "Kong also tells of the window that is nearest to its end in [the draft's headers](draft.md). That is the same \
         limit, and gives it its reset.",
    ],
    vendors: &[Vendor::new(
        "Kong",
        "https://developer.konghq.com/plugins/rate-limiting",
        "X-RateLimit-Limit-Minute: 10\nX-RateLimit-Remaining-Minute: 0\nX-RateLimit-Limit-Hour: 500\n\
         X-RateLimit-Remaining-Hour: 321\nRateLimit-Limit: 10\nRateLimit-Remaining: 0\nRateLimit-Reset: 43",
    )],
    spent: "Requests wait for the reset of the window that is spent. Of a window without one, one request at a time goes \
            to ask.",
    understands: words::of_headers,
};

const ROWS: &[Row] = &[
    Row {
        name: "second",
        limit: Some("x-ratelimit-limit-second"),
        remaining: Some("x-ratelimit-remaining-second"),
        window: Window::Of(Duration::from_secs(1)),
        ..NOTHING
    },
    Row {
        name: "minute",
        limit: Some("x-ratelimit-limit-minute"),
        remaining: Some("x-ratelimit-remaining-minute"),
        window: Window::Of(Duration::from_secs(60)),
        ..NOTHING
    },
    Row {
        name: "hour",
        limit: Some("x-ratelimit-limit-hour"),
        remaining: Some("x-ratelimit-remaining-hour"),
        window: Window::Of(Duration::from_secs(3_600)),
        ..NOTHING
    },
    Row {
        name: "day",
        limit: Some("x-ratelimit-limit-day"),
        remaining: Some("x-ratelimit-remaining-day"),
        window: Window::Of(Duration::from_secs(86_400)),
        ..NOTHING
    },
    // Months and years are not all of the same length.
    Row {
        name: "month",
        limit: Some("x-ratelimit-limit-month"),
        remaining: Some("x-ratelimit-remaining-month"),
        ..NOTHING
    },
    Row {
        name: "year",
        limit: Some("x-ratelimit-limit-year"),
        remaining: Some("x-ratelimit-remaining-year"),
        ..NOTHING
    },
];

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    row::read(ROWS, answer)
}
