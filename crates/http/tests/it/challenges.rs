//! Digest: challenges, and the answers of many requests to one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use ring::digest::{SHA256, digest};
use spile_model::FailureKind;
use spile_plan::{AuthPlan, PipelinePlan};
use spile_testkit::fake_api::{FakeApi, Request, Response, any, get};
use spile_testkit::plan::template;

use crate::support::{Rig, everything_said, plan};

fn with_digest(base_url: &str) -> PipelinePlan {
    let mut plan = plan(base_url);
    plan.source.auth = AuthPlan::Digest { username: template("Mufasa"), password: template("{{ token }}") };
    plan
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The parameters of an `Authorization: Digest …`.
fn parameters(request: &Request) -> Option<BTreeMap<String, String>> {
    let pairs = request.header("authorization")?.strip_prefix("Digest ")?.split(", ");
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
    Some(pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect())
}

/// What the answer must be (RFC 7616, 3.4.1).
fn expected(request: &Request, sent: &BTreeMap<String, String>, password: &str) -> String {
    let whose = sha256(&format!("Mufasa:the realm:{password}"));
    let what = sha256(&format!("{}:{}", request.method, request.target));
    sha256(&format!("{whose}:{}:{}:{}:auth:{what}", sent["nonce"], sent["nc"], sent["cnonce"]))
}

fn challenge(number: u64) -> Response {
    let strong = format!("digest realm=\"the realm\", qop=\"auth\", algorithm=SHA-256, nonce=\"n{number}\"");
    let weak = format!("Digest realm=\"the realm\", qop=\"auth\", algorithm=MD5, nonce=\"n{number}\", stale=true");
    Response::status(401)
        .header("WWW-Authenticate", "Basic realm=\"other\"")
        .header("WWW-Authenticate", weak)
        .header("WWW-Authenticate", strong)
}

/// Takes answers to the challenge of the number that it returns, each count once.
fn challenging(api: &FakeApi) -> Arc<AtomicU64> {
    let present = Arc::new(AtomicU64::new(1));
    let (number, counts) = (Arc::clone(&present), Mutex::new(BTreeSet::new()));
    api.route(get("/items"), move |request| {
        let number = number.load(Ordering::SeqCst);
        let Some(sent) = parameters(request) else { return challenge(number) };
        if sent["nonce"] != format!("n{number}") {
            return challenge(number);
        }
        assert_eq!(sent["response"], expected(request, &sent, "hunter2/+ü"));
        assert_eq!(sent["uri"], request.target);
        assert!(counts.lock().unwrap().insert((number, sent["nc"].clone())), "a count is used once");
        Response::json([1])
    });
    present
}

#[tokio::test]
async fn requests_answer_the_strongest_challenge_and_go_on_answering_it() {
    let api = FakeApi::start().await;
    let present = challenging(&api);
    let (rig, url) = (Rig::new(&with_digest(&api.url())), api.url_of("/items?page=1&q=%C3%BC"));
    for _ in 0..3 {
        rig.get(&url).await.unwrap();
    }
    assert_eq!(api.request_count(), 4, "only the first one was challenged");
    present.store(2, Ordering::SeqCst);
    for answer in join_all((0..20).map(|_| rig.get(&url))).await {
        answer.unwrap();
    }
    assert!(api.request_count() <= 4 + 40, "each was challenged once at most");
}

#[tokio::test]
async fn a_wrong_password_is_asked_about_twice_and_never_shown() {
    let api = FakeApi::start().await;
    let number = AtomicU64::new(0);
    api.route(any(), move |_| challenge(number.fetch_add(1, Ordering::SeqCst)));
    let failure = Rig::new(&with_digest(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
    assert_eq!((failure.kind.clone(), api.request_count()), (FailureKind::Unauthorized, 2));
    assert!(!everything_said(&failure).contains("hunter2"));
}

#[tokio::test]
async fn a_refusal_without_a_challenge_that_can_be_answered_is_final() {
    for challenges in [vec![], vec!["Basic realm=x"], vec!["Digest"], vec!["Digest nonce"], vec!["Digest realm=\"x\""]]
    {
        let api = FakeApi::start().await;
        let refusal = challenges.iter().fold(Response::status(401), |r, text| r.header("WWW-Authenticate", text));
        api.expect(any()).respond(refusal);
        let failure = Rig::new(&with_digest(&api.url())).get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unauthorized, "{challenges:?}");
    }
}
