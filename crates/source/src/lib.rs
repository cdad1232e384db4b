//! Plan → requests → pages of records.
//!
//! Enters: a stream of the plan and where its requests [`Start`]. Leaves: [`spile_model::Page`]s in order,
//! each with the byte ranges of its records in the validated text of one response.
//!
//! Invariants:
//! * A page is a whole response that was JSON from its first byte to its last; anything else is a failure that says
//!   what came instead.
//! * Records keep their very text: nothing is parsed here but the way to the records and the values that paging needs.
//! * Paging ends: by its stop rules, or with a failure that says what repeated.
//! * Pages are prefetched within a number of bytes, delivered in order, and lost by no cancellation.
//!
//! It deliberately knows neither types nor tables, and opens no connection itself.
//!
//! * `request`: templates → one request.
//! * `pagination`: a response → where the next page is; one kind per file.
//! * `extract`: a body → ranges of records, and the values that paging needs, in one pass.
//! * `memory`: what earlier runs were answered, so that the API can say that nothing has changed.
//! * `fetch`: these together, for one page.
//! * `cost`, `priced`: what a response tells of its cost, and what it is priced by.
//! * `prefetch`, `guard`, `pages`: many pages, ahead of their reader and without going in circles.

mod cost;
mod extract;
mod fetch;
mod guard;
mod memory;
mod pages;
mod pagination;
mod place;
mod prefetch;
mod priced;
mod request;
mod start;

use std::sync::Arc;

use spile_http::Client;
use spile_model::{Failure, PartitionKey, StreamName};
use spile_plan::{PipelinePlan, StreamPlan};

pub use self::pages::Pages;
use self::prefetch::Budget;
pub use self::start::Start;

/// The API of one pipeline, as a source of pages.
pub struct Source {
    plan: Arc<PipelinePlan>,
    client: Client,
    budget: Arc<Budget>,
}

impl Source {
    /// The source of `plan`, asked through `client`.
    pub fn new(plan: Arc<PipelinePlan>, client: Client) -> Self {
        let budget = Arc::new(Budget::new(plan.source.limits.prefetch));
        Self { plan, client, budget }
    }

    /// The pages of `stream` from `start` on. Nothing is sent before the first page is asked for.
    pub fn pages(&self, stream: &StreamPlan, start: Start) -> Pages {
        Pages::new(&self.plan, stream, start, &self.client, &self.budget)
    }

    /// The client that it asks through: for what its requests have cost.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// Where a failure happened.
fn placed(failure: Failure, stream: &StreamName, page: u64) -> Failure {
    let mut failure = failure.in_stream(stream).at_page(page);
    failure.partition.get_or_insert_with(PartitionKey::whole);
    failure
}
