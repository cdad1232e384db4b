//! The engine over a fake API and a destination in memory, on paused time.

#![allow(clippy::unwrap_used)]

mod cached;
mod crashes;
mod incremental;
mod looks;
mod replays;
mod runs;
mod stage;
mod unreliable;
