//! The ledger: what each stream's requests came to so far, and whether the run may send another.
//!
//! Enters: each request, answer, retry and wait, and what answers told of their price. Leaves: a [`Usage`] for each
//! stream, and a refusal once the run's budget is spent. Invariants: memory is bounded by the number of streams, and
//! sums of money are exact. One short lock for each fact; nothing is computed before somebody asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spile_model::{Decimal, Failure, FailureKind, Latency, Money, Quota, Statuses, StreamName, Usage};
use spile_plan::{BudgetPlan, PipelinePlan, PricePlan};

use crate::latency::Latencies;

/// What an answer came to that only its reader knows: what it is priced by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Content {
    /// Records in it.
    pub records: u64,
    /// Units that it tells, where the stream's price is for units.
    pub units: Option<Decimal>,
}

/// The counts of one pipeline's requests.
pub(crate) struct Ledger {
    budget: BudgetPlan,
    currency: Arc<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: HashMap<StreamName, Account>,
    /// Of servers beside the API, which a stream or two have asked: each has one or two endpoints.
    asides: Vec<(StreamName, Account)>,
    requests: u64,
    cost: Decimal,
}

/// What is counted of a stream's requests to one endpoint.
#[derive(Default)]
pub(crate) struct Account {
    endpoint: Arc<str>,
    price: Option<PricePlan>,
    requests: u64,
    bytes: u64,
    statuses: Statuses,
    retries: u64,
    rate_limited: u64,
    latencies: Latencies,
    waited: Duration,
    backoff: Duration,
    cost: Decimal,
    /// Some answer did not tell its units.
    untold: bool,
}

impl Ledger {
    pub(crate) fn new(plan: &PipelinePlan) -> Self {
        let accounts = plan.streams.iter().map(|stream| {
            let (endpoint, price) = (stream.request.endpoint().into(), stream.price.clone());
            (stream.name.clone(), Account { endpoint, price, ..Account::default() })
        });
        let currency = plan.streams.iter().find_map(|stream| Some(Arc::clone(&stream.price.as_ref()?.currency)));
        let state = State { accounts: accounts.collect(), ..State::default() };
        Self { budget: plan.budget, currency: currency.unwrap_or_default(), state: Mutex::new(state) }
    }

    /// Whether a request of `stream` may be sent.
    ///
    /// # Errors
    /// [`FailureKind::BudgetSpent`]
    pub(crate) fn allows(&self, stream: &StreamName) -> Result<(), Failure> {
        self.check(&self.lock(), stream)
    }

    /// A request of `stream` leaves.
    ///
    /// # Errors
    /// [`FailureKind::BudgetSpent`]: it may not.
    pub(crate) fn sent(&self, stream: &StreamName) -> Result<(), Failure> {
        let mut state = self.lock();
        self.check(&state, stream)?;
        state.requests += 1;
        let account = state.account(stream);
        account.sent();
        let price = account.price.as_ref().map_or(Decimal::ZERO, |price| price.per_request);
        state.charge(stream, price);
        Ok(())
    }

    fn check(&self, state: &State, stream: &StreamName) -> Result<(), Failure> {
        let spent = |message: String| Err(Failure::new(FailureKind::BudgetSpent, format!("not sent: {message}")));
        if let Some(most) = self.budget.max_requests.filter(|most| state.requests >= most.get()) {
            return spent(format!("the run has sent {most} requests, as many as `budget.max_requests` allows"));
        }
        let Some(most) = self.budget.max_cost else { return Ok(()) };
        let money = |amount| Money { amount, currency: Arc::clone(&self.currency) };
        let price = state.accounts.get(stream).and_then(|account| account.price.as_ref());
        let price = price.map_or(Decimal::ZERO, |price| price.per_request);
        if state.cost >= most || sum(state.cost, price) > most {
            let (cost, most) = (money(state.cost), money(most));
            return spent(format!("the run has cost {cost}, and `budget.max_cost` is {most}"));
        }
        Ok(())
    }

    /// An answer arrived as a whole.
    pub(crate) fn answered(&self, stream: &StreamName, status: u16, bytes: u64, took: Duration) {
        self.lock().account(stream).answered(status, bytes, took);
    }

    /// A request failed and is sent again.
    pub(crate) fn retried(&self, stream: &StreamName) {
        self.lock().account(stream).retried();
    }

