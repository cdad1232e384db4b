//! The client against an API that misbehaves in every way it can.
#![allow(clippy::unwrap_used)]

mod addresses;
mod apache;
mod bodies;
mod caching;
mod challenges;
mod conformance;
mod connections;
mod costs;
mod digests;
mod garbage;
mod hostile;
mod limiters;
mod limits;
mod logins;
mod moto;
mod names;
mod nginx;
mod notices;
mod oidc;
mod outages;
mod politeness;
mod proxies;
mod redirects;
mod reference;
mod refresh;
mod requests;
mod retries;
mod rules;
mod secrets;
mod sessions;
mod signatures;
mod support;
mod tls;
mod tokens;
mod trickles;
