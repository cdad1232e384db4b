//! The pages of one stream, one after the other.

use std::sync::Arc;

use spile_http::Client;
use spile_model::{Failure, FailureKind, Page, PartitionKey, StreamName};
use spile_plan::{PipelinePlan, StreamPlan};
use tracing::{Level, enabled, trace};

use crate::fetch::{Fetched, Fetcher};
use crate::guard::Guard;
use crate::pagination::Next;
use crate::placed;
use crate::prefetch::{Budget, Prefetch};
use crate::start::Start;

/// The pages of a stream's partition, fetched ahead of their reader. Dropping it gives up what is under way.
pub struct Pages {
    stream: StreamName,
    fetcher: Arc<Fetcher>,
    prefetch: Prefetch,
    guard: Guard,
    /// What to look at when pages repeat.
    hint: String,
    delivered: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Reading,
    Ended,
    Failed,
}

impl Pages {
    pub(crate) fn new(
        plan: &PipelinePlan,
        stream: &StreamPlan,
        start: Start,
        client: &Client,
        budget: &Arc<Budget>,
    ) -> Self {
        let fetcher = Arc::new(Fetcher::new(plan, stream, start, client));
        let concurrency = usize::try_from(plan.source.concurrency.get()).unwrap_or(usize::MAX);
        Self {
            stream: stream.name.clone(),
            prefetch: Prefetch::new(Arc::clone(&fetcher), Arc::clone(budget), concurrency),
            guard: Guard::new(stream.pagination.max_pages.get()),
            hint: fetcher.paginator.hint(),
            fetcher,
            delivered: 0,
            stage: Stage::New,
        }
    }

    /// The next page; `None` after the last one, whose `last` is set.
    ///
    /// Must be called within a tokio runtime. Cancel safe: a page that is under way stays so, and the next call waits
    /// for the same one.
    ///
    /// # Errors
    /// Placed at the stream and the page that failed. After a failure there are no more pages.
    pub async fn next_page(&mut self) -> Result<Option<Page>, Failure> {
        match self.stage {
            Stage::New => {
                self.prefetch.go_on(&self.fetcher.paginator.first(), None);
                self.stage = Stage::Reading;
            }
            Stage::Reading => {}
            Stage::Ended => return Ok(None),
            Stage::Failed => return Err(self.at_next(Failure::new(FailureKind::Interrupted, "an earlier page failed"))),
        }
        let outcome = self.prefetch.next().await;
        let page = outcome.and_then(|fetched| self.in_order(fetched)).map_err(|failure| {
            self.stage = Stage::Failed;
            self.prefetch.forget();
            self.at_next(failure)
        })?;
        self.delivered = page.number;
        Ok(Some(page))
    }

    /// Takes a page at its place in the order, and sends for those behind it.
    fn in_order(&mut self, fetched: Fetched) -> Result<Page, Failure> {
        let number = self.delivered + 1;
        self.log(number, &fetched);
        self.guard.page(number, fetched.contents, &self.hint)?;
        match &fetched.next {
            Next::End => {
                self.stage = Stage::Ended;
                self.prefetch.forget();
            }
            Next::At(position) => {
                self.guard.advance(number, position, |position| self.fetcher.show(position), &self.hint)?;
                self.prefetch.go_on(position, fetched.end);
            }
        }
        self.fetcher.used(&fetched)?;
        let extracted = fetched.extracted;
        Ok(Page {
            stream: self.stream.clone(),
            partition: PartitionKey::whole(),
            number,
            request: fetched.request,
            received_at: fetched.received_at,
            body: extracted.body,
            records: extracted.records,
            rejects: extracted.rejects,
            last: fetched.next == Next::End,
            answer: fetched.answer,
            unchanged: fetched.unchanged,
        })
    }

    fn log(&self, number: u64, fetched: &Fetched) {
        if !enabled!(Level::TRACE) {
            return;
        }
        let next = match &fetched.next {
            Next::End => "none".to_owned(),
            Next::At(position) => self.fetcher.show(position),
        };
        let records = fetched.extracted.records.len();
        let held = if fetched.unchanged { "unchanged".to_owned() } else { format!("{records} records") };
        trace!(stream = %self.stream, "page {number}: {held}; next page: {next}");
    }

    fn at_next(&self, failure: Failure) -> Failure {
        placed(failure, &self.stream, self.delivered + 1)
    }
}
