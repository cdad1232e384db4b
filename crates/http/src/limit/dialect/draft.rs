//! The standard's older drafts: draft-ietf-httpapi-ratelimit-headers-06 with one header for each thing, and -07 with a
//! dictionary. The older ones named their policies by nothing but their numbers: `100;w=60`.
//!
//! Seen at GitLab, whose reset is a time and not a wait, Klaviyo, Resend, Zendesk, and behind express-rate-limit.

use std::time::Duration;

use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parser};

use super::answer::{Answer, MOST_ITEMS};
use super::fields::{Fields, Spelling};
use super::ietf::{number_text, parameter};
use super::{Reading, number, reset};

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
