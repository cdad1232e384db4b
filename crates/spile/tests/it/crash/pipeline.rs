//! A pipeline in a folder of its own, ready to be run, killed and looked at.

use std::path::{Path, PathBuf};

use spile_testkit::crash::{Exit, KillPoint, Program};
use spile_testkit::place::{spile_binary, temp_dir};
use tempfile::TempDir;

/// So few rows that a run commits some twenty times.
pub(crate) const COMMIT_ROWS: usize = 24;

/// A folder with `pipeline.yaml` and, after a run, `crash.duckdb`.
pub(crate) struct Pipeline {
    folder: TempDir,
}

impl Pipeline {
    /// A pipeline over these streams, each read in pages of a token. `source` goes behind the base URL.
    pub(crate) fn new(base_url: &str, source: &str, streams: &[(&str, &str)]) -> Self {
        let pipeline = Self { folder: temp_dir() };
        pipeline.write("pipeline", base_url, source, streams);
        pipeline
    }

    /// `spile run` of another pipeline into the same file.
    pub(crate) fn program_beside(&self, name: &str, base_url: &str, streams: &[(&str, &str)]) -> Program {
        self.write(name, base_url, "", streams);
        self.program_of(name)
    }

    fn write(&self, name: &str, base_url: &str, source: &str, streams: &[(&str, &str)]) {
        let streams: String = streams
            .iter()
            .map(|(name, settings)| {
                format!(
                    "  {name}: {{ path: /items, records: $.items, \
                     pagination: {{ page_token: {{ token: $.next, param: token }} }}, {settings} }}\n"
                )
            })
            .collect();
        let text = format!(
            "name: {name}\nsource: {{ base_url: \"{base_url}\"{source} }}\nstreams:\n{streams}\
             destination: {{ duckdb: {{ path: crash.duckdb, commit: {{ rows: {COMMIT_ROWS} }} }} }}\n"
        );
        std::fs::write(self.file(name), text).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.yaml"))
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("crash.duckdb")
    }

    /// `spile run`, telling its events.
    pub(crate) fn program(&self) -> Program {
        self.program_of("pipeline")
    }

    fn program_of(&self, name: &str) -> Program {
        Program::new(spile_binary()).args(["run", "--json"]).arg(self.file(name)).cwd(self.folder.path())
    }

    /// Runs it until it ends or is killed.
    #[track_caller]
    pub(crate) fn run(&self, kill: &KillPoint) -> Exit {
        self.program().run(kill)
    }

    /// Runs it to its end, which must be a good one.
    #[track_caller]
    pub(crate) fn completes(&self) -> Exit {
        let exit = self.run(&KillPoint::Never);
        let (code, signal) = (exit.code, exit.signal);
        assert!(
            exit.success(),
            "an undisturbed run ended with {code:?}, signal {signal:?}: {}\n{}",
            exit.stderr,
            last_line(&exit)
        );
        exit
    }

    /// Leaves the folder where it is, for a person to look into. Returns its place.
    pub(crate) fn keep(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }
}

impl Drop for Pipeline {
    #[allow(clippy::print_stderr, reason = "a person looks for it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the folder is kept: {}", self.keep().display());
        }
    }
}

/// What the run said last: its end, if it came to one.
fn last_line(exit: &Exit) -> &str {
    exit.stdout.lines().next_back().unwrap_or_default()
}
