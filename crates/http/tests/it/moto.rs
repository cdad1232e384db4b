//! AWS Signature Version 4 against moto, which computes every signature anew and refuses what differs.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use spile_http::{Body, HeaderMap, HeaderValue, Method, Request, Response, Url};
use spile_model::clock::SystemClock;
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::{AuthPlan, AwsPlan, Variable};
use spile_testkit::place::tool;
use spile_testkit::plan::template;
use spile_testkit::server::Server;

use crate::support::{Rig, plan, stream, without_retries};

/// Names the Python of an environment that has moto.
const PYTHON: &str = "SPILE_TEST_SERVERS";

struct Moto {
    server: Server,
    keys: Value,
}

impl Moto {
    fn start() -> Self {
        let server = Server::start(|port| {
            let mut command = Command::new(tool(PYTHON));
            command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/moto/prepare.py");
        let prepared = Command::new(tool(PYTHON)).arg(script).arg(server.url()).output().unwrap();
        assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
        Self { server, keys: serde_json::from_slice(&prepared.stdout).unwrap() }
    }

    /// A client with these keys, whose secret ends so.
    fn rig(&self, keys: &str, service: &str, secret_ends: &str) -> Rig {
        let key = |name: &str| self.keys[keys][name].as_str().map(ToOwned::to_owned);
        let mut plan = without_retries(plan(&self.server.url()));
        let secret = Variable::Secret(Secret::new(key("secret").unwrap() + secret_ends));
        plan.variables.0.insert("secret".to_owned(), secret);
        plan.source.auth = AuthPlan::Aws(AwsPlan {
            access_key_id: template(&key("id").unwrap()),
            secret_access_key: template("{{ secret }}"),
            session_token: key("session").map(|token| template(&token)),
            region: "eu-central-1".to_owned(),
            service: service.to_owned(),
        });
        Rig::with_clock(&plan, 7, Arc::new(SystemClock))
    }

    async fn scan(&self, rig: &Rig) -> Result<Response, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", HeaderValue::from_static("DynamoDB_20120810.Scan"));
        let body = Body { content_type: "application/x-amz-json-1.0", bytes: r#"{"TableName":"records"}"#.into() };
        let url = Url::parse(&self.server.url()).unwrap();
        let request = Request { method: Method::POST, url, headers, body: Some(body), idempotent: true };
        rig.client.send(&request, &stream()).await
    }
}

#[tokio::test]
async fn what_is_signed_is_what_aws_computes_for_odd_paths_queries_and_bodies() {
    let moto = Moto::start();
    for keys in ["lasting", "passing"] {
        let s3 = moto.rig(keys, "s3", "");
        for (path, told) in [
            ("/records/plain.json", "plain.json"),
            ("/records/a%20b/c%2Bd%26e%3Df.json", "c+d&e=f"),
            ("/records/b%C3%BCcher/%C3%A9'()*!~.json", "\\u00e9'()*!~"),
            ("/records?list-type=2&prefix=a%20b%2F", "a b/c+d&amp;e=f.json"),
            ("/records?prefix=b%C3%BC&list-type=2&max-keys=1", "bücher"),
        ] {
            let answer = s3.get(&format!("{}{path}", moto.server.url())).await;
            let answer = answer.unwrap_or_else(|failure| panic!("{keys} {path}: {failure}"));
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(text.contains(told), "{path}: {text}");
        }
        let answer = moto.scan(&moto.rig(keys, "dynamodb", "")).await.unwrap();
        assert!(String::from_utf8_lossy(&answer.body).contains("\"Count\": 1"), "{:?}", answer.body);
    }
}

#[tokio::test]
async fn a_wrong_key_is_a_refusal_that_says_so() {
    let moto = Moto::start();
    let failure = moto.rig("lasting", "s3", "x").get(&format!("{}/records", moto.server.url())).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Forbidden, "{failure}");
    assert!(failure.message.contains("does not match"), "{failure}");
    let failure = moto.scan(&moto.rig("passing", "dynamodb", "x")).await.unwrap_err();
    assert!(failure.message.contains("does not match"), "{failure}");
}
