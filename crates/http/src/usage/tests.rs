use std::num::NonZeroU64;

use proptest::prelude::*;
use spile_model::money::parse_amount;
use spile_plan::{TokenSource, UnitPrice};
use spile_testkit::plan::{path, pipeline, stream};

use super::*;

fn items() -> StreamName {
    StreamName::new("items")
}

/// A ledger of a stream with this price (for a request, a record, a unit), under a budget.
fn ledger(price: [&str; 3], budget: BudgetPlan) -> Ledger {
    let [request, record, unit] = price.map(|amount| parse_amount(amount).unwrap());
    let mut priced = stream("items");
    priced.price = Some(PricePlan {
        currency: "USD".into(),
        per_request: request,
        per_record: record,
        per_unit: Some(UnitPrice { price: unit, units: TokenSource::Body(path("$.units")) }),
    });
    Ledger::new(&PipelinePlan { budget, ..pipeline("https://api.test", vec![priced]) })
}

fn cost(ledger: &Ledger) -> String {
    ledger.all_of(&items(), Vec::new()).swap_remove(0).cost.unwrap().to_string()
}

fn content(records: u64, units: &str) -> Content {
    Content { records, units: Some(parse_amount(units).unwrap()) }
}

#[test]
fn requests_records_and_units_are_charged_exactly() {
    let ledger = ledger(["0.002", "0.0001", "0.1"], BudgetPlan::default());
    for _ in 0..1000 {
        ledger.sent(&items()).unwrap();
        assert!(!ledger.received(&items(), content(3, "0.7")));
    }
    assert_eq!(cost(&ledger), "72.3 USD");
}

#[test]
fn units_that_are_not_told_are_noticed_once() {
    let ledger = ledger(["0", "0", "1"], BudgetPlan::default());
    let untold = Content { records: 1, units: None };
    assert!(ledger.received(&items(), untold));
    assert!(!ledger.received(&items(), untold));
    assert!(!ledger.received(&StreamName::new("free"), untold));
    assert_eq!(cost(&ledger), "0 USD");
}

#[test]
fn no_request_more_is_sent_than_the_budget_has() {
    let budget = BudgetPlan { max_requests: NonZeroU64::new(3), max_cost: None };
    let ledger = ledger(["0", "0", "0"], budget);
    let sent = (0..5).filter(|_| ledger.sent(&items()).is_ok()).count();
    let others = ledger.allows(&StreamName::new("others")).unwrap_err();
    assert_eq!(sent, 3);
    assert_eq!(others.kind, FailureKind::BudgetSpent);
    assert_eq!(others.message, "not sent: the run has sent 3 requests, as many as `budget.max_requests` allows");
}

#[test]
fn no_request_is_sent_that_would_cost_more_than_the_budget_has() {
    let budget = BudgetPlan { max_requests: None, max_cost: parse_amount("0.0059").ok() };
    let ledger = ledger(["0.002", "0", "0"], budget);
    let sent = (0..5).filter(|_| ledger.sent(&items()).is_ok()).count();
    assert_eq!((sent, cost(&ledger).as_str()), (2, "0.004 USD"));
    let refused = ledger.allows(&items()).unwrap_err();
    assert_eq!(refused.message, "not sent: the run has cost 0.004 USD, and `budget.max_cost` is 0.0059 USD");
}

#[test]
fn what_answers_cost_counts_against_the_budget() {
    let budget = BudgetPlan { max_requests: None, max_cost: parse_amount("1").ok() };
    let ledger = ledger(["0", "0", "0.5"], budget);
    ledger.received(&items(), content(0, "1"));
    assert!(ledger.allows(&items()).is_ok());
    ledger.received(&items(), content(0, "1"));
    assert!(ledger.allows(&items()).is_err());
}

#[test]
fn an_absurd_amount_is_the_largest_and_no_panic() {
    let ledger = ledger(["0", "0", "79228162514264337593543950335"], BudgetPlan::default());
    ledger.received(&items(), content(0, "79228162514264337593543950335"));
    ledger.received(&items(), content(0, "79228162514264337593543950335"));
    assert!(cost(&ledger).starts_with("792281625142643375"));
}

proptest! {
    #[test]
    fn answers_of_every_class_and_none_add_up_to_the_requests(statuses in prop::collection::vec(prop::option::of(100..700_u16), 0..50)) {
        let ledger = ledger(["0", "0", "0"], BudgetPlan::default());
        for status in &statuses {
            ledger.sent(&items()).unwrap();
            if let Some(status) = status {
                ledger.answered(&items(), *status, 1, Duration::from_millis(1));
            }
        }
        let usage = ledger.all_of(&items(), Vec::new()).swap_remove(0);
        let Statuses { status_2xx, status_3xx, status_4xx, status_5xx, unanswered } = usage.statuses;
        prop_assert_eq!(status_2xx + status_3xx + status_4xx + status_5xx + unanswered, usage.requests);
        prop_assert_eq!(unanswered, statuses.iter().filter(|status| status.is_none()).count() as u64);
        prop_assert_eq!(usage.latency.p99.is_some(), usage.bytes > 0);
    }
}
