//! The cache against the suite for HTTP caches that proxies and browsers are compared by (http-tests/cache-tests), with
//! its own runner: a small proxy asks through Spile's client. Counted are the tests that concern a private client.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use spile_http::{Body, Client, HeaderMap, HeaderName, Request, StatusCode, Url, header};
use spile_model::clock::SystemClock;
use spile_plan::{CachePlan, Reuse};
use spile_testkit::place::{temp_dir, tool};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::{Rig, plan, stream};

/// Names the suite's `client/runner.mjs`.
const SUITE: &str = "SPILE_TEST_CACHE_TESTS";

const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/conformance/run.mjs");

/// Tests that do not pass, by the reason. None of them is about an answer that is used when it must not be: what says
/// "comes from cache" of these means an answer of the proxy's own, which tells of a broken connection.
const KNOWN: [(&str, &[&str]); 8] = [
    (
        "parts of answers are neither stored nor served: no stream asks for a part",
        &[
            "partial-store-partial-reuse-partial",
            "partial-store-complete-reuse-partial",
            "partial-store-complete-reuse-partial-no-last",
            "partial-store-complete-reuse-partial-suffix",
            "partial-store-partial-reuse-partial-byterange",
            "partial-store-partial-reuse-partial-absent",
            "partial-store-partial-reuse-partial-suffix",
            "partial-store-partial-complete",
            "partial-use-headers",
            "partial-use-stored-headers",
        ],
    ),
    (
        "a stale answer is never used, not even where the API would allow it (the second rests on the first)",
        &["stale-while-revalidate", "stale-while-revalidate-window"],
    ),
    (
        "they rest on a test that wants a stale answer where the connection breaks; in the suite's 0.4.5, any answer that \
         is not the server's own fails them, also one that tells of the broken connection",
        &[
            "stale-close-must-revalidate",
            "stale-close-no-cache",
            "stale-close-proxy-revalidate",
            "stale-close-s-maxage=2",
        ],
    ),
    ("an answer to a POST is not stored", &["method-POST"]),
    (
        "a language is not chosen by its weight: an answer for another header line is asked for",
        &["vary-normalise-lang-select"],
    ),
    ("its date names a day of the week that it was not", &["freshness-expires-ansi-c"]),
    (
        "a body in an encoding that was not asked for is refused",
        &["headers-store-Content-Encoding", "304-etag-update-response-Content-Encoding"],
    ),
    (
        "only in the suite's 0.4.5, which asks for the opposite of what RFC 9111 (5.1: an `Age` that cannot be read is \
         ignored; 4.3.4: a 304 with another strong ETag updates nothing) and the suite's later versions do",
        &[
            "age-parse-nonnumeric",
            "age-parse-negative",
            "age-parse-float",
            "age-parse-parameter",
            "age-parse-numeric-parameter",
            "age-parse-prefix-twoline",
            "age-parse-dup-0",
            "age-parse-dup-0-twoline",
            "age-parse-dup-old",
            "304-etag-update-response-ETag",
            "304-etag-update-response-Content-MD5",
        ],
    ),
];

/// Of a version of the suite, known by how many tests it has for a private client (required, optimal): how many of each
/// pass at least. The second is the state of its repository in July 2026, which no registry has: `SPILE_TEST_CACHE_TESTS`
/// may lead to its `test-engine/client/runner.mjs`.
const FIGURES: [([usize; 2], [usize; 2]); 2] = [([144, 66], [126, 56]), ([134, 75], [128, 63])];

/// The suite's server. It ends with this value.
struct Server {
    process: Child,
    url: String,
    _folder: TempDir,
}

