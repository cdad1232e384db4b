//! The client against an API that misbehaves in every way it can.
#![allow(clippy::unwrap_used)]

mod addresses;
mod bodies;
mod connections;
mod hostile;
mod limits;
mod politeness;
mod redirects;
mod requests;
mod retries;
mod secrets;
mod support;
