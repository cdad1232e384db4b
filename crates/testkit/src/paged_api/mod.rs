//! A ready-made API: one list of records behind any of the usual ways of paging.
//!
//! A data set goes in; pages come out over a [`FakeApi`], whole or, with a seeded probability, broken. Invariant: on a
//! data set that stands still, a client that follows the paging and repeats what failed sees every record that passes
//! the filters exactly once, in order. It checks what it understands and ignores other parameters, as real APIs do.

mod dataset;
mod faults;
mod page;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::dataset::Comparison;
use self::dataset::{Dataset, Filter};
pub use self::faults::FaultMix;
use self::faults::Faults;
use self::page::Envelope;
pub use self::page::Paging;
use crate::fake_api::{FakeApi, Request, Response, get};

/// Records per page unless said otherwise.
const PAGE_SIZE: usize = 100;

/// A list of records being described; [`PagedApi::serve`] puts it behind a path of a [`FakeApi`].
#[must_use = "it is served only after `serve`"]
pub struct PagedApi {
    path: String,
    dataset: Dataset,
    paging: Paging,
    page_size: usize,
    page_size_parameter: Option<String>,
    envelope: Envelope,
    filters: Vec<Filter>,
    order: Option<(String, bool)>,
    required_header: Option<(String, String)>,
    etags: bool,
    latency: Duration,
    rate_limit: Option<(usize, Duration)>,
    faults: Option<Faults>,
}

/// What is behind the path now, and what was asked of it.
#[derive(Clone)]
pub struct Served {
    state: Arc<State>,
}

struct State {
    description: PagedApi,
    live: Mutex<Live>,
    requests: AtomicUsize,
    pages: AtomicUsize,
    unchanged: AtomicUsize,
    faults: AtomicUsize,
    refusals: AtomicUsize,
}

struct Live {
    dataset: Dataset,
    faults: Option<Faults>,
    window: Option<(Instant, usize)>,
}

impl PagedApi {
    /// Serves these records.
    pub fn over(records: Vec<Value>) -> Self {
        Self::with(Dataset::Listed(records))
    }

    /// Serves `count` records, the n-th (from 0) made by `record` whenever it is asked for: for data sets that need
    /// not be in memory. With a filter, an order or [`Served::update`] they are made once and kept.
    pub fn generated(count: usize, record: impl Fn(usize) -> Value + Send + Sync + 'static) -> Self {
        Self::with(Dataset::Generated(count, Arc::new(record)))
    }

    fn with(dataset: Dataset) -> Self {
        Self {
            path: "/items".to_owned(),
            dataset,
            paging: Paging::None,
            page_size: PAGE_SIZE,
            page_size_parameter: None,
            envelope: Envelope::default(),
            filters: Vec::new(),
            order: None,
            required_header: None,
            etags: false,
            latency: Duration::ZERO,
            rate_limit: None,
            faults: None,
        }
    }

