//! The floor of parsing and storing: DuckDB's own `read_json` of the files on disk, every type given, no HTTP.

use std::process::Command;

use super::{Contestant, Course, Output, Start};
use crate::problem::Result;
use crate::tools::python::Environment;

/// The page files as the API sends them: one object, its records to be unnested.
pub(super) const PAGES: Contestant = Contestant {
    name: "read_json, pages",
    on_every_dataset: true,
    enter: |course| enter(course, &DUCKDB, Files::Pages, "0"),
};
pub(super) const PAGES_ONE_THREAD: Contestant = Contestant {
    name: "read_json, pages, 1 thread",
    on_every_dataset: true,
    enter: |course| enter(course, &DUCKDB, Files::Pages, "1"),
};
/// The same by the newest DuckDB, which is several times slower at it than 1.5.
pub(super) const PAGES_ONE_THREAD_NEWEST: Contestant = Contestant {
    name: "read_json 2.0, pages, 1 thr.",
    on_every_dataset: true,
    enter: |course| enter(course, &NEWEST_DUCKDB, Files::Pages, "1"),
};
/// The same records, one per line: the easiest form for DuckDB.
pub(super) const NDJSON: Contestant = Contestant {
    name: "read_json, NDJSON",
    on_every_dataset: true,
    enter: |course| enter(course, &DUCKDB, Files::Ndjson, "0"),
};
pub(super) const NDJSON_ONE_THREAD: Contestant = Contestant {
    name: "read_json, NDJSON, 1 thread",
    on_every_dataset: true,
    enter: |course| enter(course, &DUCKDB, Files::Ndjson, "1"),
};

/// The same engine release as the library in `target/duckdb`.
const DUCKDB: Environment = Environment { name: "duckdb", packages: &["duckdb==1.5.6"] };

/// Reads the files of all others too, so it also checks what was written.
pub(in crate::commands::bench) const NEWEST_DUCKDB: Environment =
    Environment { name: "duckdb-newest", packages: &["duckdb==2.0.0"] };

#[derive(Clone, Copy)]
enum Files {
    Pages,
    Ndjson,
}

fn enter(course: &Course<'_>, engine: &Environment, files: Files, threads: &'static str) -> Result<Start> {
    let python = engine.install(course.workspace)?;
    let script = course.write("read_json.py", include_str!("../peers/read_json.py"))?;
    let database = course.path(&format!("read_json_{}_{}_{threads}.duckdb", engine.name, files.name()));
    let select = files.select(course);
    let output = database.clone();
    let command = move || {
        let mut command = Command::new(&python);
        command.arg(&script).arg(&database).args([threads, &select]);
        command
    };
    let output = Output { database: Some(output), source: "items".to_owned() };
    Ok(Start { leftovers: output.database.iter().cloned().collect(), command: Box::new(command), output: Some(output) })
}

impl Files {
    fn name(self) -> &'static str {
        match self {
            Files::Pages => "pages",
            Files::Ndjson => "ndjson",
        }
    }

    fn select(self, course: &Course<'_>) -> String {
        match self {
            Files::Pages => format!(
                "select u.* from (select unnest(data) u from read_json('{}', columns={{data: 'STRUCT({})[]'}}))",
                course.pages.glob(),
                course.dataset.sql_fields()
            ),
            Files::Ndjson => format!(
                "select * from read_json('{}', format='newline_delimited', columns={{{}}})",
                course.pages.ndjson.display(),
                course.dataset.sql_columns()
            ),
        }
    }
}
