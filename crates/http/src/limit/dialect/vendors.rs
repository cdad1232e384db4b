//! Vendors whose headers differ in their names only: one row for each limit.
//!
//! Left out on purpose: HubSpot's `-Secondly`, which is a tenth of its limit for ten seconds; Pipedrive's
//! `X-Daily-Requests-Left`, which counts only what writes; and all that counts tokens, points or complexity.

use std::time::Duration;

use super::Reading;
use super::answer::Answer;
use super::row::{self, NOTHING, Row, Window};

const MINUTE: Window = Window::Of(Duration::from_secs(60));
const DAY: Window = Window::Of(Duration::from_secs(86_400));

const ROWS: &[Row] = &[
    // HubSpot, https://developers.hubspot.com/changelog/rate-limit-headers-will-now-appear-for-oauth-authenticated-calls.
    // The days are those of the account's time zone; with OAuth there is no daily limit.
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
    // HighLevel, https://help.gohighlevel.com/support/solutions/articles/48001060529-highlevel-api. Its other limit is
    // told in the generic way.
    Row {
        name: "daily",
        limit: Some("x-ratelimit-limit-daily"),
        remaining: Some("x-ratelimit-daily-remaining"),
        window: DAY,
        ..NOTHING
    },
    // Xero, https://developer.xero.com/faq/limits.
    Row { name: "day", remaining: Some("x-daylimit-remaining"), window: DAY, ..NOTHING },
    Row { name: "minute", remaining: Some("x-minlimit-remaining"), window: MINUTE, ..NOTHING },
    Row { name: "app-minute", remaining: Some("x-appminlimit-remaining"), window: MINUTE, ..NOTHING },
    // Linear, https://linear.app/developers/rate-limiting. The second is told where a request exceeded it.
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
    // OpenAI, https://platform.openai.com/docs/guides/rate-limits.
    Row {
        name: "requests",
        limit: Some("x-ratelimit-limit-requests"),
        remaining: Some("x-ratelimit-remaining-requests"),
        reset: Some("x-ratelimit-reset-requests"),
        ..NOTHING
    },
    // Brevo, https://developers.brevo.com/docs/limit-headers.
    Row {
        limit: Some("x-sib-ratelimit-limit"),
        remaining: Some("x-sib-ratelimit-remaining"),
        reset: Some("x-sib-ratelimit-reset"),
        ..NOTHING
    },
    // Amazon's Selling Partner API,
    // https://developer-docs.amazon.com/amazon-shipping/docs/usage-plans-and-rate-limits-in-the-sp-api. What is called
    // the limit is the rate at which its bucket fills; the bucket's size is not told.
    Row { restore: Some("x-amzn-ratelimit-limit"), ..NOTHING },
];

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    row::read(ROWS, answer)
}
