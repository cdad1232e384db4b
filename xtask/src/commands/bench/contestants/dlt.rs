//! dlt's REST source into DuckDB.

use std::process::Command;

use super::{Contestant, Course, Output, Start};
use crate::problem::Result;
use crate::tools::python::Environment;

pub(super) const CONTESTANT: Contestant = Contestant { name: "dlt", on_every_dataset: false, enter };

/// The newest dlt, on the same DuckDB as everybody else.
const DLT: Environment = Environment { name: "dlt", packages: &["dlt[duckdb,parquet]==1.31.0", "duckdb==1.5.6"] };

fn enter(course: &Course<'_>) -> Result<Start> {
    let python = DLT.install(course.workspace)?;
    let script = course.write("dlt_rest.py", include_str!("../peers/dlt_rest.py"))?;
    let folder = course.path("dlt");
    let base_url = course.base_url.to_owned();
    let output = Output { database: Some(folder.join("items.duckdb")), source: "api.items".to_owned() };
    let leftovers = vec![folder.clone()];
    let command = move || {
        let mut command = Command::new(&python);
        command.arg(&script).arg(&folder).arg(&base_url);
        command
    };
    Ok(Start { leftovers, command: Box::new(command), output: Some(output) })
}
