//! The crash harness: runs a program, kills it where it hurts, and runs it again.
//!
//! A [`Program`] and a [`KillPoint`] go in; an [`Exit`] with the facts comes out. Invariant: only processes that the
//! harness started are ever signalled, by process group, and none of them outlives the call that started it. It blocks
//! and needs no runtime, so the API beside it is a [`FakeApi::start_blocking`](crate::fake_api::FakeApi::start_blocking).
//!
//! ```no_run
//! use std::time::Duration;
//! use spile_testkit::crash::{KillPoint, KillSwitch, Program, SeededDelays, run_until_done};
//! use spile_testkit::fake_api::FakeApi;
//! use spile_testkit::place::{spile_binary, temp_dir};
//!
//! let (api, folder) = (FakeApi::start_blocking(), temp_dir());
//! let program = Program::new(spile_binary()).args(["run", "pipeline.yaml"]).cwd(folder.path());
//!
//! // Killed ten times at seeded moments, then left alone.
//! let delays = SeededDelays::new(7, Duration::from_millis(200));
//! let exits = run_until_done(&program, delays.take(10).map(KillPoint::After));
//! assert!(exits.iter().all(|exit| exit.killed || exit.success()), "{exits:?}");
//!
//! // Killed as soon as the API has answered three requests.
//! let switch = KillSwitch::new();
//! api.after_answers(3, switch.puller());
//! assert!(program.run(&KillPoint::Pulled(switch)).killed);
//! ```

mod kill;
mod program;
mod strace;

pub use self::kill::{KillPoint, KillSwitch, SeededDelays};
pub use self::program::{Exit, Program, run_until_done};
pub use self::strace::Injection;
