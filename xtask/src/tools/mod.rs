//! What the build and the tests need beside Rust, fetched through each ecosystem's ordinary client into `target/`.
//!
//! Every tool is pinned, is fetched once, and is complete or absent: a stamp file is written last and says which
//! version lies there.

pub(crate) mod debian;
pub(crate) mod duckdb;
pub(crate) mod node;
pub(crate) mod python;

use std::fs;
use std::path::{Path, PathBuf};

use crate::problem::{Context, Result};

/// Whether the stamp at `path` says `version`.
pub(crate) fn is_stamped(path: &Path, version: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|stamp| stamp.trim() == version)
}

/// Writes the stamp; the last step of an installation.
pub(crate) fn stamp(path: &Path, version: &str) -> Result {
    fs::write(path, format!("{version}\n")).at("cannot write", path)
}

/// Makes `link` lead to `goal`, whatever it led to before.
pub(crate) fn link(link: &Path, goal: &Path) -> Result {
    if link.canonicalize().is_ok_and(|before| goal.canonicalize().is_ok_and(|goal| goal == before)) {
        return Ok(());
    }
    let folder = link.parent().unwrap_or(link);
    fs::create_dir_all(folder).at("cannot create", folder)?;
    if link.is_symlink() {
        fs::remove_file(link).at("cannot replace the link", link)?;
    }
    std::os::unix::fs::symlink(goal, link).at("cannot make the link", link)
}

/// An empty folder for work in progress, unique to this process, removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Beside `goal`, so that a finished file can be renamed into place.
    pub(crate) fn beside(goal: &Path) -> Result<Self> {
        let folder = goal.with_extension(format!("partial-{}", std::process::id()));
        fs::create_dir_all(&folder).at("cannot create", &folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder left behind costs space and nothing else; the next `cargo clean` takes it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
