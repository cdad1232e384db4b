//! What is recorded of a stream while it is read.

use std::sync::Arc;

use spile_archive::{Reached, Recorder};
use spile_model::{Failure, Progress, StreamName};

use super::mark::mark;
use super::written;

/// A stream whose run is recorded.
pub(crate) struct StreamRecording {
    recorder: Arc<Recorder>,
    stream: StreamName,
    /// To what it came last.
    mark: Option<u64>,
}

impl StreamRecording {
    pub(super) fn of(recorder: &Arc<Recorder>, stream: &StreamName) -> Self {
        Self { recorder: Arc::clone(recorder), stream: stream.clone(), mark: None }
    }

    /// With the rows up to this page, the progress is this. Told before they are written: whatever was committed when the
    /// run is killed, the archive knows it.
    ///
    /// # Errors
    /// [`FailureKind::Archive`](spile_model::FailureKind::Archive)
    pub(crate) fn comes_to(&mut self, progress: &Progress, pages: u64) -> Result<(), Failure> {
        let progress = mark(progress);
        if self.mark.replace(progress) == Some(progress) {
            return Ok(());
        }
        written(&self.recorder, self.recorder.reached(Reached { stream: self.stream.clone(), pages, progress }))
    }
}
