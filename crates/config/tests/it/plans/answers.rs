//! What is said of answers: rules, retries, versions, prices, the cache.

use std::time::Duration;

use spile_plan::{
    CachePlan, CostPlan, Counted, Matcher, ResponseRule, Reuse, TextMatch, TokenSource, Treatment, WaitPlace,
};

use crate::load;
use crate::plans::{SHORT, stream};

#[test]
fn answers_are_remembered_where_the_file_says_so() {
    let cache = |settings: &str| stream(&format!("{{ path: /items, primary_key: id, cache: {settings} }}")).cache;
    assert_eq!(cache("false"), None);
    assert_eq!(cache("true"), Some(CachePlan { reuse: Reuse::Never, pages: CachePlan::PAGES }));
    let pages = std::num::NonZeroUsize::new(7).unwrap();
    assert_eq!(cache("{ reuse: heuristic, pages: 7 }"), Some(CachePlan { reuse: Reuse::Heuristic, pages }));
    assert_eq!(
        stream("{ path: /items, cache: { reuse: fresh } }").cache.unwrap().reuse,
        Reuse::Fresh,
        "one page, replaced"
    );
}

#[test]
fn retries_have_a_budget_and_outages_an_end_and_each_setting_has_its_default() {
    let retries = |settings: &str| {
        let source = format!("https://api.example.com, retries: {settings}");
        load(&SHORT.replace("https://api.example.com", &source)).unwrap().source.retries
    };
    let partly = retries("{ budget: { percent: 5 }, outage: { give_up: 1h } }");
    assert_eq!((partly.budget.percent, partly.budget.floor), (5, 100));
    assert_eq!((partly.outage.failures.get(), partly.outage.give_up), (5, Duration::from_secs(3600)));
    let wholly = retries("{ budget: { percent: 0, floor: 0 }, outage: { failures: 9 } }");
    assert_eq!((wholly.budget.percent, wholly.budget.floor), (0, 0));
    assert_eq!((wholly.outage.failures.get(), wholly.outage.give_up), (9, Duration::from_secs(600)));
}

#[test]
fn a_version_is_asked_for_in_its_place_and_answers_are_held_against_it() {
    let source = |settings: &str| {
        let source = format!("https://api.example.com/x, {settings}");
        load(&SHORT.replace("https://api.example.com", &source)).unwrap().source
    };
    let sent = |named: &[spile_plan::NamedTemplate]| -> Vec<String> {
        named.iter().map(|one| format!("{}: {}", one.name, one.value.source())).collect()
    };
    let header = source("api_version: { header: X-Version, value: 2022-11-28 }");
    assert_eq!(sent(&header.headers), ["X-Version: 2022-11-28"]);
    assert_eq!(header.api_version.as_ref().unwrap().told_in, ["X-Version"]);
    let query = source("api_version: { query: v, value: 3, answered_in: X-Answered }");
    assert_eq!(sent(&query.query), ["v: 3"]);
    assert_eq!(query.api_version.as_ref().unwrap().told_in, ["X-Answered"]);
    let path = source("api_version: { path: /admin/api, value: 2024-01 }");
    assert_eq!(path.base_url, "https://api.example.com/x/admin/api/2024-01");
    assert_eq!(path.api_version.as_ref().unwrap().value, "2024-01");
    let media_type = source("api_version: { media_type: version, value: 2 }");
    assert_eq!(sent(&media_type.headers), ["Accept: application/json; version=2"]);
    let own = source("headers: { accept: application/vnd.x+json }, api_version: { media_type: v, value: 2 }");
    assert_eq!(sent(&own.headers), ["accept: application/vnd.x+json; v=2"]);
}

/// The rules of a stream with these `responses`.
fn rules(responses: &str) -> Vec<ResponseRule> {
    let source =
        "auth: { oauth2: { token_url: \"https://auth.example.com/token\", client_id: spile, client_secret: k } }";
    let text = SHORT.replace("{ path: /items }", &format!("{{ path: /items, responses: {responses} }}"));
    let text = text.replacen("source: {", &format!("source: {{ {source}, "), 1);
    load(&text).map_err(|diagnostics| diagnostics.to_string()).unwrap().streams.remove(0).responses
}

