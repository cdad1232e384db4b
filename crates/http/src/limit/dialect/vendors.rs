//! Vendors whose headers differ in their names only: one row for each limit.
//!
//! Left out on purpose: HubSpot's `-Secondly`, which is a tenth of its limit for ten seconds; Pipedrive's
//! `X-Daily-Requests-Left`, which counts only what writes; and all that counts tokens, points or complexity.

use std::time::Duration;

use super::answer::Answer;
use super::gathered::Standing;
use super::reference::{Reference, Vendor, words};
use super::row::{self, NOTHING, Row, Window};
use super::{Dialect, Reading};

const MINUTE: Window = Window::Of(Duration::from_secs(60));
const DAY: Window = Window::Of(Duration::from_secs(86_400));

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::Particular };

const REFERENCE: Reference = Reference {
    name: "vendors",
    title: "headers with names of their own",
    about: "Vendors whose headers differ in their names only, some of them with several limits at once.",
    reads: &[],
    notes: &[
        "The headers of each vendor are below, with the names of its limits.",
        "What counts tokens, points or complexity is left alone: what a request takes of it is not known before.",
    ],
    vendors: &[HUBSPOT, HIGHLEVEL, XERO, LINEAR, OPENAI, BREVO, AMAZON],
    spent: "Requests wait for the reset of the limit that is spent, or, where none is told, until a request that goes ahead \
            hears that there is more. Where a rate is told (Amazon), they leave as fast as it allows.",
    understands: words::of_headers,
};

/// The days are those of the account's time zone; with OAuth there is no daily limit.
const HUBSPOT: Vendor = Vendor::new(
    "HubSpot",
    "https://developers.hubspot.com/changelog/rate-limit-headers-will-now-appear-for-oauth-authenticated-calls",
    "X-HubSpot-RateLimit-Max: 100\nX-HubSpot-RateLimit-Remaining: 99\n\
     X-HubSpot-RateLimit-Interval-Milliseconds: 10000\nX-HubSpot-RateLimit-Daily: 250000\n\
     X-HubSpot-RateLimit-Daily-Remaining: 249991",
)
.with(&[
    Row {
        name: "ten-secondly",
        limit: Some("x-hubspot-ratelimit-max"),
        remaining: Some("x-hubspot-ratelimit-remaining"),
        window: Window::Milliseconds("x-hubspot-ratelimit-interval-milliseconds"),
        ..NOTHING
    },
    Row {
        name: "daily",
        limit: Some("x-hubspot-ratelimit-daily"),
        remaining: Some("x-hubspot-ratelimit-daily-remaining"),
        window: DAY,
        ..NOTHING
    },
]);

/// Its other limit is told in the generic way.
const HIGHLEVEL: Vendor = Vendor::new(
    "HighLevel",
    "https://help.gohighlevel.com/support/solutions/articles/48001060529-highlevel-api",
    "X-RateLimit-Limit-Daily: 200000\nX-RateLimit-Daily-Remaining: 199999\n\
     X-RateLimit-Interval-Milliseconds: 10000\nX-RateLimit-Max: 100\nX-RateLimit-Remaining: 98",
)
.with(&[Row {
    name: "daily",
    limit: Some("x-ratelimit-limit-daily"),
    remaining: Some("x-ratelimit-daily-remaining"),
    window: DAY,
    ..NOTHING
}]);

const XERO: Vendor = Vendor::new(
    "Xero",
    "https://developer.xero.com/faq/limits",
    "X-DayLimit-Remaining: 4999\nX-MinLimit-Remaining: 59\nX-AppMinLimit-Remaining: 9999",
)
.with(&[
    Row { name: "day", remaining: Some("x-daylimit-remaining"), window: DAY, ..NOTHING },
    Row { name: "minute", remaining: Some("x-minlimit-remaining"), window: MINUTE, ..NOTHING },
    Row { name: "app-minute", remaining: Some("x-appminlimit-remaining"), window: MINUTE, ..NOTHING },
]);

/// The second is told where a request exceeded it.
const LINEAR: Vendor = Vendor::new(
    "Linear",
    "https://linear.app/developers/rate-limiting",
    "X-RateLimit-Requests-Limit: 2500\nX-RateLimit-Requests-Remaining: 2499\n\
     X-RateLimit-Requests-Reset: 1767272400250\nX-RateLimit-Endpoint-Name: issues\n\
     X-RateLimit-Endpoint-Requests-Limit: 60\nX-RateLimit-Endpoint-Requests-Remaining: 0",
)
.with(&[
    Row {
        name: "requests",
        limit: Some("x-ratelimit-requests-limit"),
        remaining: Some("x-ratelimit-requests-remaining"),
        reset: Some("x-ratelimit-requests-reset"),
        ..NOTHING
    },
    Row {
        name: "endpoint",
        named_by: Some("x-ratelimit-endpoint-name"),
        limit: Some("x-ratelimit-endpoint-requests-limit"),
        remaining: Some("x-ratelimit-endpoint-requests-remaining"),
        reset: Some("x-ratelimit-endpoint-requests-reset"),
        ..NOTHING
    },
]);

const OPENAI: Vendor = Vendor::new(
    "OpenAI",
    "https://platform.openai.com/docs/guides/rate-limits",
    "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 59\nx-ratelimit-reset-requests: 6m1s",
)
.with(&[Row {
    name: "requests",
    limit: Some("x-ratelimit-limit-requests"),
    remaining: Some("x-ratelimit-remaining-requests"),
    reset: Some("x-ratelimit-reset-requests"),
    ..NOTHING
}]);

const BREVO: Vendor = Vendor::new(
    "Brevo",
    "https://developers.brevo.com/docs/limit-headers",
    "x-sib-ratelimit-limit: 1000\nx-sib-ratelimit-remaining: 999\nx-sib-ratelimit-reset: 600",
)
.with(&[Row {
    limit: Some("x-sib-ratelimit-limit"),
    remaining: Some("x-sib-ratelimit-remaining"),
    reset: Some("x-sib-ratelimit-reset"),
    ..NOTHING
}]);

/// What is called the limit is the rate at which its bucket fills; the bucket's size is not told.
const AMAZON: Vendor = Vendor::new(
    "Amazon's Selling Partner API",
    "https://developer-docs.amazon.com/amazon-shipping/docs/usage-plans-and-rate-limits-in-the-sp-api",
    "x-amzn-RateLimit-Limit: 0.5",
)
.with(&[Row { restore: Some("x-amzn-ratelimit-limit"), ..NOTHING }]);

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    DIALECT.reference.vendors.iter().flat_map(|vendor| row::read(vendor.rows, answer)).collect()
}
