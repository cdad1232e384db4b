//! What a response tells of its cost: for the limits, which count it.

use spile_expression::RecordPath;
use spile_http::{Cost, Response, graphql};
use spile_model::money::parse_amount;
use spile_model::{Decimal, Failure, FailureKind};
use spile_plan::CostPlan;

use crate::extract::Signals;
use crate::pagination::Wanted;
use crate::place::Place;

/// How responses of one stream tell their cost.
pub(crate) enum Costs {
    /// Not at all.
    Untold,
    At(Place),
    /// In the ways of GraphQL, at these paths.
    GraphQl([usize; graphql::PATHS.len()]),
}

impl Costs {
    /// As the stream's plan says; the paths that it needs are added to `wanted`.
    pub(crate) fn new(plan: &CostPlan, wanted: &mut Wanted) -> Self {
        match plan {
            CostPlan::Fixed(_) => Self::Untold,
            CostPlan::Told { by, .. } => Self::At(Place::new(by, wanted)),
            CostPlan::GraphQl => Self::GraphQl(
                graphql::PATHS.map(|path| wanted.add(&RecordPath::compile(path).expect("these are paths"))),
            ),
        }
    }

    /// Settles the response's bill.
    ///
    /// # Errors
    /// [`FailureKind::RateLimited`], where the body says that the request was refused.
    pub(crate) fn settle(&self, response: &Response, signals: &Signals) -> Result<(), Failure> {
        let cost = match self {
            Self::Untold => return Ok(()),
            Self::At(place) => {
                let actual = place.text(response, signals).and_then(|text| parse_amount(text).ok());
                Cost { actual: actual.and_then(as_float), ..Cost::default() }
            }
            Self::GraphQl(places) => graphql::read(|index| signals.get(places[index])?.as_text()),
        };
        response.bill.tell(&cost, response.received_at);
        if cost.refused {
            let message = format!(
                "answered with {}, but its body says that the request was refused, for too little of the limit was left",
                response.status
            );
            return Err(Failure::new(FailureKind::RateLimited, message));
        }
        Ok(())
    }
}

fn as_float(amount: Decimal) -> Option<f64> {
    amount.to_string().parse().ok()
}
