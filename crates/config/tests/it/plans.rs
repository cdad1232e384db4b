//! Pipelines that load, and what becomes of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use spile_config::{Replayed, Settings, load_str};
use spile_model::{ByteSize, ColumnType};
use spile_plan::{
    AuthPlan, BodyPlan, CachePlan, ClientPlan, ClientProof, CostPlan, Counted, CursorOrder, DestinationPlan,
    ExpiryPlace, GrantPlan, HmacAlgorithm, HmacEncoding, Injection, JsonTemplate, JwtAlgorithm, Lists, Lookback,
    Matcher, Nested, PaginationKind, PipelinePlan, ProxyPlan, ResponseRule, Reuse, StreamPlan, TextMatch, TokenSource,
    Treatment, Variable, WaitPlace, WriteMode,
};

use crate::load;

const SHORT: &str = "
name: demo
source: { base_url: https://api.example.com }
streams: { items: { path: /items } }
destination: duckdb:demo.duckdb
";

const LONG: &str = include_str!("pipelines/github.yaml");

fn github() -> PipelinePlan {
    let env = |name: &str| (name == "GITHUB_TOKEN").then(|| "ghp_secret".to_owned());
    let settings = Settings { env: Box::new(env), ..Settings::none() };
    load_str("github.yaml", LONG, Some(Path::new("/etc/pipes")), &settings).map_err(|d| d.to_string()).unwrap().plan
}

fn stream(settings: &str) -> StreamPlan {
    let text = SHORT.replace("{ path: /items }", settings);
    load(&text).map_err(|diagnostics| diagnostics.to_string()).unwrap().streams.remove(0)
}

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
fn the_shortest_pipeline_has_defaults_for_all_the_rest() {
    let plan = load(SHORT).unwrap();
    let items = &plan.streams[0];
    assert_eq!(items.request.method, "GET");
    assert_eq!(items.table, "items");
    assert_eq!(items.write, WriteMode::Replace);
    assert_eq!(items.records.source(), "$");
    assert!(matches!(items.pagination.kind, PaginationKind::None));
    assert!(matches!(plan.source.auth, AuthPlan::None));
    assert_eq!(plan.source.concurrency.get(), 8);
    assert_eq!(plan.destination.describe(), "duckdb:demo.duckdb");
}

#[test]
fn every_setting_reaches_the_plan() {
    let plan = github();
    assert_eq!(plan.source.rate_limits.len(), 2);
    assert_eq!(plan.source.rate_limits[0].per, Duration::from_secs(3600));
    assert_eq!(plan.source.timeouts.read, Duration::from_secs(45));
    assert_eq!(plan.source.timeouts.connect, Duration::from_secs(10));
    assert_eq!(plan.source.retries.attempts.get(), 3);
    assert_eq!(plan.source.limits.body, ByteSize::mib(256));
    let DestinationPlan::DuckDb(duckdb) = &plan.destination;
    assert_eq!(duckdb.path, PathBuf::from("/etc/pipes/github.duckdb"));
    assert_eq!(duckdb.schema, "raw");
    assert_eq!((duckdb.commit.rows, duckdb.commit.age), (1000, Duration::from_secs(10)));
    let [issues, search, commits] = plan.streams.as_slice() else { panic!("three streams") };
    assert_eq!(issues.write, WriteMode::Merge);
    assert_eq!(issues.primary_key, ["id"]);
    assert_eq!(issues.shape.nested, Nested::Json, "from the defaults");
    assert_eq!(issues.shape.columns["score"], ColumnType::Decimal { precision: 18, scale: 4 });
    assert_eq!(search.shape.nested, Nested::Flatten, "its own goes first");
    assert_eq!(search.shape.lists, Lists::ChildTables);
    assert_eq!(search.request.method, "POST");
    assert_eq!(commits.write, WriteMode::Append);
}

#[test]
fn allowed_origins_and_private_hosts_are_written_as_urls_write_them() {
    let text = SHORT.replace(
        "base_url: https://api.example.com",
        "base_url: https://API.example.com, private_hosts: [Api.Example.com, bücher.example],
         allowed_origins: ['https://Files.example.com:443/', 'http://10.0.0.8:9000', 'https://bücher.example']",
    );
    let text = text.replace("path: /items", "path: https://files.example.com/items");
    let plan = load(&text).map_err(|diagnostics| diagnostics.to_string()).unwrap();
    let origins = ["https://files.example.com", "http://10.0.0.8:9000", "https://xn--bcher-kva.example"];
    assert_eq!(plan.source.allowed_origins, origins);
    assert_eq!(plan.source.private_hosts, ["api.example.com", "xn--bcher-kva.example"]);
    let one = SHORT.replace("https://api.example.com", "https://a.example, allowed_origins: 'https://b.example'");
    assert_eq!(load(&one).unwrap().source.allowed_origins, ["https://b.example"]);
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
fn a_request_is_idempotent_as_its_method_is_unless_the_file_says_otherwise() {
    let idempotent = |settings: &str| stream(settings).request.idempotent;
    assert!(idempotent("{ path: /a }"));
    assert!(idempotent("{ path: /a, method: PUT }"));
    assert!(!idempotent("{ path: /a, method: PATCH }"));
    assert!(!idempotent("{ path: /a, body: { json: {} } }"));
    assert!(idempotent("{ path: /a, idempotent: true, body: { json: {} } }"));
    assert!(!idempotent("{ path: /a, idempotent: false }"));
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
fn the_cursor_has_its_place_lookback_and_order() {
    let plan = github();
    let cursor = plan.streams[0].cursor.as_ref().unwrap();
    assert_eq!(cursor.field, "updated_at");
    assert_eq!(cursor.inject, Some(Injection::Query("since".into())));
    assert_eq!(cursor.lookback, Lookback::Time(Duration::from_secs(300)));
    assert_eq!(cursor.order, CursorOrder::Ascending);
    assert_eq!(cursor.start.as_deref(), Some("2020-01-01"));
    let by_id = stream("{ path: /a, write: append, cursor: { field: id, param: after, start: 0 } }");
    assert_eq!(by_id.cursor.unwrap().start.as_deref(), Some("0"));
    let text =
        SHORT.replace("{ path: /items }", "{ path: /a, cursor: { field: t, param: since, start: \"{{ begin }}\" } }");
    let plan = load(&text.replace("source:", "variables: { begin: 2024-02-03 }\nsource:")).unwrap();
    assert_eq!(plan.streams[0].cursor.as_ref().unwrap().start.as_deref(), Some("2024-02-03"));
}

#[test]
fn paginators_are_found_by_their_kind() {
    let kind = |pagination: &str| stream(&format!("{{ path: /a, pagination: {pagination} }}")).pagination.kind;
    assert!(matches!(kind("link_header"), PaginationKind::LinkHeader));
    assert!(matches!(kind("{ next_url: $.next }"), PaginationKind::NextUrl { url } if url.source() == "$.next"));
    let PaginationKind::PageNumber { page, start, size, .. } = kind("page_number") else { panic!("numbered") };
    assert_eq!((page, start, size), (Injection::Query("page".into()), 1, None));
    let PaginationKind::Offset { limit, offset, .. } =
        kind("{ offset: { limit: 50, limit_param: { header: X-Limit } } }")
    else {
        panic!("by offset")
    };
    assert_eq!(offset, Injection::Query("offset".into()));
    assert_eq!((limit.inject, limit.size.get()), (Some(Injection::Header("X-Limit".into())), 50));
    let PaginationKind::PageToken { token, .. } = kind("{ page_token: { token: { header: X-Next }, param: after } }")
    else {
        panic!("by token")
    };
    assert!(matches!(token, TokenSource::Header(name) if name == "X-Next"));
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

#[test]
fn a_json_body_keeps_its_order_and_its_kinds() {
    let plan = stream(
        "{ path: /a, body: { json: { z: 1, a: [\"x{{ 1 + 1 }}\", true], after: null } }, pagination: { page_token: { token: next, param: { body: variables.after } } } }",
    );
    let Some(BodyPlan::Json(JsonTemplate::Object(members))) = plan.request.body else { panic!("an object") };
    assert_eq!(members.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["z", "a", "after"]);
    assert!(matches!(&members[0].1, JsonTemplate::Literal(value) if value == 1));
    let PaginationKind::PageToken { inject, .. } = plan.pagination.kind else { panic!("by token") };
    assert_eq!(inject, Injection::Body(vec!["variables".into(), "after".into()]));
}

#[test]
fn the_way_of_writing_follows_from_key_and_cursor() {
    assert_eq!(stream("{ path: /a, primary_key: id }").write, WriteMode::Merge);
    assert_eq!(stream("{ path: /a, cursor: { field: t, param: since } }").write, WriteMode::Append);
    assert_eq!(stream("{ path: /a, query: { since: \"{{ cursor }}\" }, cursor: t }").write, WriteMode::Append);
    assert_eq!(stream("{ path: /a, primary_key: id, write: append }").write, WriteMode::Append);
}

#[test]
fn scalars_in_headers_and_queries_are_taken_as_they_are_written() {
    let plan =
        stream("{ path: /a, query: { v: 1.10, on: true, day: 2024-01-01, ids: [1, 02] }, headers: { X-V: 0x1F } }");
    let query: Vec<_> = plan.request.query.iter().map(|p| (p.name.as_str(), p.value.source())).collect();
    assert_eq!(query, [("v", "1.10"), ("on", "true"), ("day", "2024-01-01"), ("ids", "1"), ("ids", "02")]);
    assert_eq!(plan.request.headers[0].value.source(), "0x1F");
}

#[test]
fn a_variable_is_set_before_the_environment_before_the_default() {
    let text = SHORT.replace(
        "source:",
        "variables:\n  a: { default: one, env: A }\n  b: { default: one, env: B }\n  c: { default: one, env: C }\n  list: [x]\n  n: 5\n  v: 1.10\nsource:",
    );
    let env = |name: &str| match name {
        "A" | "B" => Some("two".to_owned()),
        "C" => Some(String::new()),
        _ => None,
    };
    let set = [("a", "three"), ("list", "p, q"), ("n", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let plan = load_str("p", &text, None, &Settings { set: set.into(), env: Box::new(env), ..Settings::none() });
    let plan = plan.unwrap().plan;
    let value = |name: &str| match &plan.variables.0[name] {
        Variable::Plain(value) => value.to_string(),
        Variable::Secret(_) => "secret".to_owned(),
    };
    assert_eq!(["a", "b", "c"].map(value), ["\"three\"", "\"two\"", "\"one\""]);
    assert_eq!(["list", "n", "v"].map(value), ["[\"p\",\"q\"]", "7", "\"1.10\""]);
}

#[test]
fn secrets_cannot_be_seen_in_a_plan() {
    let plan = github();
    assert!(matches!(&plan.variables.0["token"], Variable::Secret(secret) if secret.expose() == "ghp_secret"));
    assert!(!format!("{:?}", plan.variables).contains("ghp_secret"));
    let literal = SHORT.replace("api.example.com }", "api.example.com, auth: { bearer: hunter2 } }");
    let secrets = load(&literal).unwrap().variables.secrets();
    assert_eq!(secrets[0].expose(), "hunter2", "a credential in the file itself is kept out of messages too");
}

#[test]
fn a_replayed_pipeline_has_the_recorded_variables_and_needs_no_secret() {
    let text = format!(
        "{SHORT}variables:\n  a: {{ env: A }}\n  b: {{ default: 1 }}\n  c: {{ env: C }}\n  s: {{ secret: true, env: S }}\n  \
         t: {{ store: shop/token }}\n"
    );
    let recorded = [("a", "one".into()), ("b", 2.into()), ("c", "three".into()), ("gone", 4.into())];
    let recorded = recorded.map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value));
    let settings = Settings {
        set: vec![("c".to_owned(), "mine".to_owned())],
        env: Box::new(|_| Some("now".to_owned())),
        replayed: Some(Replayed(recorded.into())),
        ..Settings::none()
    };
    let plan = load_str("p", &text, None, &settings).map_err(|problems| problems.to_string()).unwrap().plan;
    let value = |name: &str| match &plan.variables.0[name] {
        Variable::Plain(value) => value.to_string(),
        Variable::Secret(secret) => format!("secret {}", secret.expose()),
    };
    let values = ["a", "b", "c", "s", "t"].map(value);
    assert_eq!(values, ["\"one\"", "2", "\"mine\"", "secret [redacted]", "secret [redacted]"]);
}

#[test]
fn a_replayed_pipeline_reaches_nothing_and_names_the_secret_that_must_be_known_all_the_same() {
    let replayed = |source: &str| {
        let text = SHORT.replace("base_url: https://api.example.com", source);
        let text = text.replace("\nsource:", "\nvariables: { pp: { secret: true, env: PP } }\nsource:");
        let settings = Settings { replayed: Some(Replayed([].into())), ..Settings::none() };
        load_str("p", &text, None, &settings).map(|loaded| loaded.plan.source).map_err(|problems| problems.to_string())
    };
    for source in [
        "proxy: { url: '{{ pp }}' }",
        "tls: { ca: '{{ pp }}', client_certificate: '{{ pp }}', client_key: '{{ pp }}' }",
        "auth: { oauth2: { token_url: '{{ pp }}', client_id: me, client_secret: '{{ pp }}' } }",
        "auth: { session: { url: '{{ pp }}', token: $.token, send: { bearer: '{{ session_token }}' } } }",
    ] {
        let plan = replayed(&format!("base_url: https://api.example.com, {source}")).unwrap();
        assert!(matches!((&plan.proxy, &plan.auth), (ProxyPlan::None, AuthPlan::None)), "{source}");
        assert!(plan.tls.authorities.is_none() && plan.tls.identity.is_none(), "{source}");
    }
    let refused = replayed("base_url: '{{ pp }}'").unwrap_err();
    assert!(refused.contains("`pp` is not set") && refused.contains("give it by `--set pp=…`"), "{refused}");
}

/// The plan of the authentication that `auth` says.
fn auth(auth: &str) -> Result<AuthPlan, String> {
    let text = SHORT.replace("api.example.com }", &format!("api.example.com, auth: {auth} }}"));
    let text = text.replace("\nsource:", "\nvariables: { key: { secret: true, env: KEY } }\nsource:");
    let env = |name: &str| (name == "KEY").then(|| "k3y".to_owned());
    let settings = Settings { env: Box::new(env), ..Settings::none() };
    load_str("p", &text, None, &settings)
        .map(|loaded| loaded.plan.source.auth)
        .map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn oauth2_needs_little_and_takes_much() {
    let least = "{ oauth2: { token_url: 'https://a.test/t?x=1', client_id: me, client_secret: '{{ key }}' } }";
    let AuthPlan::OAuth2(plan) = auth(least).unwrap() else { panic!("{least}") };
    assert_eq!(plan.token_url, "https://a.test/t?x=1");
    let GrantPlan::ClientCredentials(client) = plan.grant else { panic!("{least}") };
    assert!(matches!(&client.proof, ClientProof::Basic(secret) if secret.source() == "{{ key }}"));
    assert!(plan.scopes.is_empty() && plan.parameters.is_empty() && plan.lifetime.is_none());
    let most = "{ oauth2: { token_url: 'http://localhost:80/', client_id: me, client_secret: x, client_auth: body, \
                scopes: [a, b], audience: c, parameters: { resource: [d, e] }, lifetime: 5m } }";
    let AuthPlan::OAuth2(plan) = auth(most).unwrap() else { panic!("{most}") };
    let GrantPlan::ClientCredentials(client) = plan.grant else { panic!("{most}") };
    assert!(matches!(&client.proof, ClientProof::Body(secret) if secret.source() == "x"));
    let scopes: Vec<&str> = plan.scopes.iter().map(spile_expression::Template::source).collect();
    assert_eq!((scopes, plan.lifetime), (vec!["a", "b"], Some(Duration::from_secs(300))));
    let parameters: Vec<_> = plan.parameters.iter().map(|named| (named.name.as_str(), named.value.source())).collect();
    assert_eq!(parameters, [("resource", "d"), ("resource", "e"), ("audience", "c")]);
}

#[test]
fn what_is_signed_claims_what_the_file_says() {
    let jwt = "{ key: '{{ key }}', algorithm: EdDSA, key_id: k1, claims: { iss: me, admin: true }, lifetime: 1m }";
    let bearer = format!("{{ jwt_bearer: {{ token_url: https://a.test/t, assertion: {jwt}, scopes: a }} }}");
    let by_key = format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me, private_key: {jwt} }} }}");
    for text in [bearer, by_key] {
        let AuthPlan::OAuth2(plan) = auth(&text).unwrap() else { panic!("{text}") };
        let (GrantPlan::JwtBearer(jwt)
        | GrantPlan::ClientCredentials(ClientPlan { proof: ClientProof::PrivateKey(jwt), .. })) = plan.grant
        else {
            panic!("{text}")
        };
        assert_eq!((jwt.algorithm, jwt.lifetime), (JwtAlgorithm::EdDsa, Duration::from_secs(60)));
        let claims = jwt.claims.render(&spile_expression::Scope::default()).unwrap().unwrap();
        assert_eq!(claims, serde_json::json!({"iss": "me", "admin": true}));
    }
    let google = auth("{ google_service_account: { key: '{{ key }}', scopes: [a, b] } }").unwrap();
    let AuthPlan::OAuth2(plan) = google else { panic!("{google:?}") };
    assert_eq!(plan.token_url, "https://oauth2.googleapis.com/token");
    assert_eq!(plan.scopes.len(), 2);
}

#[test]
fn a_refresh_token_or_a_login_makes_it_a_persons_consent() {
    let consent = |more: &str| {
        let plan = auth(&format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me, {more} }} }}")).unwrap();
        let AuthPlan::OAuth2(plan) = plan else { panic!("{more}") };
        let GrantPlan::Consent(consent) = plan.grant else { panic!("{more}") };
        (*consent, plan.parameters)
    };
    let (seeded, _) = consent("refresh_token: '{{ key }}'");
    assert!(matches!(seeded.client.proof, ClientProof::None), "a public client");
    assert!(seeded.refresh_token.is_some_and(|seed| seed.source() == "{{ key }}") && seeded.login.is_none());
    let (asked, _) = consent("client_secret: '{{ key }}', login: { authorization_url: https://a.test/ask }");
    let login = asked.login.unwrap();
    assert_eq!(login.redirect_uri, "http://127.0.0.1/callback");
    assert!(
        matches!(asked.client.proof, ClientProof::Basic(_)) && login.device_url.is_none() && login.issuer.is_none()
    );
    let (most, parameters) = consent(
        "refresh_token: '{{ key }}', audience: api, login: { authorization_url: https://a.test/ask, device_url: \
         https://a.test/device, redirect_uri: 'http://localhost:8400/cb', issuer: https://a.test, parameters: { prompt: \
         consent } }",
    );
    let login = most.login.unwrap();
    assert_eq!(
        (login.redirect_uri.as_str(), login.issuer.as_deref()),
        ("http://localhost:8400/cb", Some("https://a.test"))
    );
    let named = |parameters: &[spile_plan::NamedTemplate]| -> Vec<(String, String)> {
        parameters.iter().map(|named| (named.name.clone(), named.value.source().to_owned())).collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(named(&login.parameters), [pair("prompt", "consent"), pair("audience", "api")]);
    assert_eq!(named(&parameters), [pair("audience", "api")]);
}

