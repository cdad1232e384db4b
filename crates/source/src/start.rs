//! What a stream's requests start from.

use std::collections::BTreeMap;

use spile_model::{Answer, CursorValue, RequestKey};

/// What a stream's requests start from; nothing, where it was not read before.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// From here on, a lookback having been taken off already; from the stream's configured start where there is none.
    pub cursor: Option<CursorValue>,
    /// The answers whose rows the table has: where the stream is cached, these come as pages that are unchanged, if they
    /// are.
    pub answers: BTreeMap<RequestKey, Answer>,
}
