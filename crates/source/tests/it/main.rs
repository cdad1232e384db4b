//! Streams of pages from an API that pages in every way, and misbehaves in every way.
#![allow(clippy::unwrap_used)]

mod answers;
mod costs;
mod damage;
mod hostile;
mod lies;
mod loops;
mod messages;
mod origins;
mod paging;
mod prefetch;
mod support;
