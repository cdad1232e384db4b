//! The origin: an SQLite file that `origin.py` makes and changes, and Datasette serving it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use spile_testkit::place::tool;

use super::rows::Rows;

/// Names the Python of an environment that has Datasette and `vega_datasets`.
const PYTHON: &str = "SPILE_TEST_DATASETTE";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/datasette/origin.py");

/// A database of real data sets, and its tables' API. The server ends with this value.
pub(crate) struct Origin {
    file: PathBuf,
    server: Child,
    url: String,
}

impl Origin {
    /// Makes the database in `folder` and serves it on a free port.
    pub(crate) fn serve_in(folder: &Path) -> Self {
        let file = folder.join("origin.db");
        script("build", &file);
        let server = Command::new(tool(PYTHON))
            .args(["-m", "datasette", "serve", "--host", "127.0.0.1", "--port", "0"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut origin = Self { file, server, url: String::new() };
        origin.url = origin.announced_url();
        origin
    }

    /// What the server says when it is ready. Whatever it says later is read and dropped, so that it never waits.
    fn announced_url(&mut self) -> String {
        let mut lines = BufReader::new(self.server.stderr.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once("running on ") {
                std::thread::spawn(move || lines.for_each(drop));
                return rest.split_whitespace().next().unwrap().to_owned();
            }
            said += &line;
            said.push('\n');
        }
        panic!("Datasette ended before it served:\n{said}");
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Inserts, updates and deletes rows, while the server goes on.
    pub(crate) fn change(&self) {
        script("change", &self.file);
    }

    /// Every table with all its rows, as SQLite has them.
    pub(crate) fn tables(&self) -> Vec<(String, Rows)> {
        let Value::Object(tables) = serde_json::from_slice(&script("dump", &self.file)).unwrap() else {
            panic!("the dump is a map of tables")
        };
        tables.into_iter().map(|(name, table)| (name, Rows::of_origin(&table))).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn script(action: &str, file: &Path) -> Vec<u8> {
    let output = Command::new(tool(PYTHON)).arg(SCRIPT).arg(action).arg(file).output().unwrap();
    assert!(output.status.success(), "origin.py {action}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
