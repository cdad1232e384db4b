//! Where things lie: the checkout, its `target/` folder for tools, and cargo's target folder for binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::problem::{Context, Problem, Result};
use crate::process;

/// The checkout that this xtask was started from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The folder above xtask's manifest; at run time, so that a binary moved between checkouts serves the right one.
    pub(crate) fn locate() -> Result<Self> {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir.parent().ok_or_else(|| Problem::new("xtask has no folder above it"))?;
        Ok(Self { root: root.canonicalize().at("cannot open the checkout", root)? })
    }

    /// The checkout's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A place in the checkout's own `target/` folder: tools and data live there even where `CARGO_TARGET_DIR` sends
    /// the binaries elsewhere, because `.cargo/config.toml` can only name a place relative to itself.
    pub(crate) fn in_target(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// The folder that cargo builds into.
    pub(crate) fn build_folder(&self) -> Result<PathBuf> {
        let metadata = self.metadata()?;
        let folder = metadata["target_directory"].as_str();
        folder.map(PathBuf::from).ok_or_else(|| Problem::new("cargo metadata names no target_directory"))
    }

    /// `cargo metadata` of the workspace members alone; needs no network and no dependency.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let text = process::output(self.cargo("metadata").args(["--format-version=1", "--no-deps", "--offline"]))?;
        serde_json::from_str(&text).context("cargo metadata wrote something that is not JSON")
    }

    /// A cargo command, run at the root of the checkout with the cargo that started xtask.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root).arg(subcommand);
        command
    }
}
