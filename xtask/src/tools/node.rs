//! Node modules, each in a folder of its own under `target/npm`, installed by npm from pinned names.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::problem::{Context, Result};
use crate::process;
use crate::tools;
use crate::workspace::Workspace;

/// A package, and the file by which scripts import it.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) entry: &'static str,
}

/// The authorization server that the tests of tokens run against.
pub(crate) const OIDC_PROVIDER: Module = Module { name: "oidc-provider", version: "9.13.3", entry: "lib/index.js" };

/// The rate limiter of most servers on Node, which tells of its limits in every draft of the IETF's headers.
pub(crate) const EXPRESS_RATE_LIMIT: Module =
    Module { name: "express-rate-limit", version: "8.7.5", entry: "dist/index.cjs" };

/// The suite that the HTTP cache is held against.
pub(crate) const CACHE_TESTS: Module =
    Module { name: "http-cache-tests", version: "0.4.5", entry: "client/runner.mjs" };

impl Module {
    fn folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.in_target("npm").join(self.name)
    }

    /// Where the module is once it is installed.
    pub(crate) fn entry(&self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join("node_modules").join(self.name).join(self.entry)
    }

    /// Installs what is missing. No script of any package is run.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result {
        let folder = self.folder(workspace);
        let stamp = folder.join("VERSION");
        let wanted = format!("{}@{}", self.name, self.version);
        if self.entry(workspace).exists() && tools::is_stamped(&stamp, &wanted) {
            return Ok(());
        }
        println!("setup: installing {wanted} into {}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).at("cannot remove", &folder)?;
        }
        fs::create_dir_all(&folder).at("cannot create", &folder)?;
        let options = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        process::quietly(Command::new("npm").args(options).arg(&folder).arg(&wanted))
            .context(format_args!("cannot install {wanted} (this needs Node's `npm` and its registry)"))?;
        tools::stamp(&stamp, &wanted)
    }
}
