//! What an answer cost, which only the reader of its body knows.
//!
//! Enters: a request that departed and was answered, and what its reader tells. Leaves: nothing but the limiter, put
//! right. Until a bill is settled, what was reserved for its request stays reserved; dropped without a word, it stays
//! counted as what was reserved.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use spile_model::StreamName;

use super::Limiter;
use super::permit::Permitted;

/// What the body of an answer tells of its cost, and of the limit that it was taken from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// What is taken from the limit before the API begins to answer, where that is told apart from what is taken in the
    /// end.
    pub requested: Option<f64>,
    /// What was taken in the end.
    pub actual: Option<f64>,
    /// The name of the limit; empty where there is only one.
    pub name: &'static str,
    /// How much the limit allows.
    pub limit: Option<f64>,
    /// How much of it is left.
    pub left: Option<f64>,
    /// How much comes back in each second.
    pub restore: Option<f64>,
    /// When all of it is there again.
    pub renews_at: Option<Timestamp>,
    /// The request was refused, for too little was left.
    pub refused: bool,
}

/// Whether and how the cost of an answer is to be told. Cheap to clone; all clones are the same bill.
#[derive(Clone, Default)]
pub struct Bill(Option<Arc<Open>>);

struct Open {
    limiter: Arc<Limiter>,
    stream: StreamName,
    /// What was reserved; gone once it is settled.
    permitted: Mutex<Option<Permitted>>,
}

impl Bill {
    pub(super) fn new(limiter: &Arc<Limiter>, stream: &StreamName, permitted: Permitted) -> Self {
        let permitted = Mutex::new(Some(permitted));
        Self(Some(Arc::new(Open { limiter: Arc::clone(limiter), stream: stream.clone(), permitted })))
    }

    /// Settles it; only what is told first counts. `now`: the time of the wall clock.
    pub fn tell(&self, cost: &Cost, now: Timestamp) {
        if let Some(open) = &self.0 {
            open.settle(Some(cost), now);
        }
    }
}

impl Open {
    fn settle(&self, cost: Option<&Cost>, clock: Timestamp) {
        let permitted = self.permitted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(permitted) = permitted {
            self.limiter.settle(permitted, &self.stream, cost, clock);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.settle(None, Timestamp::UNIX_EPOCH);
    }
}

impl std::fmt::Debug for Bill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Bill(open)" } else { "Bill" })
    }
}
