//! Pipelines that load, and what becomes of them.

mod answers;
mod auth;
mod variables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use spile_config::{Settings, load_str};
use spile_model::{ByteSize, ColumnType};
use spile_plan::{
    AuthPlan, BodyPlan, CursorOrder, DestinationPlan, Injection, JsonTemplate, Lists, Lookback, Nested, PaginationKind,
    PipelinePlan, StreamPlan, TokenSource, WriteMode,
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
