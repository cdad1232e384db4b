//! `X-RateLimit-Limit`, `X-Rate-Limit-Remaining` and their kin: the most usual way, in which everybody does as they
//! like. The words are in `fields`, the forms of a reset in `reset`.
//!
//! Seen at GitHub, Okta, Intercom, Reddit, Discord, Pipedrive, Front, Smartsheet, SendGrid, Procore, MailerLite,
//! lemlist, Prisjakt, BigCommerce, HighLevel, Opsgenie, Freshdesk, Jira and Confluence.

use super::answer::{Answer, name};
use super::fields::{Fields, Spelling};
use super::gathered::Standing;
use super::reference::{Reads, Reference, Vendor, words};
use super::{Dialect, Reading, Unit, graphql};

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::General };

const REFERENCE: Reference = Reference {
    name: "generic",
    title: "`X-RateLimit-…`",
    about: "`X-RateLimit-Limit`, `X-Rate-Limit-Remaining` and their kin: the most usual way, in which everybody does as \
            they like.",
    reads: &[Reads::Family("X-RateLimit"), Reads::Fields(&[("RateLimit-Reason", "which of Jira's limits it is")])],
    notes: &[
        "The same with `X-Rate-Limit` and `Rate-Limit` in the place of `X-RateLimit`. Of several that tell the same, the \
         first one in the table is believed.",
        "Resets are read in whatever form they come. Where the answer has a `Date`, times are taken by that clock, so that a \
         wrong one of this machine or of the API does no harm.",
        "Pipedrive's `X-Daily-Requests-Left` counts only what writes, and is left alone.",
    ],
    vendors: VENDORS,
    spent: "Requests wait for the reset. At GitHub a limit is of one resource (`X-RateLimit-Resource`), at Discord of a bucket: \
            requests that count in others go on. A refusal with the status 403 that says that nothing is left, as \
            GitHub's, is a wait and no failure.",
    understands: words::of_headers,
};

const VENDORS: &[Vendor] = &[
    Vendor::new(
        "GitHub",
        "https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api",
        "X-RateLimit-Limit: 5000\nX-RateLimit-Remaining: 4987\nX-RateLimit-Used: 13\nX-RateLimit-Reset: 1767270000\n\
         X-RateLimit-Resource: core",
    ),
    Vendor::new(
        "Okta",
        "https://developer.okta.com/docs/reference/rl-best-practices/",
        "X-Rate-Limit-Limit: 1200\nX-Rate-Limit-Remaining: 1199\nX-Rate-Limit-Reset: 1767268860",
    ),
    Vendor::new(
        "Discord",
        "https://docs.discord.com/developers/topics/rate-limits",
        "X-RateLimit-Limit: 5\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767268801.5\n\
         X-RateLimit-Reset-After: 1.25\nX-RateLimit-Bucket: abcd1234",
    ),
    Vendor::new(
        "Jira Cloud",
        "https://developer.atlassian.com/cloud/jira/platform/rate-limiting",
        "X-RateLimit-Limit: 350\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 2026-01-01T12:05Z\n\
         RateLimit-Reason: jira-burst-based",
    ),
    Vendor::new(
        "Jira and Confluence Data Center",
        "https://confluence.atlassian.com/doc/_ratelimiting_httpheaders-992678779.html",
        "X-RateLimit-Limit: 15\nX-RateLimit-Remaining: 12\nX-RateLimit-Interval-Seconds: 60\nX-RateLimit-FillRate: 30",
    ),
    Vendor::new(
        "Pipedrive",
        "https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting",
        "x-ratelimit-limit: 40\nx-ratelimit-remaining: 39\nx-ratelimit-reset: 2",
    ),
    Vendor::new(
        "Intercom",
        "https://developers.intercom.com/docs/references/rest-api/errors/rate-limiting",
        "X-RateLimit-Limit: 166\nX-RateLimit-Remaining: 165\nX-RateLimit-Reset: 1767268810",
    ),
    Vendor::new(
        "Reddit",
        "https://github.com/reddit-archive/reddit/wiki/API",
        "X-Ratelimit-Used: 4\nX-Ratelimit-Remaining: 596.0\nX-Ratelimit-Reset: 300",
    ),
    Vendor::new(
        "BigCommerce",
        "https://docs.bigcommerce.com/developer/api-reference/rest/admin/content/page-widgets/get-page-widgets",
        "X-Rate-Limit-Requests-Left: 35\nX-Rate-Limit-Requests-Quota: 150\nX-Rate-Limit-Time-Reset-Ms: 15000\n\
         X-Rate-Limit-Time-Window-Ms: 30000",
    ),
    Vendor::new(
        "Freshdesk",
        "https://developers.freshdesk.com/api/#ratelimit",
        "X-RateLimit-Total: 50\nX-RateLimit-Remaining: 49\nX-RateLimit-Used-CurrentRequest: 1",
    ),
    Vendor::new(
        "Prisjakt",
        "https://developer.prisjakt.nu/docs/sections/rate-limit",
        "X-Rate-Limit-Limit: 10000\nX-Rate-Limit-Remaining: 0\nX-Rate-Limit-Reset: 600000",
    ),
];

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    let fields = Fields::of(answer, |spelling| spelling != Spelling::Draft);
    let mut reading = fields.reading(answer);
    // Jira, https://developer.atlassian.com/cloud/jira/platform/rate-limiting, has three limits at once, and says which
    // it was that refused a request.
    if let (Some(reading), Some(reason)) = (&mut reading, answer.text("ratelimit-reason"))
        && reading.name.is_empty()
    {
        reading.name = name(reason);
    }
    if let Some(reading) = &mut reading
        && &*reading.name == graphql::GITHUB
    {
        reading.unit = Unit::Cost;
    }
    reading.into_iter().collect()
}