    /// Takes note of what became of a request beside the API that was made on behalf of `stream`. It counts in no budget.
    pub(crate) fn aside(&self, stream: &StreamName, endpoint: &str, fact: impl FnOnce(&mut Account)) {
        let mut state = self.lock();
        let is_it = |(whose, account): &(StreamName, Account)| whose == stream && *account.endpoint == *endpoint;
        let at = state.asides.iter().position(is_it).unwrap_or_else(|| {
            state.asides.push((stream.clone(), Account { endpoint: endpoint.into(), ..Account::default() }));
            state.asides.len() - 1
        });
        fact(&mut state.asides[at].1);
    }

    /// A request was refused because there were too many.
    pub(crate) fn rate_limited(&self, stream: &StreamName) {
        self.lock().account(stream).rate_limited += 1;
    }

    /// An answer with a status of success turned out to be none.
    pub(crate) fn misled(&self, stream: &StreamName, kind: &FailureKind) {
        if *kind == FailureKind::RateLimited {
            self.rate_limited(stream);
        }
    }

    /// A request waits, or waited, for limits.
    pub(crate) fn waited(&self, stream: &StreamName, wait: Duration) {
        if !wait.is_zero() {
            self.lock().account(stream).waited += wait;
        }
    }

    /// What failed waits before it is tried again.
    pub(crate) fn backs_off(&self, stream: &StreamName, wait: Duration) {
        self.lock().account(stream).backoff += wait;
    }

    /// Charges `stream` for what an answer held. Returns whether it is the first that does not tell what it is priced
    /// by.
    pub(crate) fn received(&self, stream: &StreamName, content: Content) -> bool {
        let mut state = self.lock();
        let account = state.account(stream);
        let Some(price) = &account.price else { return false };
        let by_records = product(price.per_record, content.records.into());
        let (by_units, lacking) = match (&price.per_unit, content.units) {
            (None, _) => (Decimal::ZERO, false),
            (Some(unit), Some(units)) => (product(unit.price, units), false),
            (Some(_), None) => (Decimal::ZERO, true),
        };
        let first = lacking && !account.untold;
        account.untold |= lacking;
        state.charge(stream, sum(by_records, by_units));
        first
    }

    /// What the stream's requests came to so far, its own endpoint first; `quotas` are the limiter's to tell.
    pub(crate) fn all_of(&self, stream: &StreamName, quotas: Vec<Quota>) -> Vec<Usage> {
        let mut state = self.lock();
        let own = self.usage(stream, state.account(stream), quotas);
        let asides = state.asides.iter().filter(|(whose, _)| whose == stream);
        [own].into_iter().chain(asides.map(|(_, account)| self.usage(stream, account, Vec::new()))).collect()
    }

    fn usage(&self, stream: &StreamName, account: &Account, quotas: Vec<Quota>) -> Usage {
        let answered = account.statuses;
        let answers = answered.status_2xx + answered.status_3xx + answered.status_4xx + answered.status_5xx;
        let priced = account.price.is_some();
        Usage {
            stream: stream.clone(),
            endpoint: Arc::clone(&account.endpoint),
            requests: account.requests,
            bytes: account.bytes,
            statuses: Statuses { unanswered: account.requests.saturating_sub(answers), ..answered },
            retries: account.retries,
            rate_limited: account.rate_limited,
            latency: Latency {
                p50: account.latencies.quantile(0.5),
                p95: account.latencies.quantile(0.95),
                p99: account.latencies.quantile(0.99),
            },
            waited: account.waited,
            backoff: account.backoff,
            quotas,
            cost: priced.then(|| Money { amount: account.cost, currency: Arc::clone(&self.currency) }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters are right after every statement, so a panic elsewhere leaves them so.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    pub(crate) fn sent(&mut self) {
        self.requests += 1;
    }

    pub(crate) fn answered(&mut self, status: u16, bytes: u64, took: Duration) {
        self.bytes += bytes;
        self.statuses.count(status);
        self.latencies.record(took);
    }

    pub(crate) fn retried(&mut self) {
        self.retries += 1;
    }
}

impl State {
    fn account(&mut self, stream: &StreamName) -> &mut Account {
        if !self.accounts.contains_key(stream) {
            self.accounts.insert(stream.clone(), Account::default());
        }
        self.accounts.get_mut(stream).expect("it was put there if it lacked")
    }

    fn charge(&mut self, stream: &StreamName, amount: Decimal) {
        if amount.is_zero() {
            return;
        }
        let account = self.account(stream);
        account.cost = sum(account.cost, amount);
        self.cost = sum(self.cost, amount);
    }
}

/// No run costs more than the largest amount, which has 28 digits.
fn sum(a: Decimal, b: Decimal) -> Decimal {
    a.saturating_add(b)
}

fn product(price: Decimal, count: Decimal) -> Decimal {
    price.saturating_mul(count)
}

#[cfg(test)]
mod tests;
