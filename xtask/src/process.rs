//! Starting other programs, with errors that say what was started, why, and how it ended.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::problem::{Problem, Result};

/// Runs `command` with the terminal's own output; anything but exit code 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(Problem::new(format!("{} ended with {status}", words(command)))) }
}

/// Runs `command` silently and answers what it wrote; its complaints are in the error if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(Problem::new(format!(
        "{} ended with {status}\n{}",
        words(command),
        indented(&String::from_utf8_lossy(&stderr), &String::from_utf8_lossy(&stdout))
    )))
}

/// Runs `command` silently; what it wrote matters only if it fails.
pub(crate) fn quietly(command: &mut Command) -> Result {
    output(command).map(drop)
}

/// Where `program` lies: in `PATH`, or in the folders for system programs that a user's `PATH` leaves out.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The command as a person would type it.
fn words(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    format!("`{}`", words.join(" "))
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains([' ', '"', '\'', '$']) { format!("{word:?}") } else { word.into_owned() }
}

/// The last lines are the ones that say why; a long build log above them helps nobody.
const LINES_OF_COMPLAINT: usize = 40;

fn indented(stderr: &str, stdout: &str) -> String {
    let text = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<_> = text.trim_end().lines().collect();
    let start = lines.len().saturating_sub(LINES_OF_COMPLAINT);
    lines[start..].iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

fn not_started(command: &Command, error: &std::io::Error) -> Problem {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        return Problem::new(format!("`{program}` was not found; install it, or put its folder into PATH"));
    }
    Problem::new(format!("{} could not be started: {error}", words(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_a_remedy() {
        let message = run(&mut Command::new("no-such-program-of-spile")).unwrap_err().to_string();
        assert!(message.contains("no-such-program-of-spile") && message.contains("install"), "{message}");
    }

    #[test]
    fn a_failing_program_is_quoted_with_its_last_words() {
        let message = output(Command::new("sh").args(["-c", "echo because >&2; exit 3"])).unwrap_err().to_string();
        assert!(message.contains("because") && message.contains('3'), "{message}");
    }
}
