//! The testkit's own tests: what tests stand on is tested first.
#![allow(clippy::unwrap_used)]

mod client;
mod contract;
mod crash;
mod faults;
mod paging;
mod script;
mod tls;
