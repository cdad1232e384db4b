//! One polite HTTP client for one API.
//!
//! Enters: a [`Request`] whose templates are rendered, and the plan's limits. Leaves: a [`Response`] whose body is
//! complete, decompressed and within its limits, or a [`spile_model::Failure`] whose kind says what to do about it.
//!
//! Invariants:
//! * A partial body is never a body: every length that was announced is checked.
//! * Only origins (scheme, host, port) that the pipeline file names are asked, at addresses that they may have.
//! * Credentials go to the pipeline's own origin and nowhere else, and appear in no message, no event and no URL that is
//!   shown. What is for the server that gives out tokens goes to that one alone.
//! * No request leaves before every rate limit, the concurrency limit and every `Retry-After` allow it, and who waits
//!   holds no connection.
//! * Time, randomness and the addresses of names are injected; waiting is on tokio's clock.
//!
//! A [`Login`] gets what a person allows, once, and keeps it in the secret store for the clients of later runs.
//!
//! It deliberately knows neither pages nor records, keeps no cookies and leaves
//! retries, redirects and the body's limits to none of the libraries below it.
//!
//! One [`Client::send`] reads: look into the archive → check the URL → look into the cache → have credentials at hand →
//! wait for the limits → authorise → send → read the body → keep it in the cache → judge it → keep it in the archive →
//! perhaps again. The files of this crate are these steps.

mod archive;
mod aside;
mod auth;
mod body;
mod cache;
mod cause;
mod classify;
mod client;
mod credential_server;
pub mod excerpt;
mod exchange;
mod guard;
mod headers;
mod identity;
mod latency;
mod limit;
pub mod link;
mod message;
mod notices;
pub mod query;
mod redact;
mod retry;
mod retry_after;
mod rules;
mod surroundings;
mod transport;
mod usage;
mod wire;

pub use self::archive::Archiving;
pub use self::auth::{Asked, DeviceCode, Login};
pub use self::cache::Terms;
pub use self::client::Client;
pub use self::credential_server::{CredentialServer, Said, secret_header};
pub use self::exchange::Exchange;
pub use self::guard::names::Names;
pub use self::limit::bill::{Bill, Cost};
pub use self::limit::dialect::graphql;
pub use self::limit::dialect::reference::{LimitPage, limit_pages};
pub use self::message::{Body, Receipt, Request, Response};
pub use self::surroundings::Surroundings;
pub use self::transport::{Awaited, Transport};
pub use self::usage::Content;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use reqwest::Url;
