//! The standard's older drafts: draft-ietf-httpapi-ratelimit-headers-06 with one header for each thing, and -07 with a
//! dictionary. The older ones named their policies by nothing but their numbers: `100;w=60`.
//!
//! Seen at GitLab, whose reset is a time and not a wait, Klaviyo, Resend, Zendesk, and behind express-rate-limit.

use std::time::Duration;

use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parser};

use super::answer::{Answer, MOST_ITEMS};
use super::fields::{Fields, Spelling};
use super::gathered::Standing;
use super::ietf::{number_text, parameter};
use super::reference::{Reads, Reference, Vendor, words};
use super::{Dialect, Reading, number, reset};

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::General };

const REFERENCE: Reference = Reference {
    name: "draft",
    title: "`RateLimit-Limit`, `-Remaining`, `-Reset`",
    about: "The older drafts of the same standard: a header for each thing (to the sixth version), or one `RateLimit` with all \
            of them (the seventh).",
    reads: &[
        Reads::Fields(&[
            ("RateLimit: limit=…, remaining=…, reset=…", "all of it in one header"),
            ("RateLimit-Policy: 100;w=60", "how much is allowed in how many seconds"),
        ]),
        Reads::Family("RateLimit"),
    ],
    notes: &[
        "The drafts named no policies. Of several, the one that is told of is the one with the same limit.",
        "A reset is in seconds by the drafts, and a time since 1970 or a date at some: both are read.",
    ],
    vendors: &[
        Vendor::new(
            "Klaviyo",
            "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling",
            "RateLimit-Limit: 150\nRateLimit-Remaining: 149\nRateLimit-Reset: 33",
        ),
        Vendor::new(
            "Resend",
            "https://resend.com/docs/api-reference/rate-limit",
            "ratelimit-limit: 2\nratelimit-remaining: 1\nratelimit-reset: 1",
        ),
        Vendor::new(
            "GitLab",
            "https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/",
            "RateLimit-Limit: 60\nRateLimit-Name: throttle_authenticated_api\nRateLimit-Observed: 48\n\
             RateLimit-Remaining: 12\nRateLimit-Reset: 1767268830",
        ),
        Vendor::new(
            "express-rate-limit (`draft-7`)",
            "https://github.com/express-rate-limit/express-rate-limit",
            "RateLimit-Policy: 100;w=60\nRateLimit: limit=100, remaining=99, reset=60",
        ),
    ],
    spent: "Requests wait for the reset. One that is told in whole seconds and rounded down is waited for a second longer, \
            unless the answers show that it is rounded up.",
    understands: words::of_headers,
};

#[derive(PartialEq)]
struct Policy {
    limit: f64,
    window: Duration,
}

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    let now = dictionary(answer).or_else(|| Fields::of(answer, |s| s == Spelling::Draft).reading(answer));
    with_policies(now, &policies(answer))
}

/// `limit=100, remaining=50, reset=30`.
fn dictionary(answer: &Answer<'_>) -> Option<Reading> {
    let fields: Dictionary = answer.lines("ratelimit").find_map(|line| Parser::new(line).parse().ok())?;
    let text = |key: &str| match fields.get(key)? {
        ListEntry::Item(item) => number_text(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    let reading = Reading {
        limit: text("limit").and_then(|limit| number::count(&limit)),
        remaining: text("remaining").and_then(|remaining| number::count(&remaining)),
        ..Reading::of_requests("")
    };
    reading.with_reset(text("reset").and_then(|reset| reset::decode(&reset, answer))).if_told()
}

/// Those of `RateLimit-Policy`, and those behind the limit, where the first drafts had them: `100, 100;w=60`.
fn policies(answer: &Answer<'_>) -> Vec<Policy> {
    let mut policies = Vec::new();
    for header in ["ratelimit-policy", "ratelimit-limit"] {
        let lists = answer.lines(header).filter_map(|line| Parser::new(line).parse::<List>().ok());
        for policy in lists.flatten().take(MOST_ITEMS).filter_map(policy) {
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
    }
    policies
}

fn policy(entry: ListEntry) -> Option<Policy> {
    let ListEntry::Item(Item { bare_item: BareItem::Integer(limit), params }) = entry else {
        return None;
    };
    let window = parameter(&params, "w").and_then(|window| number::seconds(&window))?;
    Some(Policy { limit: number::count(&limit.to_string())?, window })
}

/// What is left is told of the policy that is the nearest to its end: the one with the same limit.
fn with_policies(now: Option<Reading>, policies: &[Policy]) -> Vec<Reading> {
    let limit = now.as_ref().and_then(|now| now.limit);
    let nearest = policies.iter().position(|policy| Some(policy.limit) == limit);
    let others = policies.iter().enumerate().filter(|(index, _)| Some(*index) != nearest).map(|(_, policy)| policy);
    let others: Vec<Reading> = others.map(|policy| of_policy(policy, policies)).collect();
    let now = now.map(|now| match nearest.and_then(|nearest| policies.get(nearest)) {
        Some(policy) => {
            Reading { window: now.window.or(Some(policy.window)), name: named(now.name, policy, policies), ..now }
        }
        None => now,
    });
    now.into_iter().chain(others).collect()
}

fn of_policy(policy: &Policy, all: &[Policy]) -> Reading {
    Reading {
        limit: Some(policy.limit),
        window: Some(policy.window),
        ..Reading::of_requests(named(Box::default(), policy, all))
    }
}

/// One policy needs no name; of several each is told of in another answer.
fn named(name: Box<str>, policy: &Policy, all: &[Policy]) -> Box<str> {
    if name.is_empty() && all.len() > 1 {
        return format!("{};w={}", policy.limit, policy.window.as_secs()).into();
    }
    name
}
