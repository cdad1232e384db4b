//! For developers alone: what tests of the other crates stand on. No other crate depends on it outside its tests.
//!
//! * [`fake_api`]: a scriptable API on loopback, with faults down to the byte.
//! * [`hostile_urls`]: what an answer may name in order to lead a client astray.
//! * [`paged_api`]: a ready-made one, a list of records behind any way of paging, with faults by seeded probability.
//! * [`crash`]: runs a program, kills it at the worst moment, runs it again.
//! * `destination_contract` (feature `destination`): what every destination must do, as tests.
//! * `memory_destination` (feature `destination`): a destination whose tables can be looked at.
//! * [`memory_secrets`]: a secret store that can be looked at, and that fails when told to.
//! * [`oidc_provider`]: an authorization server that people run, and a person who logs in there.
//! * [`place`]: where the binary under test is, tools, folders to work in, shared test data.
//! * [`server`]: a server that other people wrote, as a child process; [`authority`]: certificates for it; [`bombs`]: bodies
//!   that grow when they are read.
//! * [`plan`]: the simplest stream and pipeline, for tests to change what they are about.
//!
//! ```
//! use serde_json::json;
//! use spile_testkit::fake_api::{FakeApi, Response, get};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let api = FakeApi::start().await;
//! // A script: what is expected, and what is answered.
//! api.expect(get("/items").query("page", 1).header("Authorization", "Bearer t"))
//!     .in_order()
//!     .respond(Response::json(json!([{"id": 1}])).header("X-Next", "2"));
//! // The same request again may be answered differently: first a fault, then the page.
//! api.expect(get("/items").query("page", 2)).in_order().respond_each([
//!     Response::status(503).header("Retry-After", 1),
//!     Response::json(json!([{"id": 2}])).chunked(8).truncate_at(5),
//!     Response::json(json!([{"id": 2}])),
//! ]);
//! // Anything stateful is a route.
//! api.route(get("/health"), |request| Response::text(format!("{} so far", request.number)));
//!
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # for page in [1, 2, 2, 2] {
//! #     let mut client = tokio::net::TcpStream::connect(api.address()).await.unwrap();
//! #     let request = format!("GET /items?page={page} HTTP/1.1\r\nAuthorization: Bearer t\r\nConnection: close\r\n\r\n");
//! #     client.write_all(request.as_bytes()).await.unwrap();
//! #     client.read_to_end(&mut Vec::new()).await.unwrap();
//! # }
//! // … let the client talk to `api.url()` …
//! assert_eq!(api.requests()[0].header("authorization"), Some("Bearer t"));
//! api.finish(); // fails the test on any unexpected request and any unmet expectation; dropping does the same
//! # }
//! ```
//!
//! A test that blocks on a child process uses [`fake_api::FakeApi::start_blocking`]. On a paused clock, start the API
//! in the test's own runtime: its delays are then virtual, and [`fake_api::Request::at`] tells virtual arrival times.

pub mod authority;
pub mod bombs;
pub mod crash;
pub mod desktop;
#[cfg(feature = "destination")]
pub mod destination_contract;
pub mod fake_api;
pub mod hostile_urls;
#[cfg(feature = "destination")]
pub mod memory_destination;
pub mod memory_secrets;
pub mod oidc_provider;
pub mod paged_api;
pub mod place;
pub mod plan;
pub mod server;
