//! Digest authentication against servers that people run: Apache (MD5, nonces that age) and httpbin (SHA-256, and bodies
//! that are part of what is answered).

use std::process::Command;
use std::sync::Arc;

use futures::future::join_all;
use spile_model::clock::SystemClock;
use spile_model::{FailureKind, Secret};
use spile_plan::{AuthPlan, Variable};
use spile_testkit::place::tool;
use spile_testkit::plan::template;
use spile_testkit::server::Server;

use crate::apache::Apache;
use crate::support::{Rig, everything_said, plan, without_retries};

/// Names the Python of an environment that has httpbin.
const PYTHON: &str = "SPILE_TEST_SERVERS";

const PASSWORD: &str = "Circle of Life";

/// httpbin has the password in its path, and compares with the path without its percent signs.
const PLAIN_PASSWORD: &str = "CircleOfLife";

/// The user, the realm, and the MD5 of both with the password.
const USERS: &str = "Mufasa:the realm:d9555bebb25229f6a8b684423e052cac\n";

const PROTECTED: &str = "<Location />\nAuthType Digest\nAuthName \"the realm\"\nAuthDigestProvider file\n\
                         AuthUserFile FOLDER/users\nRequire valid-user\n";

fn rig(base: &str, password: &str) -> Rig {
    let mut plan = without_retries(plan(base));
    plan.variables.0.insert("password".to_owned(), Variable::Secret(Secret::new(password)));
    plan.source.auth = AuthPlan::Digest { username: template("Mufasa"), password: template("{{ password }}") };
    Rig::with_clock(&plan, 7, Arc::new(SystemClock))
}

#[tokio::test]
async fn apache_takes_the_answers_of_many_requests_at_once_and_knows_a_wrong_password() {
    let apache = Apache::start(&format!("{PROTECTED}</Location>"), &[("users", USERS)]);
    let base = format!("http://127.0.0.1:{}", apache.port());
    let right = rig(&base, PASSWORD);
    let (plain, query) = (format!("{base}/items"), format!("{base}/items?a=%C3%BC&b=c%20d"));
    for answer in join_all((0..40).map(|index| right.get(if index % 2 == 0 { &plain } else { &query }))).await {
        assert_eq!(answer.unwrap().body, "[1]");
    }
    let failure = rig(&base, "Circle of Death").get(&plain).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthorized, "{failure}");
    assert!(!everything_said(&failure).contains("Circle of"), "{failure:?}");
}

#[tokio::test]
async fn a_nonce_of_apache_that_has_aged_is_replaced_and_the_request_sent_again() {
    let lines = format!("{PROTECTED}AuthDigestNonceLifetime 1\n</Location>");
    let apache = Apache::start(&lines, &[("users", USERS)]);
    let base = format!("http://127.0.0.1:{}", apache.port());
    let rig = rig(&base, PASSWORD);
    for _ in 0..6 {
        assert_eq!(rig.get(&format!("{base}/items")).await.unwrap().body, "[1]");
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    }
}

fn httpbin() -> Server {
    Server::start(|port| {
        let mut command = Command::new(tool(PYTHON));
        command.args(["-m", "waitress", &format!("--listen=127.0.0.1:{port}"), "httpbin:app"]);
        command
    })
}

#[tokio::test]
async fn httpbin_takes_every_hash_and_quality_that_it_asks_for() {
    let httpbin = httpbin();
    for quality in ["auth", "auth-int"] {
        for hash in ["MD5", "SHA-256"] {
            let rig = rig(&httpbin.url(), PLAIN_PASSWORD);
            let path = format!("/digest-auth/{quality}/Mufasa/{PLAIN_PASSWORD}/{hash}");
            for _ in 0..3 {
                let answer = rig.get(&format!("{}{path}", httpbin.url())).await;
                let answer = answer.unwrap_or_else(|failure| panic!("{quality} {hash}: {failure}"));
                assert!(String::from_utf8_lossy(&answer.body).contains("\"authenticated\": true"), "{answer:?}");
            }
            let failure = self::rig(&httpbin.url(), "wrong").get(&format!("{}{path}", httpbin.url())).await;
            assert_eq!(failure.unwrap_err().kind, FailureKind::Unauthorized, "{quality} {hash}");
        }
    }
}

/// httpbin compresses as it is asked to; the client asks for all that it can read.
#[tokio::test]
async fn every_compression_of_httpbin_is_read() {
    let httpbin = httpbin();
    let rig = Rig::new(&plan(&httpbin.url()));
    for (path, told) in [("gzip", "\"gzipped\":true"), ("deflate", "\"deflated\":true"), ("brotli", "\"brotli\":true")]
    {
        let answer = rig.get(&format!("{}/{path}", httpbin.url())).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body).replace([' ', '\n'], "");
        assert!(text.contains(told), "{path}: {text}");
    }
}
