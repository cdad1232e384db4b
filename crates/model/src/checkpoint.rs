//! Progress and how it travels: a batch carries the change of progress that its rows account for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Answer, CursorValue, PartitionKey, RequestKey, RunId, StreamName};

/// How far one partition of a stream has got: what the destination stores, as JSON, in `_spile_state`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Everything up to here is in the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorValue>,
    /// Hashes of the records that stand exactly at `cursor`, so that an API that includes its lower bound does not
    /// double them under `append`. Bounded by [`Progress::BOUNDARY_LIMIT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boundary: Vec<u64>,
    /// A run that has committed rows beyond `cursor` but not finished. Under `append` those rows are removed in the
    /// transaction that reads them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<RunId>,
    /// The last run that read this partition to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<RunId>,
    /// What the answers told whose rows are in the table, for streams that are cached: so that a run that finds them
    /// unchanged need not load them again. Bounded by the plan's number of pages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<RequestKey, Answer>,
}

impl Progress {
    /// So many records may share the last cursor value before `append` asks for a primary key instead: the hashes
    /// stand in the state, which must stay small.
    pub const BOUNDARY_LIMIT: usize = 10_000;
}

/// The committed progress of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint {
    /// By partition; a stream that is not divided has the one key [`PartitionKey::whole`].
    pub partitions: BTreeMap<PartitionKey, Progress>,
}

/// The change of progress that a batch accounts for. It is committed with the batch's rows or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointDelta {
    /// Whose progress.
    pub stream: StreamName,
    /// Which partition.
    pub partition: PartitionKey,
    /// What must be stored when this is committed: a destination that finds something else refuses, for then
    /// somebody else has written in the meantime.
    pub from: Option<Progress>,
    /// What is stored afterwards.
    pub to: Progress,
}

impl CheckpointDelta {
    /// This delta followed by `next`, as one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self { from: self.from, ..next }
    }
}
