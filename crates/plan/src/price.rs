//! What requests cost in money, and what a run may spend.

use std::num::NonZeroU64;
use std::sync::Arc;

use spile_model::Decimal;

use crate::TokenSource;

/// What the requests of a stream cost in money: the sum of these.
#[derive(Clone, Debug)]
pub struct PricePlan {
    /// A currency's code, or the API's own unit; the same for all streams of a pipeline.
    pub currency: Arc<str>,
    /// For each request that is sent, retries and redirects included; not below zero.
    pub per_request: Decimal,
    /// For each record that arrives; not below zero.
    pub per_record: Decimal,
    /// For what each answer tells.
    pub per_unit: Option<UnitPrice>,
}

/// A price for units that answers tell.
#[derive(Clone, Debug)]
pub struct UnitPrice {
    /// For each unit; not below zero.
    pub price: Decimal,
    /// Where an answer tells how many it was.
    pub units: TokenSource,
}

/// What one run may send and spend. It ends in good order before it would exceed one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetPlan {
    /// So many requests, retries and redirects included.
    pub max_requests: Option<NonZeroU64>,
    /// So much money, in the currency of the prices.
    pub max_cost: Option<Decimal>,
}
