//! faucet's command line, where the machine has one: REST pages into a JSONL file, the sink that it is fastest with.

use std::process::Command;

use super::{Contestant, Course, Output, Start};
use crate::problem::{Problem, Result};
use crate::process;

pub(super) const CONTESTANT: Contestant = Contestant { name: "faucet, to JSONL", on_every_dataset: false, enter };

fn enter(course: &Course<'_>) -> Result<Start> {
    let faucet = process::find("faucet").ok_or_else(|| {
        Problem::new(
            "not installed (`cargo install faucet-cli --no-default-features --features source-rest,sink-jsonl`)",
        )
    })?;
    let path = course.path("faucet.jsonl");
    let config = course.write("faucet.yaml", &config(course.base_url, &path))?;
    let output = Output { database: None, source: format!("read_json('{}')", path.display()) };
    let command = move || {
        let mut command = Command::new(&faucet);
        command.arg("run").arg(&config);
        command
    };
    Ok(Start { leftovers: vec![path], command: Box::new(command), output: Some(output) })
}

fn config(base_url: &str, path: &std::path::Path) -> String {
    format!(
        r#"version: 1
name: bench
pipeline:
  source:
    type: rest
    config:
      base_url: {base_url}
      path: /items/1.json
      method: GET
      auth: {{ type: none }}
      records_path: "$.data[*]"
      pagination: {{ type: NextLinkInBody, next_link_path: "$.next" }}
  sink:
    type: jsonl
    config: {{ path: {} }}
"#,
        path.display()
    )
}
