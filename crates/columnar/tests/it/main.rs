//! The promises of the room, held against whole pages.
#![allow(clippy::unwrap_used)]

mod exactness;
mod hostile;
mod shapes;
mod show;
mod widening;
