//! `-v` and `-vv`: what the rooms log, on stderr, for a person who debugs at night.
//!
//! DEBUG tells each request, wait, retry and commit; TRACE also headers, page tokens and schema changes. The rooms emit
//! where the fact is, and keep secrets out themselves.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::output::terminal::Terminal;

/// Begins to log, if it was asked for. Only Spile's own rooms are heard: libraries log headers, which hold secrets.
pub(crate) fn start(verbosity: u8, terminal: &Terminal) {
    let level = match verbosity {
        0 => return,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(terminal.colour)
        // Which file said it helps nobody at night; the stream does, and each line has it.
        .with_target(false);
    // There is one subscriber in a process, and this is the only place that sets it.
    let _ = tracing_subscriber::registry().with(Targets::new().with_target("spile", level)).with(lines).try_init();
}
