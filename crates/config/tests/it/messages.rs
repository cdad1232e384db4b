//! Every class of mistake, and what is said about it.

use insta::assert_snapshot;
use spile_config::Settings;

use crate::{refusal, refusal_with};

/// A pipeline with one stream `issues`, whose settings are given, indented by four.
fn with_stream(settings: &str) -> String {
    let settings: String = settings.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "name: github\nsource:\n  base_url: https://api.github.com\nstreams:\n  issues:\n{settings}destination: duckdb:github.duckdb\n"
    )
}

/// A pipeline whose source has more settings, indented by two.
fn with_source(settings: &str) -> String {
    let settings: String = settings.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "name: github\nsource:\n  base_url: https://api.github.com\n{settings}streams:\n  issues: {{ path: /issues }}\ndestination: duckdb:github.duckdb\n"
    )
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    assert_snapshot!(refusal(
        r#"
name: github
variables:
  token: { secret: true, env: GITHUB_TOKEN }
source:
  url: https://api.github.com
  auth: { bearer: "{{ tokn }}" }
  rate_limit: { requests: 5000, per: 3600 }
  concurrency: "8"
streams:
  issues:
    paht: /issues
    paginatoin: link_header
    cursor: { fild: updated_at, lookback: 5min }
    write: upsert
destination: github.duckdb
"#
    ));
}

#[test]
fn an_unknown_key_gets_the_known_one_that_is_like_it() {
    assert_snapshot!(refusal(&with_stream("path: /issues\npaginatoin: link_header")));
}

#[test]
fn an_unknown_key_unlike_any_gets_the_list() {
    assert_snapshot!(refusal(&with_source("rate_limit: { requests: 5, per: 1s, colour: red }")));
}

#[test]
fn a_key_in_the_wrong_map_is_told_where_it_belongs() {
    assert_snapshot!(refusal(&with_stream("path: /issues\nbase_url: https://example.com")));
}

#[test]
fn a_key_of_a_later_version_is_told_so() {
    assert_snapshot!(refusal(&with_stream("path: /issues\nfor_each: repos")));
}

#[test]
fn words_of_other_tools_get_ours() {
    assert_snapshot!(refusal(&with_stream("endpoint: /issues\nparams: { a: b }\nwrite_disposition: merge")));
}

#[test]
fn a_missing_key_names_what_it_is_for() {
    assert_snapshot!(refusal("name: x\nstreams:\n  a: { path: /a }\n"));
}

#[test]
fn an_empty_file_lacks_everything() {
    assert_snapshot!(refusal(""));
}

#[test]
fn a_key_without_a_value_is_a_slip_and_not_a_none() {
    assert_snapshot!(refusal(&with_stream("path: /issues\nprimary_key:")));
}

#[test]
fn settings_of_a_stream_that_are_not_indented_below_it() {
    assert_snapshot!(refusal(
        "name: x\nsource: { base_url: https://a.example }\nstreams:\n  issues:\n  path: /issues\n  query: { state: all }\ndestination: duckdb:x.duckdb\n"
    ));
}

#[test]
fn a_cache_where_the_rows_of_unchanged_pages_would_not_stay() {
    assert_snapshot!(refusal(&with_stream("path: /issues\npagination: link_header\ncache: true")));
    assert_snapshot!(refusal(&with_stream("path: /issues\nwrite: append\ncache: true")));
    assert_snapshot!(refusal(&with_stream("path: /issues\ncache: { reuse: sometimes }")));
}

#[test]
fn a_line_with_odd_indentation() {
    assert_snapshot!(refusal(&with_stream("path: /issues\n  primary_key: id")));
    assert_snapshot!(refusal("name: x\nsource:\n    base_url: https://a.example\n  concurrency: 3\n"));
}

#[test]
fn a_tab_in_the_indentation() {
    assert_snapshot!(refusal("name: x\nsource:\n\tbase_url: https://a.example\n"));
}

