//! A destination that fails or calls somebody at a chosen call: before anything was done, or after it was.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use spile_destination::{
    Batch, Committed, Destination, RunEnd, RunStart, StreamState, StreamTarget, StreamWriter, Written,
};
use spile_model::{Checkpoint, Failure, FailureKind, RunId, StreamName, TableSchema};

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    /// The call did its work, and nobody hears of it.
    After,
}

/// Wraps a destination. Its writers fail at the n-th call of `write` or `finish`, counted from 0.
pub(crate) struct Unreliable {
    pub(crate) inner: Arc<dyn Destination>,
    pub(crate) shared: Arc<Shared>,
    /// Says that there is no table yet.
    pub(crate) forgets_schema: bool,
}

/// What its writers share.
pub(crate) struct Shared {
    pub(crate) fails: Option<(usize, Moment)>,
    pub(crate) calls: AtomicUsize,
    /// Called at each write, with the number of the call.
    pub(crate) at_write: Mutex<Box<dyn FnMut(usize) + Send>>,
}

impl Unreliable {
    pub(crate) fn failing(inner: Arc<dyn Destination>, call: usize, moment: Moment) -> Self {
        Self::new(inner, Some((call, moment)), |_| {})
    }

    pub(crate) fn calling(inner: Arc<dyn Destination>, at_write: impl FnMut(usize) + Send + 'static) -> Self {
        Self::new(inner, None, at_write)
    }

    pub(crate) fn forgetting(inner: Arc<dyn Destination>) -> Self {
        Self { forgets_schema: true, ..Self::new(inner, None, |_| {}) }
    }

    fn new(
        inner: Arc<dyn Destination>,
        fails: Option<(usize, Moment)>,
        at_write: impl FnMut(usize) + Send + 'static,
    ) -> Self {
        let shared = Shared { fails, calls: AtomicUsize::new(0), at_write: Mutex::new(Box::new(at_write)) };
        Self { inner, shared: Arc::new(shared), forgets_schema: false }
    }
}

struct UnreliableWriter {
    inner: Box<dyn StreamWriter>,
    shared: Arc<Shared>,
    forgets_schema: bool,
}

impl Shared {
    fn next_call(&self) -> Option<Moment> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (self.at_write.lock().unwrap())(call);
        self.fails.filter(|(failing, _)| *failing == call).map(|(_, moment)| moment)
    }
}

fn broken() -> Failure {
    Failure::new(FailureKind::Destination, "the destination broke")
}

#[async_trait]
impl Destination for Unreliable {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    async fn begin_run(&self, start: &RunStart) -> Result<RunId, Failure> {
        self.inner.begin_run(start).await
    }

    async fn checkpoint(&self, stream: &StreamName) -> Result<Checkpoint, Failure> {
        self.inner.checkpoint(stream).await
    }

    async fn open_stream(&self, target: StreamTarget) -> Result<Box<dyn StreamWriter>, Failure> {
        let inner = self.inner.open_stream(target).await?;
        Ok(Box::new(UnreliableWriter { inner, shared: self.shared.clone(), forgets_schema: self.forgets_schema }))
    }

    async fn end_run(&self, run: RunId, end: &RunEnd) -> Result<(), Failure> {
        self.inner.end_run(run, end).await
    }

    async fn states(&self) -> Result<Vec<StreamState>, Failure> {
        self.inner.states().await
    }

    async fn reset(&self, stream: &StreamName, drop_tables: bool) -> Result<bool, Failure> {
        self.inner.reset(stream, drop_tables).await
    }
}

#[async_trait]
impl StreamWriter for UnreliableWriter {
    fn known_schema(&self) -> Option<&TableSchema> {
        self.inner.known_schema().filter(|_| !self.forgets_schema)
    }

    async fn write(&mut self, batch: Batch) -> Result<Written, Failure> {
        let moment = self.shared.next_call();
        if moment == Some(Moment::Before) {
            return Err(broken());
        }
        let written = self.inner.write(batch).await?;
        if moment == Some(Moment::After) { Err(broken()) } else { Ok(written) }
    }

    async fn flush(&mut self) -> Result<Option<Committed>, Failure> {
        self.inner.flush().await
    }

    async fn finish(self: Box<Self>, complete: bool) -> Result<Option<Committed>, Failure> {
        let moment = self.shared.next_call();
        if moment == Some(Moment::Before) {
            return Err(broken());
        }
        let finished = self.inner.finish(complete).await?;
        if moment == Some(Moment::After) { Err(broken()) } else { Ok(finished) }
    }
}
