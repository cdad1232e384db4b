//! A folder with a pipeline in it, and the program called on it.

use std::path::PathBuf;
use std::process::{Command, Output};

use spile_destination_duckdb::query_text;
use tempfile::TempDir;

/// A folder of its own for each test.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a call came to.
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With `pipeline.yaml`, which reads the streams from that API; `streams` is indented by two.
    pub(crate) fn with_pipeline(base_url: &str, streams: &str) -> Self {
        let place = Self::new();
        let text = format!(
            "name: test\nsource:\n  base_url: {base_url}\nstreams:\n{streams}\ndestination: duckdb:test.duckdb\n"
        );
        std::fs::write(place.path("pipeline.yaml"), text).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, to be started in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
        command.args(arguments).current_dir(self.folder.path()).env("NO_COLOR", "1");
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Called {
        Called::from(&self.command(arguments).output().unwrap())
    }

    /// A query's rows, values joined by `|`.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Vec<String> {
        let table = query_text(&self.path(database), sql).unwrap();
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
        table.rows.iter().map(|row| row.iter().map(shown).collect::<Vec<_>>().join("|")).collect()
    }
}

impl Called {
    pub(crate) fn from(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }
}
