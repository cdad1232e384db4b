//! Where the tables live.

use std::path::{Path, PathBuf};

use spile_plan::{CommitPlan, DestinationPlan, DuckDbPlan};

use super::Planner;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{CommitSpec, DestinationSpec, DuckDbForm, NamedDestination};

/// DuckDB's own default.
const DEFAULT_SCHEMA: &str = "main";

impl Planner<'_, '_, '_> {
    pub(super) fn destination(&mut self, spec: &DestinationSpec, folder: Option<&Path>) -> Option<DestinationPlan> {
        let settings = match spec {
            DestinationSpec::Short(text) => {
                let file = text.strip_prefix("duckdb:").unwrap_or(text);
                return self.duckdb(&["destination"], file, None, folder);
            }
            DestinationSpec::Named(NamedDestination::DuckDb(DuckDbForm::Path(file))) => {
                return self.duckdb(&["destination", "duckdb"], file, None, folder);
            }
            DestinationSpec::Named(NamedDestination::DuckDb(DuckDbForm::Settings(settings))) => settings,
        };
        let path = ["destination", "duckdb", "path"];
        self.duckdb(&path, &settings.path, Some(settings), folder)
    }

    fn duckdb(
        &mut self,
        path: &[&str],
        file: &str,
        settings: Option<&crate::spec::DuckDbSpec>,
        folder: Option<&Path>,
    ) -> Option<DestinationPlan> {
        let file = self.rendered_openly(path, file.trim(), "everybody sees the name of a file")?;
        let problem = match file.as_str() {
            "" => Some(("the destination names no file", "write it like `duckdb:github.duckdb`")),
            ":memory:" => Some((
                "a database in memory is gone when the run ends, and the progress with it",
                "name a file: `duckdb:github.duckdb`",
            )),
            file if file.contains('\0') => Some(("the name of the file has a NUL character in it", "remove it")),
            _ => None,
        };
        if let Some((message, help)) = problem {
            self.report(path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
            return None;
        }
        let schema = settings.and_then(|settings| settings.schema.clone());
        Some(DestinationPlan::DuckDb(DuckDbPlan {
            path: folder.map_or_else(|| PathBuf::from(&file), |folder| folder.join(&file)),
            schema: schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned()),
            memory: settings.and_then(|settings| settings.memory).map(|memory| memory.0),
            commit: commit(settings.and_then(|settings| settings.commit.as_ref())),
        }))
    }
}

fn commit(spec: Option<&CommitSpec>) -> CommitPlan {
    let default = CommitPlan::default();
    let Some(spec) = spec else { return default };
    CommitPlan {
        rows: spec.rows.unwrap_or(default.rows),
        bytes: spec.bytes.map_or(default.bytes, |bytes| bytes.0),
        age: spec.age.map_or(default.age, |age| age.0),
    }
}
