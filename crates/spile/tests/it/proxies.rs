//! The environment's proxies, and a pipeline file that says otherwise.

use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::place::{Called, Place};

const STREAM: &str = "  items: { path: /items }";

/// Runs a pipeline over a host that only the proxy knows, with this environment.
fn run(source: &str, env: &[(&str, &str)]) -> Called {
    let base = format!("http://api.nowhere.invalid\n  retries: {{ attempts: 1 }}\n{source}");
    let place = Place::with_pipeline(&base, STREAM);
    let mut command = place.command(&["run", "pipeline.yaml", "--quiet"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    Called::from(&command.envs(env.iter().copied()).output().unwrap())
}

#[test]
fn the_environments_proxy_is_used_except_where_the_environment_or_the_file_says_otherwise() {
    let proxy = FakeApi::start_blocking();
    proxy.route(any(), |request| {
        assert!(request.target.starts_with("http://api.nowhere.invalid/items"), "{}", request.target);
        Response::json([serde_json::json!({"id": 1})])
    });
    let url = proxy.url();
    let with_user = url.replace("http://", "http://me:s3cret-word@");
    let in_file = format!("  proxy: {url}\n");
    let nobody = "http://127.0.0.1:9";
    for (source, env, is_used) in [
        ("", vec![("HTTP_PROXY", url.as_str())], true),
        ("", vec![("http_proxy", url.as_str())], true),
        ("", vec![("ALL_PROXY", url.as_str())], true),
        ("", vec![("HTTP_PROXY", with_user.as_str())], true),
        ("", vec![("HTTPS_PROXY", url.as_str())], false),
        ("", vec![("HTTP_PROXY", url.as_str()), ("NO_PROXY", "other.test,.nowhere.invalid")], false),
        ("", vec![("HTTP_PROXY", url.as_str()), ("NO_PROXY", "*")], false),
        ("  proxy: none\n", vec![("HTTP_PROXY", url.as_str())], false),
        (in_file.as_str(), vec![("HTTP_PROXY", nobody), ("NO_PROXY", "*")], true),
    ] {
        let before = proxy.request_count();
        let called = run(source, &env);
        assert_eq!(proxy.request_count() > before, is_used, "{source}{env:?}: {}", called.stderr);
        assert_eq!(called.code, if is_used { 0 } else { 1 }, "{source}{env:?}: {}", called.stderr);
        if !is_used {
            assert!(called.stderr.contains("`api.nowhere.invalid` has no address"), "{}", called.stderr);
        }
    }
    let sent =
        proxy.requests().iter().filter_map(|request| request.header("proxy-authorization").map(str::to_owned)).count();
    assert_eq!(sent, 1, "credentials of the environment reach the proxy that they are for");
}
