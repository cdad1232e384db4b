//! Who takes part: one file per tool, listed once. Each loads the same pages; each writes what it writes by its best
//! known setting; each output is checked by content.

mod curl;
mod dlt;
mod faucet;
mod read_json;
mod sling;
mod spile;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::dataset::Dataset;
use super::pages::Pages;
use crate::problem::{Context, Result};
use crate::workspace::Workspace;

pub(super) use read_json::NEWEST_DUCKDB;

/// One tool in one setting.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    /// Peers are run on the data set that most APIs look like; the floor and Spile on both.
    pub(super) on_every_dataset: bool,
    /// Installs the tool and answers how it is started, or why it cannot take part.
    pub(super) enter: fn(&Course<'_>) -> Result<Start>,
}

/// How a tool is started for one round, and where its rows then are.
pub(super) struct Start {
    /// Removed before each round.
    pub(super) leftovers: Vec<PathBuf>,
    pub(super) command: Box<dyn Fn() -> Command>,
    pub(super) output: Option<Output>,
}

/// Where the rows can be read: what follows `from` in SQL, in a DuckDB file or in none.
pub(super) struct Output {
    pub(super) database: Option<PathBuf>,
    pub(super) source: String,
}

/// What all contestants are given.
pub(super) struct Course<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) dataset: &'a Dataset,
    pub(super) pages: &'a Pages,
    pub(super) base_url: &'a str,
    /// Where outputs, logs and scripts go.
    pub(super) folder: &'a Path,
}

/// The name that the others are compared with.
pub(super) const SPILE: &str = spile::CONTESTANT.name;

/// In the order in which each round runs them.
pub(super) const ALL: &[Contestant] = &[
    curl::CONTESTANT,
    read_json::NDJSON_ONE_THREAD,
    read_json::NDJSON,
    read_json::PAGES_ONE_THREAD,
    read_json::PAGES,
    read_json::PAGES_ONE_THREAD_NEWEST,
    spile::CONTESTANT,
    faucet::CONTESTANT,
    dlt::CONTESTANT,
    sling::CONTESTANT,
];

impl Course<'_> {
    /// Writes a script or a configuration that a contestant needs.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text).at("cannot write", &path)?;
        Ok(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
