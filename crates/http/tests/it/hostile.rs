//! Whatever a redirect names, only home is asked.

use std::sync::{Arc, Mutex};

use spile_http::Names;
use spile_testkit::fake_api::{FakeApi, Response, any};
use spile_testkit::hostile_urls::hostile_urls;

use crate::support::{Rig, plan, stream};

#[tokio::test]
async fn no_redirect_leads_to_anywhere_but_home() {
    let (api, canary) = (FakeApi::start().await, FakeApi::start().await);
    let target = Arc::new(Mutex::new(String::new()));
    let named = Arc::clone(&target);
    let statuses = [301, 302, 303, 307, 308];
    api.route(any(), move |request| match request.path.as_str() {
        "/start" => Response::redirect(statuses[request.number % 5], &named.lock().unwrap()),
        _ => Response::json(1),
    });
    let looked_up = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&looked_up);
    let names = Names::given(move |host| {
        log.lock().unwrap().push(host.to_owned());
        Ok(vec!["127.0.0.1".parse().unwrap()])
    });
    let mut plan = plan(&api.url());
    plan.source.allowed_origins = vec!["https://files.example".to_owned()];
    let rig = Rig::with_names(&plan, names);
    let urls = hostile_urls(&api.address().to_string(), "files.example", canary.address().port());
    let urls: Vec<_> = urls.into_iter().filter(|url| !url.contains(char::is_control)).collect();
    let mut refused = 0;
    for url in &urls {
        target.lock().unwrap().clone_from(url);
        match rig.get(&api.url_of("/start")).await {
            Ok(response) => assert_eq!(response.url.origin().ascii_serialization(), api.url(), "{url}"),
            Err(_) => refused += 1,
        }
        assert_eq!(canary.connection_count(), 0, "{url}");
        assert_eq!(*looked_up.lock().unwrap(), [] as [&str; 0], "{url}");
    }
    assert_eq!(rig.client.usage(&stream()).requests, api.request_count() as u64, "all that was sent came home");
    assert!(urls.len() >= 900 && refused >= 850, "{} URLs, {refused} refused", urls.len());
}

#[tokio::test]
async fn no_request_of_ones_own_leads_there_either() {
    let (api, canary) = (FakeApi::start().await, FakeApi::start().await);
    let rig = Rig::with_names(&plan(&api.url()), Names::given(|host| panic!("{host} is looked up")));
    let urls = hostile_urls(&api.address().to_string(), "files.example", canary.address().port());
    let mut asked = 0;
    for url in urls.iter().filter_map(|url| spile_http::Url::parse(url).ok()) {
        if url.origin().ascii_serialization() != api.url() || !url.username().is_empty() {
            assert!(rig.client.refusal(&url).is_some(), "{url}");
            rig.get(url.as_str()).await.unwrap_err();
            asked += 1;
        }
    }
    assert!(asked >= 700, "{asked} URLs");
    assert_eq!((canary.connection_count(), api.connection_count()), (0, 0));
    assert_eq!(rig.client.usage(&stream()).requests, 0);
}
