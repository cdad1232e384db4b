//! Zendesk's limits of single endpoints, beside the account's own, which it tells in the usual ways:
//! `Zendesk-RateLimit-Tickets-Index: total=100; remaining=99; resets=41`.
//!
//! <https://developer.zendesk.com/documentation/api-basics/best-practices/best-practices-for-avoiding-rate-limiting>

use super::answer::{Answer, MOST_ITEMS, name};
use super::gathered::Standing;
use super::reference::{Reads, Reference, Vendor, words};
use super::{Dialect, Reading, number, reset};

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::Particular };

const REFERENCE: Reference = Reference {
    name: "zendesk",
    title: "Zendesk",
    about: "Zendesk's limits of single endpoints, beside the account's own, which it tells in [the usual](generic.md) \
            [ways](draft.md).",
    reads: &[Reads::Fields(&[(
        "Zendesk-RateLimit-…",
        "the limit of that name: how much is allowed (`total`), how much is left (`remaining`), and in how many seconds \
         all of it is there again (`resets`)",
    )])],
    notes: &[],
    vendors: &[Vendor::new(
        "Zendesk",
        "https://developer.zendesk.com/documentation/api-basics/best-practices/best-practices-for-avoiding-rate-limiting",
        "X-Rate-Limit: 700\nX-Rate-Limit-Remaining: 699\nRateLimit-Limit: 700\nRateLimit-Remaining: 699\n\
         RateLimit-Reset: 41\nZendesk-RateLimit-Tickets-Index: total=100; remaining=99; resets=41",
    )],
    spent: "Where an endpoint's limit is spent, the streams of that endpoint wait for its reset, and the others go on. Where \
            the account's is, all wait.",
    understands: words::of_headers,
};

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    let endpoints = answer.names().filter_map(|header| Some((header, header.strip_prefix("zendesk-ratelimit-")?)));
    endpoints.take(MOST_ITEMS).filter_map(|(header, endpoint)| reading(endpoint, answer.text(header)?)).collect()
}

fn reading(endpoint: &str, text: &str) -> Option<Reading> {
    let mut reading = Reading::of_requests(name(endpoint));
    for (key, value) in text.split(';').take(MOST_ITEMS).filter_map(|part| part.split_once('=')) {
        let value = value.trim();
        match key.trim() {
            "total" => reading.limit = number::count(value),
            "remaining" => reading.remaining = number::count(value),
            "resets" => reading = reading.with_reset(reset::in_seconds(value)),
            _ => {}
        }
    }
    reading.if_told()
}
