//! `RateLimit` and `RateLimit-Policy` as lists of named limits (RFC 9651).
//!
//! draft-ietf-httpapi-ratelimit-headers-08 and later. What is malformed is ignored, as the draft asks for; so are
//! limits that count something else than requests, such as `content-bytes`: what a request takes of them is not known
//! before.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sfv::{BareItem, Item, List, ListEntry, Parameters, Parser};

use super::answer::{Answer, MOST_ITEMS, name};
use super::gathered::Standing;
use super::reference::{Reads, Reference, Vendor, words};
use super::{Dialect, Reading, Unit, number, reset};

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::General };

const REFERENCE: Reference = Reference {
    name: "ietf",
    title: "`RateLimit` of the IETF",
    about: "The fields `RateLimit` and `RateLimit-Policy` as lists of named limits: the coming standard, as its draft has \
            it since the eighth version.",
    reads: &[Reads::Fields(&[
        (
            "RateLimit-Policy",
            "the limits that there are: a name, how much is allowed (`q`), in how many seconds (`w`), what \
                              is counted (`qu`) and for whom (`pk`)",
        ),
        (
            "RateLimit",
            "what is left of them: a name, how much (`r`), in how many seconds all of it is there again (`t`) \
                       and for whom (`pk`)",
        ),
    ])],
    notes: &[
        "Limits of requests and of requests that are under way at once (`qu=\"concurrent-requests\"`) are kept. What counts \
         something else, such as `content-bytes`, is left alone: what a request takes of it is not known before.",
        "A line or an item that is malformed is ignored, as the draft asks for; the others are read.",
    ],
    vendors: &[
        Vendor::new(
            "The IETF's draft",
            "https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/",
            "RateLimit-Policy: \"burst\";q=100;w=60,\"daily\";q=1000;w=86400\nRateLimit: \"burst\";r=50;t=30",
        ),
        Vendor::new(
            "express-rate-limit (`draft-8`)",
            "https://github.com/express-rate-limit/express-rate-limit",
            "RateLimit-Policy: \"100-in-1min\"; q=100; w=60; pk=:MTJj:\nRateLimit: \"100-in-1min\"; r=99; t=60",
        ),
    ],
    spent: "Requests wait for the seconds in `t`. Of requests under way at once, the next one leaves when one is answered.",
    understands: words::of_headers,
};

/// What a limit is.
struct Policy {
    key: Key,
    /// What it counts; nothing where that is not requests.
    unit: Option<Unit>,
    limit: f64,
    window: Option<Duration>,
}

/// What is left of a limit.
struct Left {
    key: Key,
    remaining: f64,
    reset: Option<reset::Reset>,
}

/// Which limit: its policy's name, and which part of those whom it limits it is about.
struct Key {
    name: String,
    partition: Option<Vec<u8>>,
}

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    let policies: Vec<Policy> = items(answer, "ratelimit-policy").iter().filter_map(policy).collect();
    let lefts: Vec<Left> = items(answer, "ratelimit").iter().filter_map(left).collect();
    let untouched = policies.iter().filter(|policy| !lefts.iter().any(|left| left.key.is_of(&policy.key)));
    let told = lefts.iter().map(|left| (policies.iter().find(|policy| left.key.is_of(&policy.key)), Some(left)));
    told.chain(untouched.map(|policy| (Some(policy), None)))
        .filter_map(|(policy, left)| reading(policy, left))
        .collect()
}

/// All items of all lines: a line that is no list is as if it had not been sent.
fn items(answer: &Answer<'_>, header: &str) -> Vec<Item> {
    let lists = answer.lines(header).filter_map(|line| Parser::new(line).parse::<List>().ok());
    let items = lists.flatten().filter_map(|entry| match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    });
    items.take(MOST_ITEMS).collect()
}

fn policy(item: &Item) -> Option<Policy> {
    Some(Policy {
        key: key(item)?,
        unit: match text(item.params.get("qu")) {
            None | Some("requests") => Some(Unit::Requests),
            Some("concurrent-requests") => Some(Unit::Concurrent),
            Some(_) => None,
        },
        limit: parameter(&item.params, "q").and_then(|q| number::count(&q))?,
        window: parameter(&item.params, "w").and_then(|w| number::seconds(&w)),
    })
}

fn left(item: &Item) -> Option<Left> {
    Some(Left {
        key: key(item)?,
        remaining: parameter(&item.params, "r").and_then(|r| number::count(&r))?,
        reset: parameter(&item.params, "t").and_then(|t| reset::in_seconds(&t)),
    })
}

fn key(item: &Item) -> Option<Key> {
    let partition = match item.params.get("pk") {
        Some(BareItem::ByteSequence(partition)) => Some(partition.clone()),
        _ => None,
    };
    Some(Key { name: text(Some(&item.bare_item))?.to_owned(), partition })
}

impl Key {
    /// express-rate-limit tells the partition in the policy only.
    fn is_of(&self, other: &Self) -> bool {
        let same = match (&self.partition, &other.partition) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.name == other.name && same
    }
}

fn reading(policy: Option<&Policy>, left: Option<&Left>) -> Option<Reading> {
    let keys = [left.map(|left| &left.key), policy.map(|policy| &policy.key)].into_iter().flatten();
    let unit = policy.map_or(Some(Unit::Requests), |policy| policy.unit)?;
    let reading = Reading {
        unit,
        limit: policy.map(|policy| policy.limit),
        remaining: left.map(|left| left.remaining),
        // What is under way at once is in no window.
        window: policy.filter(|_| unit == Unit::Requests).and_then(|policy| policy.window),
        ..Reading::of_requests(full_name(keys)?)
    };
    reading.with_reset(left.and_then(|left| left.reset)).if_told()
}

/// The name with the partition: another partition is another limit.
fn full_name<'a>(mut keys: impl Iterator<Item = &'a Key> + Clone) -> Option<Box<str>> {
    let partition = keys.clone().find_map(|key| key.partition.as_ref());
    let own = &keys.next()?.name;
    Some(match partition {
        Some(partition) => name(&format!("{own}:{}", STANDARD.encode(partition))),
        None => name(own),
    })
}

fn text(item: Option<&BareItem>) -> Option<&str> {
    match item? {
        BareItem::String(text) => Some(text.as_str()),
        BareItem::Token(text) => Some(text.as_str()),
        _ => None,
    }
}

/// A number as it was written. What is none is nothing.
pub(super) fn parameter(parameters: &Parameters, key: &str) -> Option<String> {
    number_text(parameters.get(key)?)
}

pub(super) fn number_text(item: &BareItem) -> Option<String> {
    match item {
        BareItem::Integer(number) => Some(number.to_string()),
        BareItem::Decimal(number) => Some(number.to_string()),
        _ => None,
    }
}
