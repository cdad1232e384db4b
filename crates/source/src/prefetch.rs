//! Pages ahead of their reader: positions go in, fetched pages come out in order.
//!
//! Where a page's place follows from the one before it by counting, several are fetched at once; elsewhere the next one
//! is fetched while the present one is typed. What lies ahead is a guess: a page that turns out not to follow is given
//! up together with its errors. Bounded: in pages by the source's concurrency, in bytes by a budget that all streams
//! share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spile_model::{ByteSize, Failure, FailureKind};
use tokio_util::task::AbortOnDropHandle;

use crate::fetch::{Fetched, Fetcher};
use crate::pagination::{Next, Position};

/// What a page is taken to weigh before the first has come.
const UNKNOWN_PAGE: u64 = 1024 * 1024;

/// So many times as many pages are ahead as may be under way: while one takes as many times as long as the others, these
/// go on.
const AHEAD: usize = 4;

/// Bytes of pages that wait for being typed, over all streams.
pub(crate) struct Budget {
    limit: u64,
    taken: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: ByteSize) -> Self {
        Self { limit: limit.0, taken: AtomicU64::new(0) }
    }

    /// Room for `bytes`, if there is.
    fn reserve(self: &Arc<Self>, bytes: u64) -> Option<Arc<Reservation>> {
        let fits = |taken: u64| taken.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Arc::new(Reservation { budget: Arc::clone(self), bytes: AtomicU64::new(bytes) }))
    }

    /// Room for `bytes` whether there is or not: for the one page that a reader waits for.
    fn demand(self: &Arc<Self>, bytes: u64) -> Arc<Reservation> {
        self.taken.fetch_add(bytes, Ordering::AcqRel);
        Arc::new(Reservation { budget: Arc::clone(self), bytes: AtomicU64::new(bytes) })
    }
}

/// A part of the budget, given back when it is dropped.
struct Reservation {
    budget: Arc<Budget>,
    bytes: AtomicU64,
}

impl Reservation {
    /// The page weighs this much in truth.
    fn settle(&self, actual: u64) {
        let reserved = self.bytes.swap(actual, Ordering::AcqRel);
        self.budget.taken.fetch_add(actual, Ordering::AcqRel);
        self.budget.taken.fetch_sub(reserved, Ordering::AcqRel);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes.load(Ordering::Acquire), Ordering::AcqRel);
    }
}

/// A page that is being fetched, or waits.
struct Ahead {
    sequence: u64,
    position: Position,
    task: AbortOnDropHandle<Result<Fetched, Failure>>,
    _room: Arc<Reservation>,
}

pub(crate) struct Prefetch {
    fetcher: Arc<Fetcher>,
    budget: Arc<Budget>,
    /// The most pages that are ahead.
    most: usize,
    queue: VecDeque<Ahead>,
    started: u64,
    /// So many pages in a row were where they had been looked for.
    good: usize,
    /// What the last page weighed.
    weight: u64,
    /// The earliest page, by its sequence, that says that it is the last: nothing is fetched beyond it.
    horizon: Arc<AtomicU64>,
}

impl Prefetch {
    pub(crate) fn new(fetcher: Arc<Fetcher>, budget: Arc<Budget>, concurrency: usize) -> Self {
        Self {
            fetcher,
            budget,
            most: concurrency.saturating_mul(AHEAD),
            queue: VecDeque::new(),
            started: 0,
            good: 0,
            weight: UNKNOWN_PAGE,
            horizon: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    /// The page at `position` is needed next, and those behind it probably soon. `end`: where nothing can be any more.
    pub(crate) fn go_on(&mut self, position: &Position, end: Option<u64>) {
        if self.queue.front().is_some_and(|ahead| ahead.position != *position) {
            self.forget();
        }
        if self.queue.is_empty() {
            let room = self.budget.demand(self.weight);
            self.start(position.clone(), room);
        }
        while self.queue.len() < self.window(end)
            && let Some(position) = self.guess(end)
            && let Some(room) = self.budget.reserve(self.weight)
        {
            self.start(position, room);
        }
    }

    /// The page that is needed next, to be called after [`Prefetch::go_on`]. Cancel safe: until it has been handed over,
    /// it stays.
    pub(crate) async fn next(&mut self) -> Result<Fetched, Failure> {
        let ahead = self.queue.front_mut().expect("going on puts the needed page in front");
        let outcome = (&mut ahead.task).await;
        self.queue.pop_front();
        match outcome {
            Ok(Ok(fetched)) => {
                self.good += 1;
                if !fetched.unchanged {
                    self.weight = fetched.weight();
                }
                Ok(fetched)
            }
            Ok(Err(failure)) => Err(failure),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Failure::new(FailureKind::Interrupted, "the run is ending")),
            },
        }
    }

    /// Gives up what is ahead.
    pub(crate) fn forget(&mut self) {
        self.queue.clear();
        self.good = 0;
        self.horizon = Arc::new(AtomicU64::new(u64::MAX));
    }

    /// How many pages may be ahead. Where the end is not known, the one that is needed and no more behind it than were
    /// good: so a stream is not paid for with more requests beyond its end than it has pages, and one whose pages are
    /// never where they are looked for with next to none.
    fn window(&self, end: Option<u64>) -> usize {
        if end.is_some() { self.most } else { self.most.min(self.good + 1) }
    }

    /// Where the page behind the last one in the queue probably is.
    fn guess(&self, end: Option<u64>) -> Option<Position> {
        let last = self.queue.back().filter(|last| last.sequence < self.horizon.load(Ordering::Acquire))?;
        self.fetcher.paginator.guess(&last.position, end)
    }

    fn start(&mut self, position: Position, room: Arc<Reservation>) {
        self.started += 1;
        let sequence = self.started;
        let (fetcher, horizon) = (Arc::clone(&self.fetcher), Arc::clone(&self.horizon));
        let (wanted, weighed) = (position.clone(), Arc::clone(&room));
        let task = tokio::spawn(async move {
            let fetched = fetcher.fetch(&wanted).await?;
            weighed.settle(fetched.weight());
            if fetched.next == Next::End {
                horizon.fetch_min(sequence, Ordering::AcqRel);
            }
            Ok(fetched)
        });
        self.queue.push_back(Ahead { sequence, position, task: AbortOnDropHandle::new(task), _room: room });
    }
}
