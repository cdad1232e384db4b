use std::net::IpAddr;

use reqwest::dns::Resolve as _;
use spile_plan::{ProxyPlan, ProxyServerPlan};
use spile_testkit::fake_api::{FakeApi, Response, any, get};

use super::*;

/// Ways to `base`, whose names lead nowhere.
fn transport(base: &str) -> Network {
    network(&spile_testkit::plan::pipeline(base, Vec::new()).source)
}

fn network(source: &SourcePlan) -> Network {
    let guard = Arc::new(Guard::new(source).unwrap());
    let names = Names::given(|host| panic!("{host} is looked up"));
    Network::new(guard, names, source).unwrap()
}

fn request(url: &str) -> reqwest::Request {
    reqwest::Request::new(reqwest::Method::GET, Url::parse(url).unwrap())
}

#[tokio::test]
async fn an_answer_from_an_address_that_may_not_answer_is_not_believed_however_it_was_connected_to() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::json(1));
    for (host, is_believed) in [("api.example", false), ("api.internal", true)] {
        let url = format!("http://{host}:{}/", api.address().port());
        let mut transport = transport(&url);
        // As if the check before the connection had been got around.
        let around = reqwest::Client::builder().no_proxy().tls_certs_only([]).resolve(host, api.address());
        transport.home.direct = around.build().unwrap();
        let believed = transport.believed(transport.execute(request(&url)).await.unwrap());
        assert_eq!(believed.is_ok(), is_believed, "{host}");
        if let Err(failure) = believed {
            assert_eq!(failure.kind, FailureKind::AddressRefused);
            assert!(failure.message.starts_with("the connection to api.example leads to 127.0.0.1"), "{failure}");
        }
    }
}

#[tokio::test]
async fn behind_a_proxy_the_proxy_looks_names_up_and_this_machine_is_asked_directly() {
    let (proxy, api) = (FakeApi::start().await, FakeApi::start().await);
    proxy.expect(get("/items")).respond(Response::json("by proxy"));
    api.expect(get("/items")).respond(Response::json("directly"));
    for (base, expected) in [("http://api.example", "\"by proxy\""), (&api.url(), "\"directly\"")] {
        let mut source = spile_testkit::plan::pipeline(base, Vec::new()).source;
        let server = ProxyServerPlan { url: proxy.url(), user: None, except: Vec::new() };
        source.proxy = ProxyPlan::Through(Box::new(server));
        let transport = network(&source);
        let answer = transport.execute(request(&format!("{base}/items"))).await.unwrap();
        assert_eq!(transport.believed(answer).unwrap().text().await.unwrap(), expected);
    }
    assert_eq!(proxy.requests()[0].target, "http://api.example/items");
}

#[tokio::test]
async fn a_name_that_flips_from_a_public_to_an_inner_address_is_refused_from_then_on() {
    let source = spile_testkit::plan::pipeline("https://api.example", Vec::new()).source;
    let guard = Arc::new(Guard::new(&source).unwrap());
    const FLIPS: [&str; 6] = ["93.184.216.34", "127.0.0.1", "::1", "10.0.0.1", "::ffff:192.168.0.1", "169.254.169.254"];
    let answers = std::sync::Mutex::new(FLIPS.iter());
    let names = Names::given(move |_| {
        let next = answers.lock().unwrap().next().unwrap();
        Ok(vec![next.parse::<IpAddr>().unwrap()])
    });
    let names = GuardedNames { guard, names };
    let resolved = async || names.resolve("api.example".parse().unwrap()).await;
    assert_eq!(resolved().await.unwrap().map(|address| address.ip().to_string()).collect::<Vec<_>>(), [FLIPS[0]]);
    for flip in &FLIPS[1..] {
        let Err(refused) = resolved().await else { panic!("{flip} is refused") };
        assert!(refused.to_string().contains(&format!("api.example leads to {flip}")), "{refused}");
    }
}
