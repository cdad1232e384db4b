use spile_model::{Secret, SystemClock};
use spile_plan::PemPlan;
use spile_testkit::fake_api::{self, FakeApi, any};
use spile_testkit::plan::{pipeline, stream, template};

use super::*;

/// A client that trusts the certificate of `api`, which no client outside of this test does.
fn trusting(plan: &PipelinePlan, api: &FakeApi) -> Client {
    let mut plan = plan.clone();
    plan.source.tls.authorities = Some(PemPlan::Text(Secret::new(api.certificate_pem())));
    Client::new(&plan, Surroundings::new(Arc::new(SystemClock), Events::nowhere(), 1)).unwrap()
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused_unless_the_http_origin_is_named() {
    let api = FakeApi::start_tls(fake_api::Certificate::SelfSigned).await;
    let plain = FakeApi::start().await;
    let target = format!("http://localhost:{}/x", plain.address().port());
    let answer = target.clone();
    api.route(any(), move |_| fake_api::Response::redirect(302, &answer));
    plain.route(any(), |_| fake_api::Response::json(1));
    let mut plan = pipeline(&api.url(), vec![stream("items")]);
    plan.source.auth = spile_plan::AuthPlan::Bearer(template("t0ken"));
    let request = Request::get(Url::parse(&api.url_of("/items")).unwrap());

    let failure = trusting(&plan, &api).send(&request, &StreamName::new("items")).await.unwrap_err();
    assert!(failure.message.contains("without TLS everybody on the way"), "{failure}");
    assert_eq!((api.request_count(), plain.connection_count()), (1, 0));

    plan.source.allowed_origins = vec![target.trim_end_matches("/x").to_owned()];
    trusting(&plan, &api).send(&request, &StreamName::new("items")).await.unwrap();
    assert_eq!(api.requests()[1].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(plain.requests()[0].header("authorization"), None);
}
