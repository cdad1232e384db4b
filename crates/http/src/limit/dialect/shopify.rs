//! Shopify's REST Admin API: `X-Shopify-Shop-Api-Call-Limit: 32/40`, a bucket of forty with thirty-two in it.
//!
//! <https://shopify.dev/docs/api/admin-rest/usage/rate-limits>

use super::answer::Answer;
use super::gathered::Standing;
use super::reference::{Reads, Reference, Vendor, words};
use super::{Dialect, Reading, number};

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::Particular };

const REFERENCE: Reference = Reference {
    name: "shopify",
    title: "Shopify's REST Admin API",
    about: "How full the bucket is: what is in it, and how much it takes. Its GraphQL API tells [in the body](graphql.md).",
    reads: &[Reads::Fields(&[("X-Shopify-Shop-Api-Call-Limit", "`32/40`: of a bucket of 40, 32 are used")])],
    notes: &[
        "How fast the bucket leaks is not told. It is a twentieth in each second: two of forty, and for Plus 20 of 400.",
    ],
    vendors: &[
        Vendor::new(
            "Shopify (REST)",
            "https://shopify.dev/docs/api/admin-rest/usage/rate-limits",
            "X-Shopify-Shop-Api-Call-Limit: 32/40",
        ),
        Vendor::new(
            "Shopify Plus (REST)",
            "https://shopify.dev/docs/api/admin-rest/usage/rate-limits",
            "X-Shopify-Shop-Api-Call-Limit: 1/400",
        ),
    ],
    spent: "Requests leave as fast as the bucket leaks.",
    understands: words::of_headers,
};

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
