//! Spile itself: the release binary, a pipeline file, a fresh DuckDB file.

use std::process::Command;

use super::{Contestant, Course, Output, Start};
use crate::commands::bench;
use crate::problem::Result;

pub(super) const CONTESTANT: Contestant = Contestant { name: "spile", on_every_dataset: true, enter };

fn enter(course: &Course<'_>) -> Result<Start> {
    let binary = bench::release_binary(course.workspace)?;
    let database = course.path("spile.duckdb");
    let pipeline = course.write("spile.yaml", &pipeline(course.base_url, &database))?;
    let mut leftovers = vec![database.clone()];
    leftovers.push(database.with_extension("duckdb.wal"));
    let command = move || {
        let mut command = Command::new(&binary);
        command.args(["run", "--quiet"]).arg(&pipeline);
        command
    };
    let output = Output { database: Some(database), source: "items".to_owned() };
    Ok(Start { leftovers, command: Box::new(command), output: Some(output) })
}

fn pipeline(base_url: &str, database: &std::path::Path) -> String {
    format!(
        "name: bench\n\
         source:\n\
         \x20 base_url: {base_url}\n\
         streams:\n\
         \x20 items:\n\
         \x20   path: /items/1.json\n\
         \x20   pagination: {{ next_url: $.next }}\n\
         \x20   records: $.data\n\
         \x20   write: append\n\
         destination: duckdb:{}\n",
        database.display()
    )
}
