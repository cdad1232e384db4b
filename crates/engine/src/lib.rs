//! The run: pages are read, typed and written, and progress travels with the rows.
//!
//! Enters: a validated [`PipelinePlan`](spile_plan::PipelinePlan), a [`Destination`](spile_destination::Destination)
//! that the cli has opened, and a [`World`]. Leaves: [`RunEvent`](spile_model::RunEvent)s while it runs and a
//! [`RunReport`] at its end. Invariants: rows and the progress that accounts for them are one value from the page to
//! the destination; a stream that fails does not stop the others; when the user asks to stop, the page at work is
//! finished and everything accepted is committed. It deliberately knows neither YAML nor HTTP nor any database, makes
//! no retries of its own (the client has made them) and shows nothing.
//!
//! The story of a stream is in `stream`, what a page stands for in `progress`.

mod archive;
mod login;
mod look;
mod progress;
mod report;
mod run;
mod stream;
mod tally;
mod typist;
mod world;

pub use archive::{ArchiveUse, Chain, Replay};
pub use login::login;
pub use look::{Look, look};
pub use report::RunReport;
pub use run::{STREAMS_AT_ONCE, run};
pub use spile_archive::{Contents, Recorded, recorded};
pub use spile_http::{Asked, DeviceCode, Exchange, Login};
pub use world::World;
