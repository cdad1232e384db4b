//! Shopify's REST Admin API: `X-Shopify-Shop-Api-Call-Limit: 32/40`, a bucket of forty with thirty-two in it.
//!
//! <https://shopify.dev/docs/api/admin-rest/usage/rate-limits>

use super::answer::Answer;
use super::{Reading, number};

/// How much of the bucket leaks in each second: two of forty. The rate is not told; Plus has ten times the rate and ten
/// times the bucket.
const LEAK: f64 = 1.0 / 20.0;

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    answer.text("x-shopify-shop-api-call-limit").and_then(reading).into_iter().collect()
}

fn reading(text: &str) -> Option<Reading> {
    let (used, limit) = text.split_once('/')?;
    let limit = number::count(limit.trim())?;
    let reading = Reading { limit: Some(limit), restore: Some(limit * LEAK), ..Reading::of_requests("") };
    Some(reading.with_used(Some(number::count(used.trim())?)))
}
