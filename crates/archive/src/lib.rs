//! What an API answered, kept in files, and found again: the archive of a pipeline.
//!
//! Enters: the exchanges of a run, already without secrets. Leaves: files that a killed run leaves readable, and from
//! them the answers of a run, request by request. Invariants: what [`Recorder::exchange`] has returned from is in the
//! archive, whatever happens to the process afterwards; equal bodies are stored once; files are for their owner alone; what is
//! read is checked against its hash before anything is made of it.
//!
//! It deliberately knows neither HTTP nor secrets nor streams' progress: `http` says what is asked and what must not be
//! written, and the engine what a run started from. The format is described in `docs/archive.md`.

mod bodies;
mod entry;
mod files;
mod player;
mod recorded;
mod recorder;

pub use bodies::{BodyRef, Stored};
pub use entry::{
    Answered, Asked, Attempt, Cached, Head, Key, Reached, Reused, RunEnd, StreamEnd, StreamStart, Tried, Unanswered,
};
pub use player::{Found, Player};
pub use recorded::{Contents, Recorded, recorded};
pub use recorder::Recorder;

/// The number of the format that is written. One that is higher is refused; what it adds would be left out unnoticed.
pub const FORMAT: u32 = 1;
