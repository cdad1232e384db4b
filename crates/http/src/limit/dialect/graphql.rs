//! Limits that bodies of GraphQL tell of, and refusals with the status 200.
//!
//! * Shopify: `extensions.cost`, a bucket of points. What a query may cost at most is taken before it runs, and what it
//!   did not need is given back. Refused: the code `THROTTLED`.
//!   <https://shopify.dev/docs/api/usage/limits#graphql-admin-api-rate-limits>
//! * GitHub: `rateLimit`, which a query has to ask for; points in an hour, the same that the headers of the resource
//!   `graphql` tell of. Refused: the type `RATE_LIMITED`.
//!   <https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api>

use super::number;
use crate::limit::bill::Cost;

/// Where bodies tell of cost: JSONPaths, to be looked up in this order by whoever reads the body.
pub const PATHS: [&str; 11] = [
    "$.extensions.cost.requestedQueryCost",
    "$.extensions.cost.actualQueryCost",
    "$.extensions.cost.throttleStatus.maximumAvailable",
    "$.extensions.cost.throttleStatus.currentlyAvailable",
    "$.extensions.cost.throttleStatus.restoreRate",
    "$.data.rateLimit.cost",
    "$.data.rateLimit.limit",
    "$.data.rateLimit.remaining",
    "$.data.rateLimit.resetAt",
    "$.errors[*].extensions.code",
    "$.errors[*].type",
];

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
