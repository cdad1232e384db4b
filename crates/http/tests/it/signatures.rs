//! Requests that are signed, each one as it goes out.

use std::time::Duration;

use spile_http::{Body, HeaderMap, Method, Request, Url};
use spile_plan::{AuthPlan, AwsPlan, HmacAlgorithm, HmacEncoding, HmacPlan, PipelinePlan};
use spile_testkit::fake_api::{FakeApi, Response, any, post};
use spile_testkit::plan::{named, template};
use tokio::time::Instant;

use crate::support::{Rig, TokioClock, everything_said, plan, stream};

fn with_aws(base_url: &str, service: &str) -> PipelinePlan {
    let mut plan = plan(base_url);
    plan.source.auth = AuthPlan::Aws(AwsPlan {
        access_key_id: template("AKIDEXAMPLE"),
        secret_access_key: template("{{ token | replace('ü', '') }}"),
        session_token: Some(template("{{ token | replace('ü', '') | upper }}")),
        region: "eu-central-1".to_owned(),
        service: service.to_owned(),
    });
    plan
}

#[tokio::test(start_paused = true)]
async fn every_try_is_signed_with_its_own_time_and_its_body() {
    let api = FakeApi::start().await;
    api.expect(post("/items")).respond_each([Response::status(429).header("Retry-After", 60), Response::json(1)]);
    let clock = std::sync::Arc::new(TokioClock(Instant::now()));
    let rig = Rig::with_clock(&with_aws(&api.url(), "s3"), 7, clock);
    let url = Url::parse(&api.url_of("/items")).unwrap();
    let body = Body { content_type: "application/json", bytes: "{}".into() };
    let request = Request { method: Method::POST, url, headers: HeaderMap::new(), body: Some(body), idempotent: false };
    rig.client.send(&request, &stream()).await.unwrap();
    let requests = api.requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(60));
    let sent = |index: usize, name: &str| requests[index].header(name).unwrap().to_owned();
    assert_eq!((sent(0, "x-amz-date"), sent(1, "x-amz-date")), ("20250301T120000Z".into(), "20250301T120100Z".into()));
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250301/eu-central-1/s3/aws4_request";
    let signed = "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
    for index in [0, 1] {
        let authorization = sent(index, "authorization");
        assert!(authorization.starts_with(scope) && authorization.contains(signed), "{authorization}");
        assert_eq!(sent(index, "x-amz-security-token"), "HUNTER2/+");
        let of_two_braces = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(sent(index, "x-amz-content-sha256"), of_two_braces);
    }
    assert_ne!(sent(0, "authorization"), sent(1, "authorization"));
}

#[tokio::test]
async fn what_a_service_says_of_a_wrong_signature_shows_no_key() {
    let api = FakeApi::start().await;
    api.route(any(), |request| Response::text(format!("{:?} hunter2/+", request.headers)).with_status(403));
    let failure = Rig::new(&with_aws(&api.url(), "execute-api")).get(&api.url_of("/items")).await.unwrap_err();
    let said = everything_said(&failure);
    assert!(said.contains("AKIDEXAMPLE") && !said.to_lowercase().contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_shared_secret_signs_what_the_template_says() {
    let api = FakeApi::start().await;
    let message =
        "{{ request.seconds }}|{{ request.method }}|{{ request.target }}|{{ request.body }}|{{ request.body_sha256 }}";
    for (algorithm, encoding, key, message, expected) in [
        // RFC 4231, test case 2; RFC 2202, test case 2.
        (
            HmacAlgorithm::Sha256,
            HmacEncoding::Hex,
            "Jefe",
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            HmacAlgorithm::Sha1,
            HmacEncoding::Base64,
            "Jefe",
            "what do ya want for nothing?",
            "7/zfauXrL6LSdBbV8YTfnCWafHk=",
        ),
        (HmacAlgorithm::Sha512, HmacEncoding::Hex, "{{ token }}", message, ""),
    ] {
        api.expect(post("/items").query("a", "b c")).respond(Response::json(1));
        let mut plan = plan(&api.url());
        plan.source.auth = AuthPlan::Hmac(Box::new(HmacPlan {
            key: template(key),
            algorithm,
            encoding,
            message: template(message),
            headers: vec![
                named("X-Signature", "v1={{ request.signature }}"),
                named("X-Time", "{{ request.time }} {{ request.milliseconds }} {{ request.host }}"),
            ],
        }));
        let url = Url::parse(&api.url_of("/items?a=b+c")).unwrap();
        let body = Body { content_type: "application/json", bytes: "{}".into() };
        let request =
            Request { method: Method::POST, url, headers: HeaderMap::new(), body: Some(body), idempotent: false };
        Rig::new(&plan).client.send(&request, &stream()).await.unwrap();
        let sent = api.requests().pop().unwrap();
        let place = api.url().replace("http://", "");
        assert_eq!(sent.header("x-time").unwrap(), format!("2025-03-01T12:00:00Z 1740830400000 {place}"));
        let expected = if expected.is_empty() {
            let body = "{}|44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
            let text = format!("1740830400|POST|/items?a=b+c|{body}");
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA512, "hunter2/+ü".as_bytes());
            let signed = ring::hmac::sign(&key, text.as_bytes());
            signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
        } else {
            expected.to_owned()
        };
        assert_eq!(sent.header("x-signature").unwrap(), format!("v1={expected}"));
    }
}