#[test]
fn a_template_without_quotes() {
    assert_snapshot!(refusal(&with_stream("path: /issues\nquery: { since: {{ cursor }} }\nwrite: {{ mode }}")));
    assert_snapshot!(refusal(&with_stream("path: {{ base }}/issues")));
}

#[test]
fn quotes_and_brackets_that_are_not_closed() {
    assert_snapshot!(refusal(&with_stream("path: \"/issues")));
    assert_snapshot!(refusal(&with_stream("path: /issues\nprimary_key: [id, repo")));
}

#[test]
fn a_value_with_a_colon_or_a_sign_that_means_something() {
    assert_snapshot!(refusal(&with_stream("path: /issues: all")));
    assert_snapshot!(refusal(&with_stream("path: @issues")));
    assert_snapshot!(refusal("name:github\nsource: { base_url: https://a.example }\n"));
}

#[test]
fn a_key_that_occurs_twice() {
    assert_snapshot!(refusal(&with_stream("path: /issues\nwrite: append\npath: /pulls")));
}

#[test]
fn a_second_document_and_a_tag() {
    assert_snapshot!(refusal("name: x\n---\nname: y\n"));
    assert_snapshot!(refusal(&with_source("auth: { bearer: !env GITHUB_TOKEN }")));
}

#[test]
fn a_bomb_of_aliases_is_defused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, previous) in ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{previous}"); 9].join(", ")));
    }
    assert_snapshot!(refusal(&bomb));
}

#[test]
fn nesting_without_end_is_refused() {
    assert_snapshot!(refusal(&format!("name: {}", "[".repeat(500))));
    assert_snapshot!(refusal("name: &a [*a]\n"));
}

/// What is required and lacking hides nothing else.
#[test]
fn all_that_is_lacking_and_all_that_is_wrong_beside_it() {
    assert_snapshot!(refusal(
        "source: { auth: { bearer: \"{{ tokn }}\" } }\nstreams:\n  a:\n    query: { q: \"{{ x | uper }}\" }\n    \
         cursor: { start: \"{{ begin }}\", format: \"{{ cursor | epok }}\" }\ndestination: duckb:x.duckdb\n"
    ));
}

#[test]
fn a_time_or_a_size_without_its_unit() {
    assert_snapshot!(refusal(&with_source(
        "timeouts: { read: 30, connect: 5 sec }\nlimits: { body: 256, spool_above: 8mib }"
    )));
}

#[test]
fn a_body_larger_than_any_page_can_be() {
    assert_snapshot!(refusal(&with_source("limits: { body: 3GiB }")));
}

#[test]
fn values_of_the_wrong_kind() {
    assert_snapshot!(refusal(&with_source(
        "concurrency: many\nheaders: [Accept]\nauth: token\nretries: { attempts: 0, max_wait: [1h] }"
    )));
    assert_snapshot!(refusal(&with_stream(
        "path: 7\nprimary_key: { id: true }\ndetect_dates: yes\nmax_pages: 1_000\nrecords: $.data[\nwrite: Merge"
    )));
}

#[test]
fn a_kind_that_does_not_exist_and_mistakes_inside_a_kind() {
    assert_snapshot!(refusal(&with_stream("path: /issues\npagination: link-headers")));
    assert_snapshot!(refusal(&with_stream("path: /issues\npagination: { page_numbers: { size: 100 } }")));
    assert_snapshot!(refusal(&with_stream(
        "path: /issues\npagination:\n  page_token:\n    token: $.next\n    parm: after\n"
    )));
    assert_snapshot!(refusal(&with_stream("path: /issues\npagination: offset")));
    assert_snapshot!(refusal(&with_stream("path: /issues\npagination: { page_number: {}, link_header: {} }")));
    assert_snapshot!(refusal(&with_source("auth: { basic: { user: me }, bearer: \"{{ x }}\" }")));
    assert_snapshot!(refusal(&with_source("auth: { api_key: { value: \"{{ k }}\" } }")));
}

