//! What the requests of each stream cost: as the pipeline file says, or as the answers of the same stream told.
//!
//! What a request costs is often known only from its answer. Before it leaves, what the stream's last one was taken for
//! is reserved for it. While nothing is known yet, one request of the stream goes ahead alone.

use std::collections::HashMap;

use spile_model::StreamName;
use spile_plan::{CostPlan, StreamPlan};

use super::amount::Amount;
use super::bill::Cost;

pub(super) struct Costs(HashMap<StreamName, Known>);

/// What is known of a stream's requests.
struct Known {
    /// Answers tell it.
    told: bool,
    /// Where they do: one was answered.
    learned: bool,
    cost: Amount,
    /// Of which it is not settled what they cost.
    under_way: u32,
}

/// What a request is taken for before it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) cost: Amount,
    /// The file or an earlier answer says so.
    pub(super) known: bool,
}

impl Costs {
    pub(super) fn new<'p>(streams: impl Iterator<Item = &'p StreamPlan>) -> Self {
        let known = streams.map(|stream| {
            let (told, cost) = match &stream.cost {
                CostPlan::Fixed(cost) => (false, Some(*cost)),
                CostPlan::Told { estimate, .. } => (true, *estimate),
                CostPlan::GraphQl => (true, None),
            };
            let learned = cost.is_some();
            let cost = cost.map_or(Amount::ONE, |cost| cost.get().into());
            (stream.name.clone(), Known { told, learned, cost, under_way: 0 })
        });
        Self(known.collect())
    }

    pub(super) fn of(&self, stream: &StreamName) -> Estimate {
        match self.0.get(stream) {
            None => Estimate { cost: Amount::ONE, known: true },
            Some(known) if known.learned => Estimate { cost: known.cost, known: true },
            // The dearest of all is the safest guess.
            Some(_) => Estimate { cost: self.dearest(), known: false },
        }
    }

    /// The most that a request of any stream is known to cost.
    pub(super) fn dearest(&self) -> Amount {
        self.0.values().map(|known| known.cost).fold(Amount::ONE, Amount::max)
    }

    /// Whether answers to `stream` tell what they cost.
    pub(super) fn are_told_to(&self, stream: &StreamName) -> bool {
        self.0.get(stream).is_some_and(|known| known.told)
    }

    /// Whether another request of `stream` has to wait for what the first one costs.
    pub(super) fn are_awaited_by(&self, stream: &StreamName) -> bool {
        self.0.get(stream).is_some_and(|known| known.told && !known.learned && known.under_way > 0)
    }

    pub(super) fn depart(&mut self, stream: &StreamName) {
        if let Some(known) = self.0.get_mut(stream) {
            known.under_way += 1;
        }
    }

    /// A request that departed is settled, by what its answer told, where it told anything.
    pub(super) fn settled(&mut self, stream: &StreamName, told: Option<&Cost>) {
        let Some(known) = self.0.get_mut(stream) else { return };
        known.under_way = known.under_way.saturating_sub(1);
        if !known.told {
            return;
        }
        if let Some(cost) = told.and_then(|told| told.requested.or(told.actual)) {
            (known.learned, known.cost) = (true, Amount::of(cost));
        } else if told.is_some_and(|told| !told.refused) {
            known.learned = true; // it does not tell, and nobody waits for it again
        }
    }
}
