//! A name leads to the addresses that the pipeline file lets it lead to, whatever its name server says.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use spile_http::Names;
use spile_model::FailureKind;
use spile_plan::PipelinePlan;
use spile_testkit::fake_api::{FakeApi, Response, any, get};
use spile_testkit::hostile_urls::{FORBIDDEN, notations};

use crate::support::{Rig, plan, stream};

const PUBLIC_NAME: &str = "api.example.com";

fn always(address: IpAddr) -> Names {
    Names::given(move |_| Ok(vec![address]))
}

/// A plan whose public-looking host is `api`, as far as its port goes.
fn under_a_public_name(api: &FakeApi) -> PipelinePlan {
    plan(&format!("http://{PUBLIC_NAME}:{}", api.address().port()))
}

fn forbidden_addresses() -> Vec<IpAddr> {
    let ipv6 = ["::1", "::", "fe80::1", "fd00:ec2::254", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1"];
    let mut addresses: Vec<IpAddr> = ipv6.iter().map(|address| address.parse().unwrap()).collect();
    for address in FORBIDDEN {
        // All that are addresses by themselves: dotted, and those inside of IPv6.
        addresses.extend(notations(address).iter().filter_map(|host| {
            let text = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            text.parse::<IpAddr>().ok()
        }));
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[tokio::test]
async fn a_public_name_that_leads_inside_is_refused_and_nothing_is_connected_to() {
    let canary = FakeApi::start().await;
    let addresses = forbidden_addresses();
    assert!(addresses.len() >= 140, "{}", addresses.len());
    for address in addresses {
        let plan = under_a_public_name(&canary);
        let rig = Rig::with_names(&plan, always(address));
        let failure = rig.get(&format!("{}/items", plan.source.base_url)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::AddressRefused, "{address}: {failure}");
        let told = format!("the name {PUBLIC_NAME} leads to {address}");
        assert!(failure.message.contains(&told), "{failure}");
        assert_eq!(rig.client.usage(&stream()).requests, 1, "it is not tried again");
    }
    assert_eq!(canary.connection_count(), 0);
}

#[tokio::test]
async fn a_private_host_leads_to_private_addresses_and_never_to_metadata() {
    let api = FakeApi::start().await;
    api.expect(get("/items")).respond(Response::json(1));
    let mut plan = under_a_public_name(&api);
    plan.source.private_hosts = vec![PUBLIC_NAME.to_owned()];
    let url = format!("{}/items", plan.source.base_url);
    Rig::with_names(&plan, always("127.0.0.1".parse().unwrap())).get(&url).await.unwrap();
    for closed in ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"] {
        let failure = Rig::with_names(&plan, always(closed.parse().unwrap())).get(&url).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::AddressRefused, "{failure}");
        assert!(failure.message.contains("write the address itself"), "{failure}");
    }
    assert_eq!(api.connection_count(), 1);
}

#[tokio::test]
async fn a_name_that_changes_its_address_between_two_connections_is_refused_at_the_second() {
    let (api, canary) = (FakeApi::start().await, FakeApi::start().await);
    api.expect(get("/items")).respond(Response::json(1).header("Connection", "close"));
    let mut plan = under_a_public_name(&api);
    plan.source.private_hosts = vec![PUBLIC_NAME.to_owned()];
    plan.source.allowed_origins = vec![format!("http://files.example.com:{}", canary.address().port())];
    let looked_up = AtomicUsize::new(0);
    let names = Names::given(move |_| {
        let answer = if looked_up.fetch_add(1, Ordering::SeqCst) == 0 { "127.0.0.1" } else { "::ffff:169.254.169.254" };
        Ok(vec![answer.parse().unwrap()])
    });
    let rig = Rig::with_names(&plan, names);
    let url = format!("{}/items", plan.source.base_url);
    rig.get(&url).await.unwrap();
    let failure = rig.get(&url).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::AddressRefused, "{failure}");
    assert_eq!((api.connection_count(), canary.connection_count()), (1, 0));
}

#[tokio::test]
async fn a_redirect_to_an_allowed_origin_whose_name_leads_inside_is_refused() {
    let (api, canary) = (FakeApi::start().await, FakeApi::start().await);
    let allowed = format!("http://files.example.com:{}", canary.address().port());
    let mut plan = plan(&api.url());
    plan.source.allowed_origins = vec![allowed.clone()];
    for address in ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"] {
        api.expect(any()).respond(Response::redirect(302, &format!("{allowed}/x")));
        let failure =
            Rig::with_names(&plan, always(address.parse().unwrap())).get(&api.url_of("/items")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::AddressRefused, "{failure}");
    }
    assert_eq!(canary.connection_count(), 0);
}

#[tokio::test]
async fn what_may_be_asked_is_asked_where_a_name_has_other_addresses_too() {
    let api = FakeApi::start().await;
    api.expect(get("/items")).respond(Response::json(1));
    let plan = plan(&format!("http://api.internal:{}", api.address().port()));
    let names = Names::given(|_| Ok(["169.254.169.254", "fe80::1", "127.0.0.1"].map(|a| a.parse().unwrap()).into()));
    Rig::with_names(&plan, names).get(&format!("{}/items", plan.source.base_url)).await.unwrap();
}