impl Server {
    fn start(root: &Path) -> Self {
        let script = ["server/server.mjs", "test-engine/server/server.mjs"].map(|path| root.join(path));
        let script = script.into_iter().find(|path| path.is_file()).unwrap();
        let folder = temp_dir();
        let mut process = Command::new("node")
            .arg(script)
            .current_dir(root)
            .env("npm_config_protocol", "http")
            .env("npm_config_port", "0")
            .env("npm_config_pidfile", folder.path().join("pid"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse::<u16>().unwrap();
        // What it says later is nobody's, but it must not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client of `url` that caches all that it may, and asks for many things at once, as the suite does.
fn client(url: &str) -> Client {
    let mut plan = plan(url);
    plan.streams[0].cache = Some(CachePlan { reuse: Reuse::Heuristic, pages: NonZeroUsize::MIN });
    plan.source.concurrency = NonZeroU32::new(200).unwrap();
    // The suite's server fails on purpose, again and again.
    plan.source.retries.outage.failures = NonZeroU32::MAX;
    Rig::with_clock(&plan, 7, Arc::new(SystemClock)).client
}

/// Passes on what comes, through the client, until the test is over.
async fn proxy(client: Client, target: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (client, target) = (client.clone(), target.clone());
            let service = service_fn(move |request| pass_on(client.clone(), target.clone(), request));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service),
            );
        }
    });
    address
}

async fn pass_on(
    client: Client,
    target: String,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = (!bytes.is_empty()).then_some(Body { content_type: "application/octet-stream", bytes });
    let url = Url::parse(&format!("{target}{}", head.uri)).unwrap();
    let mut headers = end_to_end(&head.headers);
    for name in [header::HOST, header::CONTENT_LENGTH, header::ACCEPT_ENCODING] {
        headers.remove(name);
    }
    let request = Request { method: head.method, url, headers, body, idempotent: false };
    let answered = client.relay(&request, &stream()).await;
    let mut response = hyper::Response::default();
    match answered {
        Ok(answer) => {
            *response.status_mut() = answer.status;
            *response.headers_mut() = end_to_end(&answer.headers);
            *response.body_mut() = Full::new(answer.body);
        }
        Err(failure) => {
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            *response.body_mut() = Full::new(failure.to_string().into());
        }
    }
    Ok(response)
}

/// A proxy passes on all headers but those of the connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut passed = headers.clone();
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, HeaderName::from_static("keep-alive")] {
        passed.remove(name);
    }
    passed
}

/// What the suite's runner found, by test.
fn run_the_suite(runner: &Path, proxy: SocketAddr) -> Vec<Value> {
    let output = Command::new("node").arg(RUN).arg(runner).arg(format!("http://{proxy}")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_does_what_the_suite_for_http_caches_asks_of_a_private_client() {
    let runner: PathBuf = tool(SUITE);
    let root = runner.ancestors().find(|folder| folder.join("package.json").is_file()).unwrap();
    let server = Server::start(root);
    let proxy = proxy(client(&server.url), server.url.clone()).await;
    let results = tokio::task::spawn_blocking(move || run_the_suite(&runner, proxy)).await.unwrap();
    let count = |kind: &str, passed: bool| {
        results.iter().filter(|result| result["kind"] == kind && (!passed || result["passed"] == true)).count()
    };
    let (all, passed) =
        (["required", "optimal"].map(|kind| count(kind, false)), ["required", "optimal"].map(|kind| count(kind, true)));
    let least = FIGURES.iter().find(|(version, _)| *version == all).map(|(_, least)| least);
    let least = least.unwrap_or_else(|| panic!("a version of the suite with {all:?} tests is not known"));
    let unknown: Vec<&Value> = results.iter().filter(|result| failed(result) && !is_known(result)).collect();
    assert!(unknown.is_empty(), "passed {passed:?} of {all:?}; failed without a known reason: {unknown:#?}");
    assert!(passed[0] >= least[0] && passed[1] >= least[1], "passed {passed:?} of {all:?}, at least {least:?} should");
}

/// Whether a test failed that is more than a question.
fn failed(result: &Value) -> bool {
    result["kind"] != "check" && result["passed"] == false
}

fn is_known(result: &Value) -> bool {
    KNOWN.iter().any(|(_, tests)| tests.iter().any(|id| result["id"] == *id))
}
