//! The prebuilt DuckDB library: from its npm package into `target/duckdb`, where `.cargo/config.toml` points the build.
//!
//! Building DuckDB from source takes most of an hour on two cores; the npm package of the same release holds the same
//! C library. The file appears by a rename, after its package's hash was compared with the one pinned here.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::problem::{Context, Problem, Result};
use crate::process;
use crate::tools::{self, Scratch};
use crate::workspace::Workspace;

/// The DuckDB release that the `duckdb` crate in the workspace binds; the two change together.
const VERSION: &str = "1.5.6-r.1";

/// A platform for which the package's content is known.
struct Build {
    os: &'static str,
    arch: &'static str,
    package: &'static str,
    library: &'static str,
    /// SHA-512 of the package, in base64, as npm writes it.
    sha512: &'static str,
}

/// One line per platform; a hash comes from `npm pack --json` of the package.
const BUILDS: &[Build] = &[Build {
    os: "linux",
    arch: "x86_64",
    package: "@duckdb/node-bindings-linux-x64",
    library: "libduckdb.so",
    sha512: "IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q==",
}];

/// Makes sure that the library lies in `target/duckdb` and that binaries in cargo's target folder find it.
pub(crate) fn install(workspace: &Workspace) -> Result {
    let folder = workspace.in_target("duckdb");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    match BUILDS.iter().find(|build| build.os == os && build.arch == arch) {
        Some(build) => install_build(build, &folder)?,
        None => accept_what_lies_there(&folder)?,
    }
    link_into_build_folder(workspace, &folder)
}

fn install_build(build: &Build, folder: &Path) -> Result {
    let goal = folder.join(build.library);
    let stamp = folder.join("VERSION");
    let version = format!("{VERSION} sha512-{}", build.sha512);
    if goal.is_file() && tools::is_stamped(&stamp, &version) {
        return Ok(());
    }
    println!("setup: fetching the DuckDB library {VERSION} through npm");
    fs::create_dir_all(folder).at("cannot create", folder)?;
    let scratch = Scratch::beside(folder)?;
    let archive = pack(build, scratch.path())?;
    let found = sha512(&archive)?;
    if found != build.sha512 {
        return Err(Problem::new(format!(
            "{}@{VERSION} is not the package that was pinned, so it was thrown away\n  expected sha512-{}\n  received \
             sha512-{found}\n  Try again; if it stays so, do not trust where your npm fetches from.",
            build.package, build.sha512
        )));
    }
    let member = format!("package/{}", build.library);
    process::quietly(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(scratch.path()).arg(&member))
        .context("cannot unpack the DuckDB library")?;
    fs::rename(scratch.path().join(&member), &goal).at("cannot move the DuckDB library to", &goal)?;
    tools::stamp(&stamp, &version)
}

/// `npm pack` downloads the package as it is and runs none of its scripts.
fn pack(build: &Build, into: &Path) -> Result<std::path::PathBuf> {
    let package = format!("{}@{VERSION}", build.package);
    process::quietly(Command::new("npm").args(["pack", "--silent", &package, "--pack-destination"]).arg(into))
        .context("cannot fetch the DuckDB library (this needs Node's `npm` and its registry)")?;
    let mut entries = fs::read_dir(into).at("cannot read", into)?.flatten().map(|entry| entry.path());
    entries
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| Problem::new(format!("npm said that it packed {package}, but no .tgz appeared")))
}

/// Node comes with npm and knows SHA-512, so xtask needs no crate for it.
fn sha512(file: &Path) -> Result<String> {
    const SCRIPT: &str = "const hash = require('crypto').createHash('sha512'); \
        hash.update(require('fs').readFileSync(process.argv[1])); console.log(hash.digest('base64'))";
    let text = process::output(Command::new("node").args(["-e", SCRIPT]).arg(file))
        .context("cannot compute the hash of the DuckDB package")?;
    Ok(text.trim().to_owned())
}

/// Where no package is pinned, a library that the user put there is taken as it is.
fn accept_what_lies_there(folder: &Path) -> Result {
    let library = format!("{}duckdb{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let goal = folder.join(&library);
    if goal.is_file() {
        return Ok(());
    }
    let known: Vec<_> = BUILDS.iter().map(|build| format!("{} {}", build.os, build.arch)).collect();
    Err(Problem::new(format!(
        "no prebuilt DuckDB library is pinned for {} {} (there is: {})\n  Put {library} of DuckDB {} at {} and run this \
         again.",
        std::env::consts::OS,
        std::env::consts::ARCH,
        known.join(", "),
        VERSION.split('-').next().unwrap_or(VERSION),
        goal.display()
    )))
}

/// Binaries look for the library at `../duckdb` from their own folder. Where cargo builds elsewhere, a link there
/// leads back to the checkout.
fn link_into_build_folder(workspace: &Workspace, folder: &Path) -> Result {
    tools::link(&workspace.build_folder()?.join("duckdb"), folder)
}
