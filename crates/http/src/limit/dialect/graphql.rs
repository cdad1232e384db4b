//! Limits that bodies of GraphQL tell of, and refusals with the status 200.
//!
//! * Shopify: `extensions.cost`, a bucket of points. What a query may cost at most is taken before it runs, and what it
//!   did not need is given back. Refused: the code `THROTTLED`.
//!   <https://shopify.dev/docs/api/usage/limits#graphql-admin-api-rate-limits>
//! * GitHub: `rateLimit`, which a query has to ask for; points in an hour, the same that the headers of the resource
//!   `graphql` tell of. Refused: the type `RATE_LIMITED`.
//!   <https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api>

use serde_json::Value;

use super::number;
use super::reference::{Reads, Reference, Vendor, words};
use crate::limit::bill::Cost;

/// Where bodies tell of cost, and what.
const TOLD: [(&str, &str); 11] = [
    ("$.extensions.cost.requestedQueryCost", "what is taken before the query runs: the most that it can cost"),
    ("$.extensions.cost.actualQueryCost", "what it cost in the end; the rest is given back"),
    ("$.extensions.cost.throttleStatus.maximumAvailable", "how much the bucket holds"),
    ("$.extensions.cost.throttleStatus.currentlyAvailable", "how much is left in it"),
    ("$.extensions.cost.throttleStatus.restoreRate", "how much comes back in each second"),
    ("$.data.rateLimit.cost", "what the query cost"),
    ("$.data.rateLimit.limit", "how many points are allowed in the hour"),
    ("$.data.rateLimit.remaining", "how many of them are left"),
    ("$.data.rateLimit.resetAt", "when all of them are there again"),
    ("$.errors[*].extensions.code", "`THROTTLED`: the query was refused, for too little is left"),
    ("$.errors[*].type", "`RATE_LIMITED`: the same"),
];

/// Where bodies tell of cost: JSONPaths, to be looked up in this order by whoever reads the body.
pub const PATHS: [&str; TOLD.len()] = {
    let mut paths = [""; TOLD.len()];
    let mut index = 0;
    while index < TOLD.len() {
        paths[index] = TOLD[index].0;
        index += 1;
    }
    paths
};

pub(crate) const REFERENCE: Reference = Reference {
    name: "graphql",
    title: "GraphQL: what a query cost",
    about: "APIs of GraphQL count what a query costs, and tell it in the body of its answer.",
    reads: &[Reads::Fields(&TOLD)],
    notes: &[
        "A stream whose JSON body has a `query` is read so without any setting. Where an API tells of cost otherwise, the \
         stream's [`cost`](../pipeline.md#cost) says where.",
        "GitHub tells only what a query asks for: put `rateLimit { cost limit remaining resetAt }` into it.",
        "Until a query's answer has told what it costs, the next one is taken for as dear as the last one of its stream; \
         the first one goes alone.",
    ],
    vendors: &[
        Vendor::new(
            "Shopify (GraphQL)",
            "https://shopify.dev/docs/api/usage/limits#graphql-admin-api-rate-limits",
            r#"{ "data": {}, "extensions": { "cost": { "requestedQueryCost": 101, "actualQueryCost": 46,
  "throttleStatus": { "maximumAvailable": 2000, "currentlyAvailable": 1954, "restoreRate": 100 } } } }"#,
        ),
        Vendor::new(
            "GitHub (GraphQL)",
            "https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api",
            r#"{ "data": { "rateLimit": { "cost": 1, "limit": 5000, "remaining": 4999,
  "resetAt": "2026-01-01T13:00:00Z" } } }"#,
        ),
    ],
    spent: "Queries wait until enough has come back for what they are taken to cost; a dear one is not kept waiting by cheaper \
            ones. A query that is refused with the status 200 (`THROTTLED`, `RATE_LIMITED`) is a wait and not an empty \
            page: it is sent again.",
    understands,
};

/// What a body tells, in words.
fn understands(body: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let told = PATHS.map(|path| at(&body, path));
    let cost = read(|index| told[index].as_deref());
    let before =
        cost.requested.map(|points| format!(", of {points} that were taken before it ran")).unwrap_or_default();
    let taken = cost.actual.map(|points| format!("the query's cost: {points}{before}"));
    let left = super::of_cost(&cost, words::NOW).map(|reading| words::of_reading(&reading));
    taken.into_iter().chain(left).collect()
}

/// The text or number at a path, of lists the first one.
fn at(body: &Value, path: &str) -> Option<String> {
    let pointer = path.trim_start_matches('$').replace("[*]", ".0").replace('.', "/");
    match body.pointer(&pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What the headers of GitHub call the same limit.
pub(super) const GITHUB: &str = "graphql";

/// What a body tells; `text` is the text or number at the path of that number, where there is one.
pub fn read<'t>(text: impl Fn(usize) -> Option<&'t str>) -> Cost {
    let amount = |index| text(index).and_then(number::count);
    let says = |index, word: &str| text(index).is_some_and(|said| said.eq_ignore_ascii_case(word));
    let refused = says(9, "THROTTLED") || says(10, "RATE_LIMITED");
    if amount(3).is_some() || amount(0).is_some() {
        return Cost {
            requested: amount(0),
            actual: amount(1),
            name: "query cost",
            limit: amount(2),
            left: amount(3),
            restore: amount(4).filter(|rate| *rate > 0.0),
            renews_at: None,
            refused,
        };
    }
    let renews_at = text(8).and_then(|at| at.parse().ok());
    Cost { actual: amount(5), name: GITHUB, limit: amount(6), left: amount(7), renews_at, refused, ..Cost::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(values: &[(usize, &str)]) -> Cost {
        read(|wanted| values.iter().find(|(index, _)| *index == wanted).map(|(_, text)| *text))
    }

    #[test]
    fn a_bucket_of_points_is_read() {
        let cost = told(&[(0, "101"), (1, "46.5"), (2, "2000.0"), (3, "1954"), (4, "100.0")]);
        assert_eq!((cost.requested, cost.actual), (Some(101.0), Some(46.5)));
        assert_eq!((cost.limit, cost.left, cost.restore), (Some(2000.0), Some(1954.0), Some(100.0)));
        assert!(!cost.refused);
    }

    #[test]
    fn points_of_an_hour_are_read() {
        let cost = told(&[(5, "1"), (6, "5000"), (7, "4999"), (8, "2025-03-01T13:00:00Z")]);
        assert_eq!((cost.actual, cost.limit, cost.left), (Some(1.0), Some(5000.0), Some(4999.0)));
        assert_eq!(cost.renews_at, "2025-03-01T13:00:00Z".parse().ok());
    }

    #[test]
    fn refusals_are_known_by_their_codes_and_nonsense_is_nothing() {
        assert!(told(&[(9, "THROTTLED"), (3, "4")]).refused);
        assert!(told(&[(10, "RATE_LIMITED")]).refused);
        assert!(!told(&[(9, "undefinedField"), (10, "NOT_FOUND")]).refused);
        assert_eq!(told(&[(0, "-1"), (1, "many"), (8, "soon")]), Cost { name: GITHUB, ..Cost::default() });
    }
}
