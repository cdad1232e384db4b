//! Failing system calls: the program runs under strace, which kills it or makes a call fail at exactly the n-th time.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::NamedTempFile;

use crate::place::tool;

/// Names the strace that is used.
const VARIABLE: &str = "SPILE_TEST_STRACE";

/// What strace does to a call that kills.
const KILL: &str = "signal=KILL";

/// One way to tamper with system calls. strace counts calls per thread: "the third write" is the third of whichever
/// thread comes to its third first.
#[derive(Clone, Debug)]
#[must_use]
pub struct Injection {
    calls: String,
    action: String,
    when: String,
    paths: Vec<PathBuf>,
}

impl Injection {
    /// Kills the program with SIGKILL at the n-th (from 1) of these calls (`write`, or several as
    /// `write,pwrite64,fsync`), before the call has an effect.
    pub fn kill(calls: &str, n: usize) -> Self {
        Self::new(calls, KILL.to_owned(), n.to_string())
    }

    /// Fails the n-th and every later of these calls with `ENOSPC`: the disk is full and stays full.
    pub fn no_space(calls: &str, n: usize) -> Self {
        Self::error_from(calls, "ENOSPC", n)
    }

    /// Fails the n-th and every later of these calls with this error, such as `EIO`.
    pub fn error_from(calls: &str, error: &str, n: usize) -> Self {
        Self::new(calls, format!("error={error}"), format!("{n}+"))
    }

    /// Fails only the n-th of these calls with this error.
    pub fn error_once(calls: &str, error: &str, n: usize) -> Self {
        Self::new(calls, format!("error={error}"), n.to_string())
    }

    fn new(calls: &str, action: String, when: String) -> Self {
        Self { calls: calls.to_owned(), action, when, paths: Vec::new() }
    }

    /// Counts and tampers with only those calls that touch this file or folder, by path or by descriptor.
    pub fn only_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.paths.push(path.into());
        self
    }
}

/// What strace reports, kept apart from the program's own output.
pub(super) struct Log {
    file: NamedTempFile,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { file: NamedTempFile::new().expect("a temporary file can be made") }
    }

    /// The command that runs `program` with these injections; the program's arguments are still to be added.
    #[track_caller]
    pub(super) fn command(&self, injections: &[Injection], program: &Path) -> Command {
        let mut command = Command::new(tool(VARIABLE));
        command.arg("-f").arg("-qq").arg("-o").arg(self.file.path());
        let calls: Vec<&str> = injections.iter().map(|injection| injection.calls.as_str()).collect();
        command.arg("-e").arg(format!("trace={}", calls.join(",")));
        for injection in injections {
            let (calls, action, when) = (&injection.calls, &injection.action, &injection.when);
            command.arg("-e").arg(format!("inject={calls}:{action}:when={when}"));
        }
        for path in injections.iter().flat_map(|injection| &injection.paths) {
            command.arg("-P").arg(path);
        }
        command.arg("--").arg(program);
        command
    }

    /// How many calls were tampered with. One that kills has no result to be marked by; it counts by its death.
    pub(super) fn injected(&self, injections: &[Injection]) -> usize {
        let text = std::fs::read(self.file.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let kills = injections.iter().any(|injection| injection.action == KILL);
        text.matches("(INJECTED)").count() + usize::from(kills && text.contains("+++ killed by SIGKILL +++"))
    }
}
