//! Changes of progress that wait for their commit.

use spile_model::{CheckpointDelta, Failure, Progress};

use crate::catalog::conflict;

/// Changes of progress, one for each partition, in the order in which the partitions were last written.
#[derive(Default)]
pub(super) struct Deltas(pub(super) Vec<CheckpointDelta>);

impl Deltas {
    /// Adds a change; one that does not begin where the last one of its partition ended is refused.
    pub(super) fn add(&mut self, delta: CheckpointDelta) -> Result<(), Failure> {
        let before = self.0.iter().position(|known| known.partition == delta.partition);
        let delta = match before.map(|at| self.0.remove(at)) {
            Some(known) if delta.from.as_ref() == Some(&known.to) => known.then(delta),
            Some(_) => return Err(conflict(&delta.stream)),
            None => delta,
        };
        self.0.push(delta);
        Ok(())
    }

    pub(super) fn last(&self) -> Option<Progress> {
        self.0.last().map(|delta| delta.to.clone())
    }
}
