//! What is remembered of a stream's answers.

use std::num::NonZeroUsize;

/// What is remembered of a stream's answers, so that what has not changed is neither sent nor loaded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePlan {
    /// When an answer stands for a new one without asking.
    pub reuse: Reuse,
    /// So many pages of the stream are remembered from one run to the next.
    pub pages: NonZeroUsize,
}

impl CachePlan {
    /// Pages that are remembered unless the file says otherwise: some 200 KiB of state, which is written with each commit.
    pub const PAGES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);
}

/// When an answer stands for a new one without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Never: the API is always asked whether it still holds.
    Never,
    /// While it is fresh by what the API says itself (RFC 9111, 4.2.1).
    Fresh,
    /// Also where the API says nothing, for a tenth of the time since its last change (RFC 9111, 4.2.2).
    Heuristic,
}
