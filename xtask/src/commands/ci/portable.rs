//! `portable`: no file of the project names a place of the machine it was written on.
//!
//! Looked for are this checkout's own folder, the user's home, and settings that send a package manager to some mirror.
//! Lock files name registries by design and are left out.

use std::path::Path;
use std::process::Command;

use crate::problem::{Context, Problem, Result};
use crate::process;
use crate::workspace::Workspace;

/// Settings that bind a build to one network; they belong into the user's own configuration.
const MIRROR_SETTINGS: &[&str] = &["replace-with =", "index-url", "extra-index-url", "npm_config_registry", "GOPROXY"];

pub(super) fn check(workspace: &Workspace) -> Result {
    let home = std::env::var("HOME").unwrap_or_default();
    let mut needles = vec![format!("{}/", workspace.root().display())];
    // A home of "/" or none would match every path.
    if home.len() > 1 {
        needles.push(format!("{}/", home.trim_end_matches('/')));
    }
    needles.extend(MIRROR_SETTINGS.iter().map(ToString::to_string));
    let files = process::output(Command::new("git").current_dir(workspace.root()).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut found = Vec::new();
    for file in files.lines().filter(|file| may_not_name_places(file)) {
        found.extend(places_in(workspace.root(), file, &needles)?);
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Problem::new(format!("these lines work on one machine only\n{}", found.join("\n"))))
}

fn may_not_name_places(file: &str) -> bool {
    // This file lists what is looked for.
    !file.ends_with(".lock") && !file.ends_with("commands/ci/portable.rs")
}

fn places_in(root: &Path, file: &str, needles: &[String]) -> Result<Vec<String>> {
    let path = root.join(file);
    // A file that was removed but not yet committed is still listed.
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let bytes = std::fs::read(&path).at("cannot read", &path)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate().filter_map(|(number, line)| {
        let needle = needles.iter().find(|needle| line.contains(needle.as_str()))?;
        Some(format!("- {file}:{} says {needle:?}", number + 1))
    });
    Ok(lines.collect())
}
