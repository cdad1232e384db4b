//! The exit codes: one table, which the help, the tests and the documents show.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    Failed,
    Usage,
    Locked,
    Spent,
    Interrupted,
}

/// Every exit with its code and meaning.
const TABLE: [(Exit, u8, &str); 6] = [
    (Exit::Success, 0, "everything was done"),
    (
        Exit::Failed,
        1,
        "a stream, a check, the destination or writing to stdout failed, `state` found no database, or `secret` no such secret; what was committed stays",
    ),
    (Exit::Usage, 2, "the command line or the pipeline file is wrong; nothing was started"),
    (Exit::Locked, 3, "another process has the destination open; nothing was started"),
    (Exit::Spent, 4, "the run's `budget` is spent; what was committed stays, run again to go on"),
    (Exit::Interrupted, 130, "stopped by Ctrl-C or SIGTERM; what was committed stays, run again to go on"),
];

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        let code = TABLE.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code);
        ExitCode::from(code)
    }
}

/// The table as the long help shows it.
pub(crate) fn help() -> String {
    let lines = TABLE.iter().map(|(_, code, meaning)| format!("  {code:>3}  {meaning}\n"));
    format!("Exit codes:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_a_code_of_its_own() {
        let mut codes: Vec<u8> = TABLE.iter().map(|(_, code, _)| *code).collect();
        codes.dedup();
        assert_eq!(codes, [0, 1, 2, 3, 4, 130]);
    }
}
