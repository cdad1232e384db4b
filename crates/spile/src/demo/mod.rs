//! The demo's parts: a sample API with its data, and the pipeline file that reads it.
//!
//! All of it is real: the API answers over HTTP on loopback, with page tokens, a key, a rate limit and an occasional
//! failure, and the pipeline is run as any other. Nothing leaves the machine.

pub(crate) mod api;
pub(crate) mod data;
pub(crate) mod files;