    /// The path (`/items` unless said otherwise).
    pub fn path(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// How one page leads to the next (everything on one page unless said otherwise).
    pub fn paging(self, paging: Paging) -> Self {
        Self { paging, ..self }
    }

    /// Records per page (100 unless said otherwise).
    pub fn page_size(self, page_size: usize) -> Self {
        Self { page_size: page_size.max(1), ..self }
    }

    /// Lets this query parameter choose a smaller page.
    pub fn page_size_parameter(self, name: &str) -> Self {
        Self { page_size_parameter: Some(name.to_owned()), ..self }
    }

    /// Where the records are in the body, as a JSON pointer such as `/data/items`; the body itself is the list
    /// unless said otherwise.
    pub fn records_at(mut self, pointer: &str) -> Self {
        pointer.clone_into(&mut self.envelope.records_at);
        self
    }

    /// Tells the number of all records that pass the filters at this JSON pointer.
    pub fn total_at(mut self, pointer: &str) -> Self {
        self.envelope.total_at = Some(pointer.to_owned());
        self
    }

    /// Next URLs are paths instead of whole URLs.
    pub fn relative_next_urls(mut self) -> Self {
        self.envelope.relative_urls = true;
        self
    }

    /// When the query has `parameter`, serves only records whose `field` compares to it so. Numbers compare as
    /// numbers, all else as text; a record without the field does not pass.
    pub fn filter(mut self, field: &str, comparison: Comparison, parameter: &str) -> Self {
        self.filters.push(Filter { field: field.to_owned(), comparison, parameter: parameter.to_owned() });
        self
    }

    /// Serves the records in ascending order of this field; records with equal values keep their order.
    pub fn ordered_by(self, field: &str) -> Self {
        Self { order: Some((field.to_owned(), true)), ..self }
    }

    /// Serves the records in descending order of this field.
    pub fn ordered_by_descending(self, field: &str) -> Self {
        Self { order: Some((field.to_owned(), false)), ..self }
    }

    /// Answers 401 without this header.
    pub fn require_header(self, name: &str, value: &str) -> Self {
        Self { required_header: Some((name.to_owned(), value.to_owned())), ..self }
    }

    /// Gives each page an `ETag` of its body, and answers 304 to who knows it. As RFC 9110 (15.4.5) has it, a 304 has no
    /// other header of the page.
    pub fn etags(self) -> Self {
        Self { etags: true, ..self }
    }

    /// Waits so long before each answer.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Allows this many requests in each window of `per` (the first request begins the first window) and answers
    /// 429 with `Retry-After` beyond. The clock is tokio's: on paused time, windows are virtual.
    pub fn rate_limit(self, requests: usize, per: Duration) -> Self {
        Self { rate_limit: Some((requests, per)), ..self }
    }

    /// Breaks some answers.
    pub fn faults(self, mix: FaultMix) -> Self {
        Self { faults: Some(Faults::new(mix)), ..self }
    }

    /// Puts it behind its path. The handle sees what was asked and can change the records.
    ///
    /// # Panics
    /// When a token or URL in the body is wanted while the body is the list itself.
    pub fn serve(mut self, api: &FakeApi) -> Served {
        self.envelope.check(&self.paging);
        if !self.envelope.relative_urls {
            self.envelope.origin = api.url();
        }
        if self.order.is_some() || !self.filters.is_empty() {
            self.dataset.listed();
        }
        if let Some((field, ascending)) = &self.order {
            self.dataset.sort(field, *ascending);
        }
        let live = Live { dataset: self.dataset.clone(), faults: self.faults.clone(), window: None };
        let path = self.path.clone();
        let state = Arc::new(State {
            description: self,
            live: Mutex::new(live),
            requests: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            unchanged: AtomicUsize::new(0),
            faults: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
        });
        let answering = Arc::clone(&state);
        api.route(get(&path), move |request| answering.answer(request));
        Served { state }
    }
}

impl Served {
    /// Requests of any outcome.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Pages that were answered whole.
    pub fn pages(&self) -> usize {
        self.state.pages.load(Ordering::SeqCst)
    }

    /// Pages that were answered 304; they are not among [`Served::pages`].
    pub fn unchanged(&self) -> usize {
        self.state.unchanged.load(Ordering::SeqCst)
    }

    /// Answers that were broken on purpose.
    pub fn faults(&self) -> usize {
        self.state.faults.load(Ordering::SeqCst)
    }

    /// Requests beyond the rate limit, answered 429.
    pub fn refusals(&self) -> usize {
        self.state.refusals.load(Ordering::SeqCst)
    }

    /// Changes the records, as their owner at the origin does. Pages that are asked for from now on see the change.
    pub fn update(&self, change: impl FnOnce(&mut Vec<Value>)) {
        let mut live = self.state.live();
        change(live.dataset.listed());
        if let Some((field, ascending)) = &self.state.description.order {
            live.dataset.sort(field, *ascending);
        }
    }

    /// All records as they are now, in the order they are served.
    pub fn records(&self) -> Vec<Value> {
        self.state.live().dataset.listed().clone()
    }
}

impl State {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Response {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let description = &self.description;
        let mut live = self.live();
        let answer = match live.refuse(description, request) {
            Some(refusal) => {
                if refusal.0 == 429 {
                    self.refusals.fetch_add(1, Ordering::SeqCst);
                }
                refusal.1
            }
            None => match page::answer(description, &live.dataset, request) {
                Err(complaint) => Response::json(json!({"error": complaint})).with_status(400),
                Ok(page) => {
                    let broken = live.faults.as_mut().and_then(|faults| faults.broken(&page));
                    let counted = match &broken {
                        Some(_) => &self.faults,
                        None if page.status == 304 => &self.unchanged,
                        None => &self.pages,
                    };
                    counted.fetch_add(1, Ordering::SeqCst);
                    broken.unwrap_or(page)
                }
            },
        };
        answer.delay(description.latency)
    }
}

impl Live {
    /// What stands before the records: the credentials and the rate limit.
    fn refuse(&mut self, description: &PagedApi, request: &Request) -> Option<(u16, Response)> {
        if let Some((name, value)) = &description.required_header
            && request.header(name) != Some(value)
        {
            return Some((401, Response::json(json!({"error": "unauthorized"})).with_status(401)));
        }
        let (allowed, per) = description.rate_limit?;
        let now = Instant::now();
        let (begin, used) = match self.window {
            Some((begin, used)) if now.duration_since(begin) < per => (begin, used),
            _ => (now, 0),
        };
        self.window = Some((begin, used + 1));
        (used >= allowed).then(|| {
            let left = per.saturating_sub(now.duration_since(begin));
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            let response = Response::json(json!({"error": "too many requests"})).with_status(429);
            (429, response.header("Retry-After", seconds))
        })
    }
}