#[test]
fn a_version_that_is_asked_for_nowhere_or_twice() {
    assert_snapshot!(refusal(&with_source("api_version: { value: 1 }")));
    assert_snapshot!(refusal(&with_source("api_version: { value: 1, header: X-V, query: v }")));
    assert_snapshot!(refusal(&with_source(
        "headers: { x-v: 2 }\napi_version: { value: \"{{ nobody }}\", header: X-V }"
    )));
    assert_snapshot!(refusal(&with_source("headers: { x-v: 2 }\napi_version: { value: 1, header: X-V }")));
}

#[test]
fn rules_that_cannot_match_or_that_say_too_much() {
    assert_snapshot!(refusal(&with_stream(
        "path: /issues\nresponses:\n  - { then: empty }\n  - { status: [404, 6xx], text: { matches: \"(a\" }, then: \
         ignore }\n  - { body: { at: \"$.a[\", is: 1, contains: x }, header: \"X A\", then: skip }\n  - { status: 500, \
         then: { retry: { wait: 2h, after: { unit: ms } } } }\n  - { status: 500 }\n  - { status: 500, then: fail }\n  - { \
         status: 401, then: { fail: \"{{ nobody }}\" } }"
    )));
}

#[test]
fn a_server_of_tokens_that_secrets_must_not_go_to_and_parameters_with_keys_of_their_own() {
    assert_snapshot!(refusal(&with_source(
        "auth:\n  oauth2:\n    token_url: http://auth.example.com/token\n    client_id: me\n    client_secret: \
         hunter2\n    client_auth: header\n    parameters: { scope: read }\n"
    )));
    assert_snapshot!(refusal(&with_source(
        "auth:\n  oauth2:\n    token_url: http://me:hunter2@auth.example.com/token\n    client_id: \"{{ me }}\"\n    \
         client_secret: hunter2\n    lifetime: 0s\n    parameters: { grant_type: password }\n"
    )));
}

#[test]
fn a_destination_that_cannot_be() {
    for destination in ["github.duckdb", "postgres://host/db", "duckdb:", "duckdb::memory:", "{ duckdb: { file: x } }"]
    {
        let text = with_stream("path: /a").replace("duckdb:github.duckdb", &format!("{destination:?}"));
        let text = if destination.starts_with('{') { text.replace('"', "") } else { text };
        assert_snapshot!(refusal(&text));
    }
}

#[test]
fn a_variable_without_a_value() {
    let text = with_source("auth: { bearer: \"{{ token }}\" }").replace(
        "source:",
        "variables:\n  token: { secret: true, env: GITHUB_TOKEN, description: A token that may read issues }\n  team: {}\nsource:",
    );
    assert_snapshot!(refusal(&text));
}

#[test]
fn a_name_in_a_template_that_nothing_has() {
    let text = with_stream("path: /{{ ownr }}/issues\nquery: { since: \"{{ cursor }}\", per: \"{{ partition.x }}\" }")
        .replace("source:", "variables: { owner: rust-lang }\nsource:");
    assert_snapshot!(refusal(&text));
}

#[test]
fn a_template_that_does_not_compile_or_render() {
    let text = with_stream("path: \"/{{ owner/issues\"\nquery: { q: \"{{ owner | uper }}\", since: \"{{ cursor | epok }}\" }\ncursor: { field: at }")
        .replace("source:", "variables: { owner: rust-lang }\nsource:");
    assert_snapshot!(refusal(&text));
}

#[test]
fn set_of_an_unknown_variable_and_of_a_wrong_kind() {
    let text = with_stream("path: /issues").replace("source:", "variables: { owner: rust-lang, size: 100 }\nsource:");
    let set = vec![("ownr".to_owned(), "x".to_owned()), ("size".to_owned(), "big".to_owned())];
    assert_snapshot!(refusal_with(&text, &Settings { set, ..Settings::none() }));
}

