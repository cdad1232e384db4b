//! Proxies on the way: what goes through them, what they may know, and what is told where they refuse.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use spile_http::Names;
use spile_model::{FailureKind, Secret};
use spile_plan::{AuthPlan, PemPlan, PipelinePlan, ProxyPlan, ProxyServerPlan, ProxyUser};
use spile_testkit::authority::Authority;
use spile_testkit::fake_api::{FakeApi, RefusedPort, Response, any};
use spile_testkit::plan::template;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::nginx::Nginx;
use crate::support::{Rig, everything_said, plan, without_retries};

/// `me:pa ss/word` as it is sent.
const SENT: &str = "bWU6cGEgc3Mvd29yZA==";

fn through(base: &str, proxy: &str, except: &[&str]) -> PipelinePlan {
    let mut plan = without_retries(plan(base));
    plan.source.auth = AuthPlan::Bearer(template("{{ token }}"));
    plan.source.proxy = ProxyPlan::Through(Box::new(ProxyServerPlan {
        url: proxy.to_owned(),
        user: Some(ProxyUser { username: Secret::new("me"), password: Secret::new("pa ss/word") }),
        except: except.iter().map(|host| (*host).to_owned()).collect(),
    }));
    plan
}

/// A proxy that makes tunnels to one address, whatever it is asked for, and the heads of what it was asked.
async fn tunnels_to(port: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut client = BufReader::new(client);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    client.read_line(&mut head).await.unwrap();
                }
                seen.lock().unwrap().push(head);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (url, heads)
}

#[tokio::test]
async fn http_goes_through_the_proxy_and_its_credentials_go_no_further_than_it() {
    let proxy = FakeApi::start().await;
    proxy.route(any(), |_| Response::json("by proxy"));
    let rig = Rig::new(&through("http://api.example", &proxy.url(), &[]));
    assert_eq!(rig.get("http://api.example/items").await.unwrap().body, "\"by proxy\"");
    let asked = &proxy.requests()[0];
    assert_eq!(asked.target, "http://api.example/items");
    assert_eq!(asked.header("proxy-authorization"), Some(format!("Basic {SENT}").as_str()));
}

#[tokio::test]
async fn https_goes_through_a_tunnel_in_which_the_proxy_sees_nothing() {
    let authority = Authority::new("a company");
    let nginx = Nginx::start(&authority.server(&["api.example"]), "", &[]);
    let (proxy, heads) = tunnels_to(nginx.port()).await;
    let mut plan = through("https://api.example", &proxy, &[]);
    plan.source.tls.authorities = Some(PemPlan::Text(Secret::new(authority.certificate())));
    let rig = Rig::with_names(&plan, Names::given(|host| panic!("{host} is looked up by the proxy")));
    let body = rig.get("https://api.example/items").await.unwrap().body;
    assert!(String::from_utf8_lossy(&body).contains("HTTP/2.0"), "{body:?}");
    let heads = heads.lock().unwrap().join("");
    assert!(heads.starts_with("CONNECT api.example:443 HTTP/1.1\r\n"), "{heads}");
    assert!(heads.contains(&format!("Basic {SENT}")) && !heads.contains("Bearer"), "{heads}");
}

#[tokio::test]
async fn hosts_that_are_excepted_and_this_machine_are_asked_directly() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::json("directly"));
    let port = api.address().port();
    let nobody = RefusedPort::reserve();
    for (host, except) in [("api.internal", "api.internal"), ("api.internal", ".internal"), ("localhost", "")] {
        let base = format!("http://{host}:{port}");
        let names = Names::given(|_| Ok(vec![IpAddr::from([127, 0, 0, 1])]));
        let rig = Rig::with_names(&through(&base, &nobody.url(), &[except]), names);
        assert_eq!(rig.get(&format!("{base}/items")).await.unwrap().body, "\"directly\"", "{host}");
    }
    assert_eq!(api.requests()[0].header("proxy-authorization"), None);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_apart_from_the_api_and_named() {
    let told = |plan: PipelinePlan| async move {
        let url = format!("{}/items", plan.source.base_url);
        let failure = Rig::new(&plan).get(&url).await.unwrap_err();
        let said = everything_said(&failure);
        assert!(!said.contains("pa ss/word") && !said.contains(SENT) && !said.contains("hunter2"), "{said}");
        (failure.kind.clone(), failure.message)
    };
    for base in ["http://api.example", "https://api.example"] {
        let proxy = FakeApi::start().await;
        proxy.route(any(), |request| {
            let sent = request.header("proxy-authorization").unwrap_or_default().to_owned();
            Response::text(format!("not you, {sent}: pa ss/word")).with_status(407)
        });
        let (kind, message) = told(through(base, &proxy.url(), &[])).await;
        assert_eq!(kind, FailureKind::ProxyRefused, "{message}");
        assert!(kind.remedy().contains("source.proxy"));

        let nobody = RefusedPort::reserve();
        let (kind, message) = told(through(base, &nobody.url(), &[])).await;
        assert_eq!(kind, FailureKind::Connect);
        let place = nobody.url().replace("http://", "the proxy ");
        assert!(message.contains(&format!("{place} on the way to api.example cannot be connected to")), "{message}");

        let (kind, message) = told(through(base, "http://no-such-proxy.invalid:3128", &[])).await;
        assert_eq!(kind, FailureKind::Dns);
        assert!(message.contains("the proxy no-such-proxy.invalid:3128"), "{message}");
    }
    let proxy = FakeApi::start().await;
    proxy.route(any(), |_| Response::status(403));
    let (kind, message) = told(through("https://api.example", &proxy.url(), &[])).await;
    assert_eq!(kind, FailureKind::Connect);
    assert!(message.ends_with("on the way to api.example does not connect to it"), "{message}");
}
