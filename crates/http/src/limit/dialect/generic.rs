//! `X-RateLimit-Limit`, `X-Rate-Limit-Remaining` and their kin: the most usual way, in which everybody does as they
//! like. The words are in `fields`, the forms of a reset in `reset`.
//!
//! Seen at GitHub, Okta, Intercom, Reddit, Discord, Pipedrive, Front, Smartsheet, SendGrid, Procore, MailerLite,
//! lemlist, Prisjakt, BigCommerce, HighLevel, Opsgenie, Freshdesk, Jira and Confluence.

use super::answer::{Answer, name};
use super::fields::{Fields, Spelling};
use super::{Reading, Unit, graphql};

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