#[test]
fn settings_that_do_not_go_together() {
    assert_snapshot!(refusal(&with_stream("path: /issues\nwrite: merge")));
    assert_snapshot!(refusal(&with_stream(
        "path: /issues\nwrite: append\ncursor: { field: updated_at, param: since, lookback: 5m }"
    )));
    assert_snapshot!(refusal(&with_stream("path: /issues\ncursor: updated_at")));
    assert_snapshot!(refusal(&with_stream(
        "path: /issues\nwrite: replace\ncursor: { field: updated_at, param: since }"
    )));
    assert_snapshot!(refusal(&with_stream("path: /issues\nquery: { page: 1 }\npagination: page_number")));
    assert_snapshot!(refusal(&with_stream(
        "path: /issues\npagination: { page_token: { token: $.next, param: { body: after } } }"
    )));
    assert_snapshot!(refusal(&with_stream("path: /issues\npagination: { page_number: { stop_on_short_page: true } }")));
}

#[test]
fn two_streams_with_one_table() {
    let text = with_stream("path: /issues").replace("destination", "  Issues: { path: /other }\ndestination");
    assert_snapshot!(refusal(&text));
}

#[test]
fn a_mistake_in_the_defaults_is_reported_once_and_there() {
    let text = "name: x\nsource: { base_url: https://a.example }\ndefaults: { query: { q: \"{{ nope }}\" }, path: /x }\nstreams:\n  a: { path: /a }\n  b: { path: /b }\ndestination: duckdb:x.duckdb\n";
    assert_snapshot!(refusal(text));
}

#[test]
fn an_address_that_cannot_be_a_base_url() {
    for url in ["api.github.com", "ftp://a.example", "https://me:pw@a.example", "https://a.example/?page=1", "https://"]
    {
        assert_snapshot!(refusal(&with_stream("path: /a").replace("https://api.github.com", url)));
    }
}

#[test]
fn origins_that_cannot_be_allowed() {
    assert_snapshot!(refusal(&with_source(
        "allowed_origins:
  - files.example.com
  - ftp://files.example.com
  - https://*.example.com
  - https://me:hunter2@files.example.com
  - https://files.example.com/exports?x=1
  - \"https://[::1\"
  - \"{{ nowhere }}\"
private_hosts: [files.example.com]"
    )));
    assert_snapshot!(refusal(&with_source("allowed_origins: https://files.example.com/a")));
}

