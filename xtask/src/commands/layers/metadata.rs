//! `cargo metadata` → the workspace's crates and what each of them names in its manifest.

use serde_json::Value;

use crate::problem::{Problem, Result};

/// A crate of the workspace.
pub(super) struct Member {
    pub(super) name: String,
    /// Its folder below `crates/`; a tool outside that folder is no room.
    pub(super) room: Option<String>,
    pub(super) uses: Vec<Use>,
}

/// One line of a manifest's dependencies.
pub(super) struct Use {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// In which table the line stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Normal,
    Dev,
    Build,
}

pub(super) fn members(metadata: &Value) -> Result<Vec<Member>> {
    let root = metadata["workspace_root"].as_str().ok_or_else(|| missing("workspace_root"))?;
    let packages = metadata["packages"].as_array().ok_or_else(|| missing("packages"))?;
    packages.iter().map(|package| member(package, root)).collect()
}

fn member(package: &Value, root: &str) -> Result<Member> {
    let name = package["name"].as_str().ok_or_else(|| missing("a package's name"))?;
    let manifest = package["manifest_path"].as_str().ok_or_else(|| missing("a package's manifest_path"))?;
    let room = manifest
        .strip_prefix(root)
        .and_then(|path| path.strip_prefix("/crates/"))
        .and_then(|path| path.strip_suffix("/Cargo.toml"));
    let lines = package["dependencies"].as_array().ok_or_else(|| missing("a package's dependencies"))?;
    let uses = lines.iter().map(dependency).collect::<Result<_>>()?;
    Ok(Member { name: name.to_owned(), room: room.map(str::to_owned), uses })
}

fn dependency(line: &Value) -> Result<Use> {
    let name = line["name"].as_str().ok_or_else(|| missing("a dependency's name"))?;
    let kind = match line["kind"].as_str() {
        None => Kind::Normal,
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        Some(other) => return Err(Problem::new(format!("cargo metadata has a dependency of the kind {other}"))),
    };
    Ok(Use { name: name.to_owned(), kind })
}

fn missing(what: &str) -> Problem {
    Problem::new(format!("cargo metadata does not name {what}"))
}