#[test]
fn a_rule_says_what_it_looks_at_in_short_and_in_long() {
    let [rule] = rules("{ status: 404, then: empty }").try_into().unwrap();
    assert!(matches!(&rule.when[..], [Matcher::Status(ranges)] if *ranges == [(404, 404)]));
    assert!(matches!(rule.then, Treatment::Empty));
    let all = rules(
        "[{ status: [404, 5xx, 420-429], header: X-A, body: $.error, text: [a, b], then: ignore },
          { header: { name: X-A, is: 7 }, then: { fail: no } },
          { body: { at: $.ok, is: false }, then: refresh_token },
          { body: { at: $.error, contains: [x, y] }, text: { matches: \"(?i)z\" }, then: retry }]",
    );
    let Matcher::Status(ranges) = &all[0].when[0] else { panic!("{:?}", all[0]) };
    assert_eq!(*ranges, [(404, 404), (500, 599), (420, 429)]);
    assert!(matches!(&all[0].when[1], Matcher::Header(name, None) if name == "X-A"));
    assert!(matches!(&all[0].when[2], Matcher::Body(path, None) if path.source() == "$.error"));
    assert!(matches!(&all[0].when[3], Matcher::Text(TextMatch::Contains(texts)) if texts.len() == 2));
    assert!(matches!(&all[1].when[..], [Matcher::Header(_, Some(TextMatch::Is(texts)))] if *texts == ["7"]));
    assert!(matches!(&all[2].when[..], [Matcher::Body(_, Some(TextMatch::Is(texts)))] if *texts == ["false"]));
    assert!(matches!(&all[3].when[1], Matcher::Text(TextMatch::Pattern(_))));
    assert!(matches!(all[0].then, Treatment::Page));
    assert!(matches!(&all[1].then, Treatment::Fail(message) if message == "no"));
    assert!(matches!(all[2].then, Treatment::RenewCredentials));
    assert!(matches!(&all[3].then, Treatment::Retry(rule) if rule.after.is_none() && rule.wait.is_none()));
}

#[test]
fn a_rule_says_when_to_try_again() {
    let retry = |settings: &str| {
        let then = format!("{{ status: 500, then: {{ retry: {settings} }} }}");
        match rules(&then).remove(0).then {
            Treatment::Retry(rule) => rule,
            other => panic!("{other:?}"),
        }
    };
    let rule = retry("{ after: { header: X-Wait, unit: ms, at_least: 2s, matches: \"([0-9]+)\" }, attempts: 9 }");
    let after = rule.after.unwrap();
    assert!(matches!(&after.place, WaitPlace::Header(name) if name == "X-Wait"));
    assert_eq!((after.milliseconds, after.at_least), (true, Duration::from_secs(2)));
    assert_eq!(after.pattern.unwrap().first("in 70 ms"), Some("70"));
    assert_eq!(rule.attempts.unwrap().get(), 9);
    let rule = retry("{ after: { body: $.retry_at }, wait: 30s, backoff: { base_wait: 5s } }");
    assert!(matches!(rule.after.unwrap().place, WaitPlace::Body(path) if path.source() == "$.retry_at"));
    assert_eq!(rule.wait, Some(Duration::from_secs(30)));
    assert_eq!(rule.backoff, Some((Duration::from_secs(5), Duration::from_secs(60))));
}

#[test]
fn prices_and_budgets_keep_every_digit() {
    let text = SHORT.replace(
        "{ path: /items }",
        "{ path: /items, price: { per_request: 0.0020, per_record: '1e-9', currency: USD } }",
    );
    let plan = load(&format!("{text}budget: {{ max_requests: 500, max_cost: 12.50 }}")).unwrap();
    let price = plan.streams[0].price.as_ref().unwrap();
    assert_eq!((price.per_request.to_string(), price.per_record.to_string()), ("0.0020".into(), "0.000000001".into()));
    assert!(price.per_unit.is_none());
    assert_eq!(plan.budget.max_requests.unwrap().get(), 500);
    assert_eq!(plan.budget.max_cost.unwrap().to_string(), "12.50");
    let by_unit = |units| {
        let price = format!("{{ path: /items, price: {{ per_unit: 0.1, units: {units}, currency: credits }} }}");
        stream(&price).price.unwrap().per_unit.unwrap().units
    };
    assert!(matches!(by_unit("$.usage.credits"), TokenSource::Body(path) if path.source() == "$.usage.credits"));
    assert!(matches!(by_unit("{ header: X-Credits }"), TokenSource::Header(name) if name == "X-Credits"));
    let free = load(SHORT).unwrap();
    assert!(free.streams[0].price.is_none() && free.budget == spile_plan::BudgetPlan::default());
}

#[test]
fn what_requests_cost_is_a_number_or_told_by_answers() {
    let cost = |settings: &str| stream(&format!("{{ path: /a, {settings} }}")).cost;
    assert!(matches!(cost("method: GET"), CostPlan::Fixed(one) if one.get() == 1));
    assert!(matches!(cost("cost: 5"), CostPlan::Fixed(five) if five.get() == 5));
    let told = cost("cost: { told: $.complexity, estimate: 50 }");
    assert!(matches!(told, CostPlan::Told { by: TokenSource::Body(_), estimate: Some(most) } if most.get() == 50));
    let told = cost("cost: { told: { header: X-Cost } }");
    assert!(matches!(told, CostPlan::Told { by: TokenSource::Header(_), estimate: None }));
    assert!(matches!(cost("body: { json: { query: '{ viewer { login } }' } }"), CostPlan::GraphQl));
    assert!(matches!(cost("cost: 2, body: { json: { query: '{ viewer { login } }' } }"), CostPlan::Fixed(_)));
    assert!(matches!(cost("body: { json: { query: { term: x } } }"), CostPlan::Fixed(_)), "a query of another kind");
    let limits = "https://api.example.com, rate_limit: [{ requests: 10, per: 1s }, { cost: 1000, per: 1m }]";
    let limits = load(&SHORT.replace("https://api.example.com", limits)).unwrap().source.rate_limits;
    assert_eq!((limits[0].counts, limits[0].most.get()), (Counted::Requests, 10));
    assert_eq!((limits[1].counts, limits[1].most.get()), (Counted::Cost, 1000));
}
