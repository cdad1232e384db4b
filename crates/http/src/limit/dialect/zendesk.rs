//! Zendesk's limits of single endpoints, beside the account's own, which it tells in the usual ways:
//! `Zendesk-RateLimit-Tickets-Index: total=100; remaining=99; resets=41`.
//!
//! <https://developer.zendesk.com/documentation/api-basics/best-practices/best-practices-for-avoiding-rate-limiting>

use super::answer::{Answer, MOST_ITEMS, name};
use super::{Reading, number, reset};

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
