//! Results on stdout, and whether they arrived.
//!
//! A reader that has gone away (`| head`) has read enough, and nothing is wrong. A disk that is full has lost what a
//! script may count on: the work goes on, for what is committed is committed, but the program must not end with 0.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use crate::problem::Problem;

/// Why a result could not be written. There is one stdout in a process, and the first reason is the one to tell.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes `line` and a line end.
pub(crate) fn write_line(line: &str) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = writeln!(stdout, "{line}").and_then(|()| stdout.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error.to_string());
    }
}

/// What to tell where something could not be written.
pub(crate) fn lost() -> Option<Problem> {
    let error = LOST.get()?;
    Some(
        Problem::failed(format!("what belongs on stdout could not be written: {error}"))
            .remedy("make room where stdout leads to; what a run has committed is kept"),
    )
}