#[test]
fn a_login_that_cannot_be_is_told_with_its_place() {
    for (login, complaint) in [
        ("{ issuer: x }", "`login` does not say where a person is asked"),
        ("{ authorization_url: http://a.test/x }", "`authorization_url` would send secrets openly"),
        ("{ authorization_url: 'https://a.test/{{ key }}' }", "a secret variable cannot be used here"),
        ("{ device_url: nowhere }", "`device_url` is not a whole address"),
        (
            "{ device_url: https://a.test/d, redirect_uri: 'http://a.test/cb' }",
            "`redirect_uri` would send the code openly",
        ),
        ("{ device_url: https://a.test/d, redirect_uri: 'https://localhost:80/cb' }", "wants TLS of this machine"),
        ("{ device_url: https://a.test/d, redirect_uri: 'http://localhost/cb#x' }", "has a fragment"),
        (
            "{ device_url: https://a.test/d, parameters: { state: x } }",
            "`state` cannot be one of the further parameters",
        ),
        (
            "{ device_url: https://a.test/d, parameters: { hint: '{{ key }}' } }",
            "a secret variable cannot be used here",
        ),
    ] {
        let told = auth(&format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me, login: {login} }} }}"));
        let told = told.unwrap_err();
        assert!(told.contains(complaint) && !told.contains("k3y"), "{login}: {told}");
    }
}