#[test]
fn hosts_that_cannot_be_private() {
    assert_snapshot!(refusal(&with_source(
        "allowed_origins: [https://files.example.com]
private_hosts: [https://api.github.com, api.github.com:443, api.githb.com, elsewhere.example, API.github.com]"
    )));
}

#[test]
fn names_that_cannot_be() {
    let text = with_stream("path: /issues?state=all\nheaders: { \"bad name\": x }\ncolumns: { id: strng }")
        .replace("  issues:", "  \"iss ues\":")
        .replace("source:", "variables: { 2nd: x, cursor: y }\nsource:");
    assert_snapshot!(refusal(&text));
}

#[test]
fn credentials_in_the_file_are_never_shown() {
    let text = with_source("auth: { bearer: ghp_hunter2, colour: red }\nheaders: { X-Token: hunter2, oops: [] }");
    let text = text.replace(
        "source:",
        "variables:\n  key: { secret: true, default: hunter2, oops: 1 }\n  password: hunter2\nsource:",
    );
    let shown = refusal(&text);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_snapshot!(shown);
    let broken = refusal("variables: { token: hunter2, : }");
    assert!(!broken.contains("hunter2"), "{broken}");
}

#[test]
fn a_kind_that_is_only_a_name_has_no_settings() {
    assert_snapshot!(refusal(&with_stream("path: /issues\npagination: { link_header: { rel: next } }")));
}

#[test]
fn more_problems_than_can_be_read_are_counted() {
    let query: String = (0..30).map(|n| format!("  q{n}: \"{{{{ nothing{n} }}}}\"\n")).collect();
    let shown = refusal(&with_stream(&format!("path: /issues\nquery:\n{query}")));
    assert!(shown.ends_with("pipeline.yaml: 30 problems, 10 of them not shown\n"), "{shown}");
}

#[test]
fn a_pipeline_without_streams() {
    assert_snapshot!(refusal(
        "name: x\nsource: { base_url: https://a.example }\nstreams: {}\ndestination: duckdb:x.duckdb\n"
    ));
}

#[test]
fn problems_for_machines_have_codes_paths_and_places() {
    let text = with_stream("path: /issues\nwrite: append\npath: /pulls\ncursor: { field: t, lookback: soon }");
    let problems = spile_config::load_str("pipeline.yaml", &text, None, &Settings::none()).unwrap_err();
    insta::assert_json_snapshot!(problems);
}

#[test]
fn two_values_in_one_parameter() {
    assert_snapshot!(refusal(&with_stream(
        "path: /issues\npagination: { offset: { limit: 10, param: at } }\ncursor: { field: id, param: at }"
    )));
}

#[test]
fn a_path_to_another_host_would_carry_credentials_there() {
    assert_snapshot!(refusal(&with_stream("path: https://evil.example/issues")));
}

#[test]
fn a_file_that_cannot_be_read() {
    let folder = std::env::temp_dir().join(format!("spile-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("latin1.yaml");
    std::fs::write(&path, b"name: x\nnote: caf\xe9\n").unwrap();
    let shown = |path: &std::path::Path| {
        let problems = spile_config::load(path, &Settings::none()).unwrap_err().to_string();
        problems.replace(folder.to_str().unwrap(), "FOLDER")
    };
    assert_snapshot!(shown(&path));
    assert_snapshot!(shown(&folder.join("missing.yaml")));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_mistake_of_form_does_not_hide_a_mistake_of_meaning_and_brings_no_others_with_it() {
    let shown = refusal(&with_stream("path: /{{ nope }}\nwrite: merge\nprimry_key: id"));
    assert!(shown.contains("unknown key `primry_key`") && shown.contains("nothing is called `nope`"), "{shown}");
    assert!(shown.ends_with("2 problems\n"), "that merge has no key only follows from the slip:\n{shown}");
}

/// Three mistakes of meaning in three streams.
const MEANT_WRONGLY: &str = "  a: { path: /a, write: merge }\n  b: { path: /b, write: append, cursor: { field: at, param: since, lookback: 5m } }\n  c: { path: /c, write: append, cursor: at }\n";

fn with_destination(destination: &str, base_url: &str, streams: &str) -> String {
    format!("name: x\nsource: {{ base_url: \"{base_url}\" }}\nstreams:\n{streams}destination: {destination}\n")
}

#[test]
fn a_destination_that_does_not_exist_hides_no_mistake_of_a_stream() {
    let shown = refusal(&with_destination("postgres://x", "https://a.example", MEANT_WRONGLY));
    assert!(shown.ends_with("4 problems\n"), "{shown}");
    assert_snapshot!(shown);
}

#[test]
fn a_stream_without_its_path_hides_no_mistake_of_the_others() {
    let streams = "  a: {}\n  b: { path: /b, table: t }\n  c: { path: /c, table: T }\n";
    let shown = refusal(&with_destination("duckdb:x.duckdb", "https://a.example", streams));
    assert!(shown.contains("`a` lacks the key `path`") && shown.contains("have the same table"), "{shown}");
    assert!(shown.ends_with("2 problems\n"), "{shown}");
}

#[test]
fn a_destination_without_its_path_hides_no_mistake_of_the_source() {
    for (destination, lacking) in [("{ duckdb: {} }", "lacks the key `path`"), ("{ duckdb: { pth: x } }", "`path`")] {
        let shown = refusal(&with_destination(destination, "a.example", "  a: { path: /a }\n"));
        assert!(shown.contains(lacking) && shown.contains("`base_url` is not a whole address"), "{shown}");
        assert!(shown.ends_with("2 problems\n"), "{shown}");
    }
}

#[test]
fn a_setting_of_wrong_form_hides_no_other_mistake_of_the_same_part() {
    let source = "rate_limit: { requests: 5 }\nauth: { basic: {} }\nheaders: { \"bad name\": x }";
    let shown = refusal(&with_source(source).replace("https://api.github.com", "api.github.com"));
    for told in ["lacks the key `per`", "lacks the key `username`", "bad name", "`base_url` is not a whole address"] {
        assert!(shown.contains(told), "{told} in {shown}");
    }
    let shown = refusal(&with_stream(
        "path: /{{ nope }}\nwrite: append\ncursor: { field: at, param: since, lookback: 5m }\npagination: { page_token: {} }\ncolour: red",
    ));
    for told in ["`lookback` reads records again", "nothing is called `nope`", "lacks the key `token`", "`colour`"] {
        assert!(shown.contains(told), "{told} in {shown}");
    }
}

#[test]
fn what_only_follows_from_a_slip_is_not_told() {
    for (settings, problems) in [
        ("path: /a\nwrite: merge\nprimary_key: { id: true }", 1),
        ("path: /a\ncursor: { field: at }\nquery: [since]\nwrite: append", 1),
        ("pth: /a\ncursor: { field: at }\nwrite: append", 1),
        ("path: /a\nbody: [x]\npagination: { page_token: { token: $.next, param: { body: after } } }", 1),
        ("path: /a\npagination: { page_number: { sise: 5, stop_on_short_page: true } }", 1),
    ] {
        let shown = refusal(&with_stream(settings));
        let count = if problems == 1 { "1 problem\n".to_owned() } else { format!("{problems} problems\n") };
        assert!(shown.ends_with(&count), "{settings}\n{shown}");
    }
    let own = with_stream("path: /a\nwrite: merge") + "defaults: { write: upsert }\n";
    assert!(refusal(&own).ends_with("2 problems\n"), "the stream's own `write` is right");
    let key_at_the_top = with_stream("path: /a\nwrite: merge") + "primary_key: id\n";
    let defaults_misspelt = with_stream("path: /a\nwrite: merge") + "defalts: { primary_key: id }\n";
    let variable_wrong = with_stream("path: /{{ x }}/{{ y }}") + "variables: { x: [[1]], y: { defalt: z } }\n";
    for (text, count) in
        [(key_at_the_top, "1 problem\n"), (defaults_misspelt, "1 problem\n"), (variable_wrong, "2 problems\n")]
    {
        let shown = refusal(&text);
        assert!(shown.ends_with(count), "{text}\n{shown}");
    }
}

#[test]
fn prices_and_budgets_that_mean_nothing_are_told_so() {
    assert_snapshot!(refusal(
        r#"
name: x
source: { base_url: https://api.example.com }
budget: { max_requests: 0, max_cost: -1 }
streams:
  a: { path: /a, price: { per_request: free, currency: USD } }
  b: { path: /b, price: { currency: USD } }
  c: { path: /c, price: { per_unit: 1, currency: EUR } }
  d: { path: /d, price: { units: $.n, currency: USD } }
  e: { path: /e, price: { per_record: 1 } }
destination: duckdb:x.duckdb
"#
    ));
    assert_snapshot!(refusal(
        "name: x\nsource: { base_url: https://api.example.com }\nbudget: { max_cost: 1 }\nstreams: { a: { path: /a } }\n\
         destination: duckdb:x.duckdb\n"
    ));
}

#[test]
fn a_rate_limit_counts_requests_or_cost() {
    assert_snapshot!(refusal(&with_source(
        "rate_limit:\n  - { per: 1m }\n  - { requests: 1, cost: 5, per: 1m }\n  - { cost: 0, per: 1m }"
    )));
}

#[test]
fn rules_that_would_match_every_answer_or_wait_for_ever_are_told_so() {
    let rules = r#"path: /issues
responses:
  - { text: [""], then: empty }
  - { body: { at: $.id, contains: "" }, then: empty }
  - { header: { name: X-Error, matches: "" }, then: ignore }
  - { text: "(", then: ignore }
  - { text: { matches: "(" }, then: ignore }
  - { status: 503, then: { retry: { after: { header: X-Back, at_least: 9h } } } }
  - { status: 503, then: { retry: { backoff: { base_wait: 9h } } } }
  - { status: 403, then: refresh_token }"#;
    assert_snapshot!(refusal(&with_stream(rules)));
}

#[test]
fn times_and_sizes_that_leave_nothing_or_never_end() {
    assert_snapshot!(refusal(&with_source(
        "retries: { base_wait: 0s, max_backoff: 0s, outage: { give_up: 0s } }\nlimits: { body: 0B }"
    )));
    assert_snapshot!(refusal(&with_source("retries: { base_wait: 2m, max_backoff: 1m }")));
    assert_snapshot!(refusal(&with_source("rate_limit: { requests: 1, per: 99999999999d }")));
    assert_snapshot!(refusal(&with_source("rate_limit: { requests: 1, per: 1s, paths: [/a, search] }")));
}

#[test]
fn versions_that_no_api_has() {
    for version in [
        r#"api_version: { value: "1" }"#,
        r#"api_version: { value: "", header: X-Version }"#,
        r#"api_version: { value: "..", path: /api }"#,
        r#"api_version: { value: "1", path: "/api?x=1" }"#,
        "api_version: { value: \"1\", header: Authorization }\nauth: { bearer: abc }",
    ] {
        assert_snapshot!(refusal(&with_source(version)));
    }
}

#[test]
fn templates_where_none_are_used_and_names_that_a_signature_cannot_have() {
    assert_snapshot!(refusal(&with_source(r#"auth: { api_key: { value: abc, query: "{{ v }}" } }"#)));
    for message in ["{{ request.sekonds }}", "{{ request.signature }}"] {
        let headers = r#"{ X-Signature: "{{ request.signature }}" }"#;
        let auth = format!("auth: {{ hmac: {{ key: abc, message: \"{message}\", headers: {headers} }} }}");
        assert_snapshot!(refusal(&with_source(&auth)));
    }
}

#[test]
fn hosts_that_no_proxy_could_be_left_out_for() {
    for host in ["10.0.0.0/99", "http://example.com", ""] {
        let proxy = format!("proxy: {{ url: http://proxy.test:3128, no_proxy: [api.example.com, \"{host}\"] }}");
        assert_snapshot!(refusal(&with_source(&proxy)));
    }
}

#[test]
fn a_price_above_the_whole_budget() {
    let file = with_stream("path: /issues\nprice: { per_request: 5, currency: USD }");
    assert_snapshot!(refusal(&format!("{file}budget: {{ max_cost: 1 }}\n")));
    assert_snapshot!(refusal(&with_stream("path: /issues\nprice: { per_request: 1e-19, currency: USD }")));
}

#[test]
fn an_archive_that_is_a_file_or_would_show_a_secret() {
    let file = with_stream("path: /issues");
    assert_snapshot!(refusal(&format!("{file}archive: Cargo.toml\n")));
    let secret = "variables:\n  s: { secret: true, default: abc }\narchive: \"{{ s }}x\"\n";
    assert_snapshot!(refusal(&format!("{file}{secret}")));
}

#[test]
fn what_other_tools_call_retries_gets_our_word() {
    assert_snapshot!(refusal(&with_source("retry: { attempts: 3 }")));
    assert_snapshot!(refusal(&with_source("cache: true")));
}
