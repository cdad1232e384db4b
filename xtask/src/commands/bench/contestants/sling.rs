//! Sling: its API source into DuckDB, through the DuckDB command line that it shells out to.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Contestant, Course, Output, Start};
use crate::problem::{Context, Result};
use crate::process;
use crate::tools::python::Environment;

pub(super) const CONTESTANT: Contestant = Contestant { name: "sling", on_every_dataset: false, enter };

/// The newest Sling whose package holds its program (later ones fetch it elsewhere when first used).
const SLING: Environment = Environment { name: "sling", packages: &["sling-linux-amd64==1.4.11", "duckdb-cli==1.5.6"] };

fn enter(course: &Course<'_>) -> Result<Start> {
    let python = SLING.install(course.workspace)?;
    let packages = packages_folder(&python)?;
    let sling = packages.join("sling_linux_amd64/bin/sling-linux-amd64");
    executable(&sling)?;
    let home = course.path("sling");
    std::fs::create_dir_all(&home).at("cannot create", &home)?;
    let database = course.path("sling.duckdb");
    let spec = course.write("sling/items.yaml", &spec(course.base_url))?;
    course.write("sling/env.yaml", &connections(&spec, &database))?;
    let duckdb = course.write("sling/duckdb", &duckdb_without_downloads(&packages.join("duckdb_cli/duckdb")))?;
    executable(&duckdb)?;
    let output = Output { database: Some(database.clone()), source: "main.items".to_owned() };
    let command = move || {
        let mut command = Command::new(&sling);
        command.args(["run", "--src-conn", "BENCH_API", "--src-stream", "items", "--tgt-conn", "BENCH_DUCK"]);
        command.args(["--tgt-object", "main.items", "--mode", "full-refresh"]);
        command.env("SLING_HOME_DIR", &home).env("SLING_DISABLE_TELEMETRY", "true").env("DUCKDB_PATH", &duckdb);
        command
    };
    Ok(Start { leftovers: vec![database], command: Box::new(command), output: Some(output) })
}

fn packages_folder(python: &Path) -> Result<PathBuf> {
    let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
    Ok(PathBuf::from(process::output(Command::new(python).args(["-c", script]))?.trim()))
}

fn executable(path: &Path) -> Result {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).at("cannot make executable", path)
}

fn spec(base_url: &str) -> String {
    format!(
        r#"name: bench
description: static pages
defaults:
  request: {{ timeout: 30, rate: 100000, concurrency: 1 }}
endpoints:
  items:
    description: items
    state: {{ url: "{base_url}/items/1.json" }}
    request: {{ url: "${{state.url}}", method: GET }}
    pagination:
      next_state: {{ url: "${{response.json.next}}" }}
      stop_condition: "is_null(response.json.next)"
    response:
      records: {{ jmespath: "data[]", primary_key: ["id"] }}
"#
    )
}

fn connections(spec: &Path, database: &Path) -> String {
    format!(
        "connections:\n  BENCH_API:\n    type: api\n    spec: file://{}\n  BENCH_DUCK:\n    type: duckdb\n    instance: \
         {}\n    copy_method: csv_files\n",
        spec.display(),
        database.display()
    )
}

/// Sling asks DuckDB to install its JSON extension, which is built in; on a machine without the way to DuckDB's
/// extension server that request would fail the run.
fn duckdb_without_downloads(duckdb: &Path) -> String {
    let duckdb = duckdb.display();
    format!(
        "#!/bin/bash\ncase \" $* \" in *\" -version \"*|*\" --version \"*) exec '{duckdb}' \"$@\";; esac\n\
         words=(); for word in \"$@\"; do words+=(\"${{word//INSTALL json;/}}\"); done\n\
         sed -u -E 's/INSTALL +json *;//Ig' | exec '{duckdb}' \"${{words[@]}}\"\n"
    )
}
