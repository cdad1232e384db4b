//! Names that have no address, now or for good.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use spile_http::Names;
use spile_model::FailureKind;
use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::support::{Rig, plan, without_retries};

#[tokio::test(start_paused = true)]
async fn a_name_server_that_fails_now_and_then_is_asked_again_and_one_that_stays_away_is_named() {
    let api = FakeApi::start().await;
    api.route(any(), |_| Response::json(1));
    let base = format!("http://api.internal:{}", api.address().port());
    let failures = AtomicUsize::new(0);
    let flapping = Names::given(move |_| match failures.fetch_add(1, Ordering::SeqCst) {
        0 => Err(io::Error::other("server failure")),
        1 => Ok(Vec::new()),
        _ => Ok(vec![IpAddr::from([127, 0, 0, 1])]),
    });
    let rig = Rig::with_names(&plan(&base), flapping);
    assert_eq!(rig.get(&format!("{base}/items")).await.unwrap().body, "1");
    assert_eq!(rig.waits().len(), 2);

    let dead = Names::given(|_| Err(io::Error::other("server failure")));
    let rig = Rig::with_names(&without_retries(plan(&base)), dead);
    let failure = rig.get(&format!("{base}/items")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Dns, "{failure}");
    assert!(failure.message.contains("`api.internal` has no address"), "{failure}");
    assert_eq!(failure.causes(), ["server failure"]);
}
