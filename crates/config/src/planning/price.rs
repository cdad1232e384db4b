//! What requests cost, in points and in money, and what a run may spend.

use std::num::{NonZeroU32, NonZeroU64};

use serde_json::Value as Json;
use spile_model::Decimal;
use spile_plan::{BudgetPlan, CostPlan, PricePlan, UnitPrice};

use super::Planner;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{AmountText, BodySpec, CostForm, PipelineSpec, PriceSpec, StreamSpec};

impl Planner<'_, '_, '_> {
    /// `Some(None)` where the stream has no price.
    pub(super) fn price(&mut self, stream: &str, spec: &StreamSpec) -> Option<Option<PricePlan>> {
        let Some(price) = &spec.price else { return Some(None) };
        let path = ["streams", stream, "price"];
        let at = |key| [&path[..], &[key]].concat();
        let mut conflict = |message: &str, help: &str| {
            self.report(&path, Diagnostic::error(Code::Conflict, message).with_help(help));
        };
        match (&price.per_unit, &price.units) {
            (Some(_), None) => conflict(
                "`per_unit` needs to know how many units an answer was",
                "add `units:`, the path or the header that tells it",
            ),
            (None, Some(_)) => conflict("`units` have no price", "add `per_unit:`, or remove `units`"),
            (None, None) if price.per_request.is_none() && price.per_record.is_none() => {
                conflict("the price is for nothing", "add `per_request:`, `per_record:`, or `per_unit:` and `units:`");
            }
            _ => {}
        }
        let units = match &price.units {
            Some(units) => Some(self.token_source(&at("units"), units)?),
            None => None,
        };
        let or_zero = |amount: &Option<AmountText>| amount.as_ref().map_or(Decimal::ZERO, |amount| amount.0);
        let per_unit = units.map(|units| UnitPrice { price: or_zero(&price.per_unit), units });
        Some(Some(PricePlan {
            currency: price.currency.trim().into(),
            per_request: or_zero(&price.per_request),
            per_record: or_zero(&price.per_record),
            per_unit,
        }))
    }

    /// What a request costs, for limits that count that.
    pub(super) fn cost(&mut self, stream: &str, spec: &StreamSpec) -> Option<CostPlan> {
        Some(match &spec.cost {
            None if is_graphql(spec) => CostPlan::GraphQl,
            None => CostPlan::default(),
            Some(CostForm::Fixed(cost)) => CostPlan::Fixed(NonZeroU32::new(*cost)?),
            Some(CostForm::Told(told)) => CostPlan::Told {
                by: self.token_source(&["streams", stream, "cost", "told"], &told.told)?,
                estimate: told.estimate.and_then(NonZeroU32::new),
            },
        })
    }

    pub(super) fn budget(&mut self, spec: &PipelineSpec) -> BudgetPlan {
        self.check_currencies(spec);
        let Some(budget) = &spec.budget else { return BudgetPlan::default() };
        let path = ["budget", "max_cost"];
        if budget.max_cost.is_some() && spec.streams().all(|(_, stream)| stream.price.is_none()) {
            let message = "`max_cost` limits nothing: no stream has a price";
            let help = "say what requests cost: `defaults: { price: { per_request: 0.002, currency: USD } }`";
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
            self.places.report_with(&path, &[&["streams"], &["defaults"]], diagnostic);
        }
        if budget.max_cost.as_ref().is_some_and(|cost| cost.0.is_zero()) {
            let help = "remove it, or name the most that a run may cost";
            let message = "`max_cost` must be more than nothing";
            self.report(&path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
        }
        self.check_that_a_request_fits(spec, budget.max_cost);
        BudgetPlan {
            max_requests: budget.max_requests.and_then(NonZeroU64::new),
            max_cost: budget.max_cost.as_ref().map(|cost| cost.0),
        }
    }

    /// A run whose first request would exceed its budget does nothing, and so does every later one.
    fn check_that_a_request_fits(&mut self, spec: &PipelineSpec, max_cost: Option<AmountText>) {
        let Some(AmountText(most)) = max_cost.filter(|most| !most.0.is_zero()) else { return };
        for (name, stream) in spec.streams() {
            let per_request = stream.price.as_ref().and_then(|price| price.per_request);
            let Some(AmountText(price)) = per_request.filter(|price| price.0 > most) else { continue };
            let message = format!("one request costs {price}, and a run may cost {most}: none would be sent");
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("raise `budget.max_cost`");
            let place = ["streams", name, "price", "per_request"];
            self.places.report_with(&place, &[&["budget", "max_cost"]], diagnostic);
        }
    }

    /// Amounts of different currencies have no sum.
    fn check_currencies(&mut self, spec: &PipelineSpec) {
        let mut priced = spec.streams().filter_map(|(name, stream)| Some((name, currency(stream.price.as_ref()?))));
        let Some((first, known)) = priced.next() else { return };
        for (name, currency) in priced.filter(|(_, currency)| *currency != known) {
            let message = format!("the price is in {currency}, and that of `{first}` in {known}: they have no sum");
            let help = "write all prices in one currency";
            let path = ["streams", name, "price", "currency"];
            self.report(&path, Diagnostic::error(Code::Conflict, message).with_help(help));
        }
    }
}

/// Whether the body is a query of GraphQL (https://graphql.github.io/graphql-over-http/draft/#sec-Request).
fn is_graphql(spec: &StreamSpec) -> bool {
    matches!(&spec.body, Some(BodySpec::Json(json)) if json.get("query").is_some_and(Json::is_string))
}

fn currency(price: &PriceSpec) -> &str {
    price.currency.trim()
}
