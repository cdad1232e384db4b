//! What requests cost in money, and what a run may spend.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AmountText, TokenSpec};

/// What the requests of a stream cost in money: the sum of what is given here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceSpec {
    /// The currency as its code, such as `USD`, or the API's own unit, such as `credits`. All streams have the same.
    #[schemars(length(min = 1))]
    pub(crate) currency: String,

    /// For each request that is sent, retries and redirects included. Default: 0.
    pub(crate) per_request: Option<AmountText>,

    /// For each record that arrives. Default: 0.
    pub(crate) per_record: Option<AmountText>,

    /// For each of the `units` that an answer tells. Default: 0.
    pub(crate) per_unit: Option<AmountText>,

    /// Where an answer tells how many units it was: a path into the body (`$.usage.credits`), or
    /// `{ header: X-Credits-Used }`.
    pub(crate) units: Option<TokenSpec>,
}

/// What one run may send and spend. Before it would exceed one of these it ends in good order: what has come is
/// committed, and the next run goes on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetSpec {
    /// The most requests, retries and redirects included.
    #[schemars(range(min = 1))]
    pub(crate) max_requests: Option<u64>,

    /// The most money, in the currency of the streams' `price`. What is priced by records or units is known only when
    /// the answer is there, so that requests which are under way then may go beyond it.
    pub(crate) max_cost: Option<AmountText>,
}