const CHOICE: &str = "
name: demo
variables:
  kind: token
  token: { secret: true, env: TOKEN }
  secret: { secret: true, env: SECRET }
source:
  base_url: https://api.example.com
  auth:
    choose:
      by: \"{{ kind }}\"
      from:
        token: { bearer: \"{{ token }}\" }
        open: none
        client:
          oauth2: { token_url: https://a.test/t, client_id: me, client_secret: \"{{ secret }}\" }
streams: { items: { path: /items } }
destination: duckdb:demo.duckdb
";

/// The kind that is chosen by this value, where only these environment variables are set.
fn chosen(text: &str, kind: &str, given: &'static [&'static str]) -> Result<AuthPlan, String> {
    let env = |name: &str| given.contains(&name).then(|| "k3y".to_owned());
    let set = vec![("kind".to_owned(), kind.to_owned())];
    let settings = Settings { set, env: Box::new(env), ..Settings::none() };
    load_str("p", text, None, &settings)
        .map(|loaded| loaded.plan.source.auth)
        .map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn of_several_kinds_the_named_one_is_planned_and_only_its_variables_need_values() {
    assert!(matches!(chosen(CHOICE, "token", &["TOKEN"]).unwrap(), AuthPlan::Bearer(_)));
    assert!(matches!(chosen(CHOICE, "client", &["SECRET"]).unwrap(), AuthPlan::OAuth2(_)));
    assert!(matches!(chosen(CHOICE, "open", &[]).unwrap(), AuthPlan::None));
    let lacks = chosen(CHOICE, "client", &["TOKEN"]).unwrap_err();
    assert!(lacks.contains("the variable `secret` has no value") && !lacks.contains("`token`"), "{lacks}");
    let used_elsewhere = CHOICE.replace("path: /items", "path: \"/{{ token }}\"");
    let lacks = chosen(&used_elsewhere, "open", &[]).unwrap_err();
    assert!(lacks.contains("the variable `token` has no value"), "a stream reads it: {lacks}");
}

#[test]
fn a_choice_that_nothing_is_called_names_what_there_is_and_mistakes_are_found_in_every_kind() {
    let told = chosen(CHOICE, "tokn", &[]).unwrap_err();
    assert!(told.contains("none is called `tokn`") && told.contains("did you mean `token`"), "{told}");
    assert!(told.contains("`token`, `open` or `client`") && !told.contains("has no value"), "{told}");
    let broken = CHOICE.replace("https://a.test/t", "http://a.test/t").replace("{{ token }}", "{{ tokn }}");
    let told = chosen(&broken, "open", &[]).unwrap_err();
    assert!(told.contains("oauth2: { token_url: http://a.test/t"), "the place is shown: {told}");
    assert!(told.contains("would send secrets openly") && told.contains("nothing is called `tokn` here"), "{told}");
    let nested = CHOICE.replace("open: none", "open: { choose: { by: x, from: { x: none } } }");
    assert!(chosen(&nested, "token", &["TOKEN"]).unwrap_err().contains("cannot be a choice itself"));
}

#[test]
fn a_client_proves_who_it_is_in_exactly_one_way() {
    for (more, complaint) in [
        ("", "does not say how the client proves who it is"),
        (", client_secret: x, private_key: { key: y }", "has no use for `client_secret`"),
        (", client_auth: body, private_key: { key: y }", "has no use for `client_auth`"),
        (", client_auth: body, refresh_token: y", "does not say how the client proves who it is"),
    ] {
        let told = auth(&format!("{{ oauth2: {{ token_url: https://a.test/t, client_id: me{more} }} }}")).unwrap_err();
        assert!(told.contains(complaint), "{told}");
    }
}

#[test]
fn a_session_is_a_login_and_how_its_token_is_sent() {
    let least = "{ session: { url: https://a.test/login, token: $.token } }";
    let AuthPlan::Session(plan) = auth(least).unwrap() else { panic!("{least}") };
    assert_eq!((plan.login.method.as_str(), plan.login.url.as_str()), ("POST", "https://a.test/login"));
    assert!(plan.login.body.is_none() && plan.expiry.is_none() && plan.send.is_empty() && plan.lifetime.is_none());
    let most = "{ session: { url: 'http://127.0.0.1:1/', method: PUT, headers: { X-A: '{{ signed_jwt }}' }, body: { \
                json: { password: hunter2, user: me } }, sign: { key: '{{ key }}' }, token: { header: X-T }, \
                expires_in: $.n, lifetime: 1h, send: { X-S: 'T {{ session_token }}' } } }";
    let AuthPlan::Session(plan) = auth(most).unwrap() else { panic!("{most}") };
    assert!(matches!(&plan.token, TokenSource::Header(name) if name == "X-T"));
    assert!(matches!(&plan.expiry, Some(ExpiryPlace::Seconds(path)) if path.source() == "$.n"));
    assert_eq!((plan.send[0].name.as_str(), plan.login.headers.len()), ("X-S", 1));
    let text =
        SHORT.replace("api.example.com }", &format!("api.example.com, auth: {} }}", most.replace("{{ key }}", "k")));
    let secrets = load(&text).unwrap().variables.secrets();
    let secrets: Vec<&str> = secrets.iter().map(spile_model::Secret::expose).collect();
    assert_eq!(secrets, ["hunter2", "k"], "credentials in the file are kept out of messages, other words are not");
}

#[test]
fn aws_signs_for_the_gateway_unless_the_service_is_another_one() {
    let keys = "access_key_id: AKIA1, secret_access_key: '{{ key }}', region: eu-central-1";
    for (more, service, temporary) in
        [("", "execute-api", false), (", service: s3, session_token: '{{ key }}'", "s3", true)]
    {
        let AuthPlan::Aws(plan) = auth(&format!("{{ aws: {{ {keys}{more} }} }}")).unwrap() else { panic!("{more}") };
        assert_eq!((plan.service.as_str(), plan.region.as_str()), (service, "eu-central-1"));
        assert_eq!(plan.session_token.is_some(), temporary);
    }
}

#[test]
fn hmac_signs_what_its_template_says_and_sends_the_signature() {
    let least =
        "{ hmac: { key: '{{ key }}', message: '{{ request.body }}', headers: { X-S: '{{ request.signature }}' } } }";
    let AuthPlan::Hmac(plan) = auth(least).unwrap() else { panic!("{least}") };
    assert_eq!((plan.algorithm, plan.encoding), (HmacAlgorithm::Sha256, HmacEncoding::Hex));
    let unsent =
        auth("{ hmac: { key: '{{ key }}', message: x, headers: { X-S: '{{ request.time }}' } } }").unwrap_err();
    assert!(unsent.contains("do not send the signature"), "{unsent}");
}

#[test]
fn a_session_that_cannot_work_is_refused() {
    for (more, complaint) in [
        (", send: { X-S: x }", "does not send the token"),
        (", send: { X-S: '{{ signed_jwt }}' }", "nothing is called `signed_jwt` here"),
        (", headers: { X-S: '{{ signed_jwt }}' }", "the login signs nothing"),
        (", headers: { X-S: '{{ session_token }}' }", "the token is there for `send` only"),
        (", expires_in: $.a, expires_at: $.b", "has both `expires_in` and `expires_at`"),
        (", expires_in: '$.a['", "is not a JSONPath"),
    ] {
        let told = auth(&format!("{{ session: {{ url: https://a.test/login, token: $.token{more} }} }}")).unwrap_err();
        assert!(told.contains(complaint), "{told}");
    }
    let plain = auth("{ session: { url: http://a.test/login, token: $.token } }").unwrap_err();
    assert!(plain.contains("would send secrets openly") && plain.contains("$.token"), "{plain}");
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    let text = "
name: demo
source: { base_url: https://api.example.com }
streams:
  a: &shared { path: /a, primary_key: id, query: { n: 100 } }
  b: { <<: *shared, path: /b }
destination: duckdb:demo.duckdb
";
    let plan = load(text).unwrap();
    assert_eq!(plan.streams[1].request.path.source(), "/b");
    assert_eq!(plan.streams[1].primary_key, ["id"]);
}

#[test]
fn an_address_may_be_made_of_variables() {
    let text = SHORT
        .replace("https://api.example.com", "\"https://{{ host }}/v1\"")
        .replace("duckdb:demo", "duckdb:{{ host }}")
        .replace("source:", "variables: { host: eu.example.com }\nsource:");
    let plan = load(&text).unwrap();
    assert_eq!(plan.source.base_url, "https://eu.example.com/v1");
    assert_eq!(plan.destination.describe(), "duckdb:eu.example.com.duckdb");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let text = format!("\u{feff}{}", SHORT.trim_start().replace('\n', "\r\n"));
    assert_eq!(load(&text).unwrap().name, "demo");
}

#[test]
fn the_defaults_of_the_manual_are_those_of_the_plan() {
    let source = load(SHORT).unwrap().source;
    let DestinationPlan::DuckDb(duckdb) = load(SHORT).unwrap().destination;
    let documented = |part: &str, key: &str| {
        let schema = spile_config::json_schema();
        let text = schema["$defs"][part]["properties"][key]["description"].as_str().unwrap();
        let value = text.split_once("Default: ").unwrap().1;
        value.trim_matches(['`', '.']).to_owned()
    };
    let (timeouts, retries, limits) = (source.timeouts, source.retries, source.limits);
    for (part, key, planned) in [
        ("TimeoutsSpec", "connect", timeouts.connect),
        ("TimeoutsSpec", "read", timeouts.read),
        ("TimeoutsSpec", "total", timeouts.total),
        ("RetriesSpec", "base_wait", retries.base_wait),
        ("RetriesSpec", "max_backoff", retries.max_backoff),
        ("RetriesSpec", "max_wait", retries.max_wait),
        ("OutageSpec", "give_up", retries.outage.give_up),
        ("CommitSpec", "age", duckdb.commit.age),
    ] {
        assert_eq!(spile_model::units::parse_duration(&documented(part, key)).unwrap(), planned, "{part}.{key}");
    }
    for (part, key, planned) in [
        ("LimitsSpec", "body", limits.body),
        ("LimitsSpec", "spool_above", limits.spool_above),
        ("LimitsSpec", "prefetch", limits.prefetch),
        ("CommitSpec", "bytes", duckdb.commit.bytes),
    ] {
        assert_eq!(spile_model::units::parse_size(&documented(part, key)).unwrap(), planned, "{part}.{key}");
    }
    let items = stream("{ path: /a }");
    for (part, key, planned) in [
        ("SourceSpec", "concurrency", source.concurrency.to_string()),
        ("RetriesSpec", "attempts", retries.attempts.to_string()),
        ("RetryBudgetSpec", "percent", retries.budget.percent.to_string()),
        ("RetryBudgetSpec", "floor", retries.budget.floor.to_string()),
        ("OutageSpec", "failures", retries.outage.failures.to_string()),
        ("CommitSpec", "rows", duckdb.commit.rows.to_string()),
        ("StreamSpec", "max_pages", items.pagination.max_pages.to_string()),
        ("StreamSpec", "max_columns", items.shape.max_columns.to_string()),
        ("StreamSpec", "max_depth", items.shape.max_depth.to_string()),
        ("StreamSpec", "detect_dates", items.shape.detect_dates.to_string()),
    ] {
        assert_eq!(documented(part, key), planned, "{part}.{key}");
    }
}

#[test]
fn functions_and_filters_of_the_template_language_are_known() {
    let plan = stream("{ path: \"/{{ range(3) | join('-') }}/{% for n in [1, 2] %}{{ n }}{% endfor %}\" }");
    let rendered = plan.request.path.render(&spile_expression::Scope::default()).unwrap();
    assert_eq!(rendered.as_deref(), Some("/0-1-2/12"));
}
