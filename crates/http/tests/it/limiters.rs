//! Limits as servers in use have them: express-rate-limit in every draft of the headers, and Flask-Limiter, whose limits
//! are counted in other ways. Everything is answered, and nothing is sent that is refused once the limit was told.
//!
//! On the real clock, for the servers have it; what is counted is refusals and never time.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};
use spile_model::clock::SystemClock;
use spile_testkit::place::tool;
use spile_testkit::server::Server;

use crate::support::{Rig, plan};

/// Names the limiter's module.
const EXPRESS: &str = "SPILE_TEST_EXPRESS_RATE_LIMIT";

/// Names the Python of an environment that has Flask-Limiter.
const PYTHON: &str = "SPILE_TEST_SERVERS";

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/limiters").join(name).display().to_string()
}

fn express(limiters: &Value) -> Server {
    Server::start(|port| {
        let mut command = Command::new("node");
        let settings = json!({"port": port, "limiters": limiters});
        command.arg(script("express.mjs")).arg(tool(EXPRESS)).arg(settings.to_string());
        command
    })
}

fn flask(strategy: &str, limit: &str) -> Server {
    Server::start(|port| {
        let mut command = Command::new(tool(PYTHON));
        command.arg(script("windows.py")).args([&port.to_string(), strategy, limit]);
        command
    })
}

/// Sends so many requests at once; how many of them the server answered and how many it refused.
async fn counts(server: &Server, requests: usize) -> (u64, u64) {
    let plan = plan(&server.url());
    let rig = Rig::with_clock(&plan, 7, Arc::new(SystemClock));
    let items = format!("{}/items", server.url());
    for answer in join_all((0..requests).map(|_| rig.get(&items))).await {
        answer.unwrap();
    }
    let counts = rig.get(&format!("{}/counts", server.url())).await.unwrap();
    let counts: Value = serde_json::from_slice(&counts.body).unwrap();
    (counts["answered"].as_u64().unwrap(), counts["refused"].as_u64().unwrap())
}

#[tokio::test]
async fn express_rate_limit_refuses_nothing_in_any_draft_of_its_headers() {
    let drafts = [
        ("legacy", json!({"legacyHeaders": true, "standardHeaders": false})),
        ("draft-6", json!({"legacyHeaders": false, "standardHeaders": "draft-6"})),
        ("draft-7", json!({"legacyHeaders": false, "standardHeaders": "draft-7"})),
        ("draft-8", json!({"legacyHeaders": false, "standardHeaders": "draft-8"})),
    ];
    let runs = drafts.map(|(name, mut limiter)| async move {
        limiter["limit"] = json!(10);
        limiter["windowMs"] = json!(1000);
        (name, counts(&express(&json!([limiter])), 45).await)
    });
    for (name, counts) in join_all(runs).await {
        assert_eq!(counts, (45, 0), "{name}");
    }
}

#[tokio::test]
async fn two_limits_of_express_rate_limit_that_hold_at_once_are_both_kept() {
    let limiter = |name: &str, limit: u32, window: u32| {
        json!({
            "identifier": name, "limit": limit, "windowMs": window,
            "legacyHeaders": false, "standardHeaders": "draft-8",
        })
    };
    let server = express(&json!([limiter("burst", 5, 1000), limiter("sustained", 12, 4000)]));
    assert_eq!(counts(&server, 30).await, (30, 0));
}

#[tokio::test]
async fn flask_limiter_refuses_nothing_whatever_it_counts_with() {
    let runs = ["fixed-window", "moving-window", "sliding-window-counter"]
        .map(|strategy| async move { (strategy, counts(&flask(strategy, "10 per 2 seconds"), 25).await) });
    for (strategy, counts) in join_all(runs).await {
        assert_eq!(counts, (25, 0), "{strategy}");
    }
}
