//! What requests cost: points or units that an API's limits count. (Money is a price.)

use std::num::NonZeroU32;

use crate::TokenSource;

/// How it is known what a request of a stream costs, for limits that count cost.
#[derive(Clone, Debug)]
pub enum CostPlan {
    /// Each so much.
    Fixed(NonZeroU32),
    /// Its answer tells.
    Told {
        /// Where.
        by: TokenSource,
        /// What the first request is taken for; where it is not given, the first one goes ahead alone.
        estimate: Option<NonZeroU32>,
    },
    /// It is a query of GraphQL, whose answer may tell in one of the usual ways.
    GraphQl,
}

impl Default for CostPlan {
    fn default() -> Self {
        Self::Fixed(NonZeroU32::MIN)
    }
}
