//! Programs that Debian packs, without root and without a trace on the system: `apt-get` is given folders of its own
//! under `target/debian`, verifies the packages against the system's keys as always, and they are unpacked there.
//!
//! A program that the system already has is used as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::problem::{Context, Problem, Result};
use crate::process;
use crate::tools::{self, Scratch};
use crate::workspace::Workspace;

/// A program, and the Debian package that holds it.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// The argument by which it tells its version, and so shows that it starts.
    version: &'static str,
}

/// A file of a Debian package, which is nothing by itself.
pub(crate) struct Library {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// Where it lies below the folder of libraries for this kind of machine.
    folder: &'static str,
}

/// Kills a process at a chosen system call, for the crash tests.
pub(crate) const STRACE: Program = Program { name: "strace", package: "strace", version: "-V" };

/// Serves the benchmark's pages from disk, and refuses what is wrong with TLS as servers in use do.
pub(crate) const NGINX: Program = Program { name: "nginx", package: "nginx", version: "-V" };

/// Asks for Digest authentication (RFC 7616) as servers in use do.
pub(crate) const APACHE: Program = Program { name: "apache2", package: "apache2-bin", version: "-v" };

/// Carries the messages between a program and the keyring.
pub(crate) const DBUS: Program = Program { name: "dbus-daemon", package: "dbus-daemon", version: "--version" };

/// Keeps secrets as desktops do, behind the Secret Service.
pub(crate) const KEYRING: Program =
    Program { name: "gnome-keyring-daemon", package: "gnome-keyring", version: "--version" };

/// Lets a program see another time than the machine's, for the tests of clocks that are wrong.
pub(crate) const FAKETIME: Library = Library { name: "libfaketime.so.1", package: "libfaketime", folder: "faketime" };

impl Program {
    /// The system's program, or one unpacked under `target/debian`.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(path) = process::find(self.name) {
            return Ok(path);
        }
        let unpacked = unpack(workspace, self.package)?;
        let places = ["usr/sbin", "usr/bin", "sbin", "bin"].map(|place| unpacked.join(place).join(self.name));
        let program = places
            .iter()
            .find(|path| path.is_file())
            .ok_or_else(|| Problem::new(format!("Debian's package {} has no program {}", self.package, self.name)))?;
        self.launcher(&unpacked, program)
    }

    /// Where tests find the program: a place that `.cargo/config.toml` can name, wherever the program itself is.
    pub(crate) fn for_tests(&self, workspace: &Workspace) -> PathBuf {
        workspace.in_target("tools/bin").join(self.name)
    }

    /// As [`Program::install`], with a link for the tests.
    pub(crate) fn install_for_tests(&self, workspace: &Workspace) -> Result {
        tools::link(&self.for_tests(workspace), &self.install(workspace)?)
    }
}

impl Program {
    /// A script that starts the unpacked program with the libraries that were unpacked beside it.
    fn launcher(&self, root: &Path, program: &Path) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let libraries = library_folders(root).map(|folder| folder.display().to_string()).join(":");
        let script = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{libraries}'${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} exec '{}' \"$@\"\n",
            program.display()
        );
        let path = root.join(self.name);
        fs::write(&path, script).at("cannot write", &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).at("cannot make executable", &path)?;
        let shows = process::quietly(Command::new(&path).arg(self.version));
        shows.context(format_args!("the unpacked {} does not start", self.name))?;
        Ok(path)
    }
}

impl Library {
    /// Where tests find it.
    pub(crate) fn for_tests(&self, workspace: &Workspace) -> PathBuf {
        workspace.in_target("tools/lib").join(self.name)
    }

    /// The system's library, or one unpacked under `target/debian`, with a link for the tests.
    pub(crate) fn install_for_tests(&self, workspace: &Workspace) -> Result {
        let place = Path::new(self.folder).join(self.name);
        let below = |root: &Path| library_folders(root).map(|folder| folder.join(&place));
        let installed = below(Path::new("/")).into_iter().find(|file| file.is_file());
        let found = match installed {
            Some(file) => Some(file),
            None => below(&unpack(workspace, self.package)?).into_iter().find(|file| file.is_file()),
        };
        let missing = || Problem::new(format!("Debian's package {} has no {}", self.package, self.name));
        tools::link(&self.for_tests(workspace), &found.ok_or_else(missing)?)
    }
}

/// Unpacks `package`, and those of its dependencies that the system lacks, and answers their common root folder.
pub(crate) fn unpack(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    let root = workspace.in_target("debian").join(package);
    let stamp = root.join("UNPACKED");
    if stamp.exists() {
        return Ok(root);
    }
    let unavailable =
        || format!("`{package}` is not on this machine and cannot be had from Debian's packages; install it");
    if process::find("apt-get").is_none() || process::find("dpkg-deb").is_none() {
        return Err(Problem::new(unavailable()));
    }
    println!("setup: unpacking Debian's package {package} into {}", root.display());
    unpack_with_apt(workspace, package, &root).context(unavailable())?;
    tools::stamp(&stamp, package)?;
    Ok(root)
}

fn unpack_with_apt(workspace: &Workspace, package: &str, root: &Path) -> Result {
    fs::create_dir_all(root).at("cannot create", root)?;
    let scratch = Scratch::beside(root)?;
    let apt = Apt::prepare(workspace)?;
    let wanted = apt.missing_packages(package)?;
    process::quietly(apt.command("download").current_dir(scratch.path()).args(&wanted))?;
    for entry in fs::read_dir(scratch.path()).at("cannot read", scratch.path())?.flatten() {
        process::quietly(Command::new("dpkg-deb").arg("-x").arg(entry.path()).arg(root))?;
    }
    Ok(())
}

/// `apt-get` with its state and cache under `target/debian/apt`, and only the system's sources and keys.
struct Apt {
    state: PathBuf,
}

impl Apt {
    fn prepare(workspace: &Workspace) -> Result<Self> {
        let apt = Self { state: workspace.in_target("debian").join("apt") };
        for folder in ["lists/partial", "cache/archives/partial"] {
            let folder = apt.state.join(folder);
            fs::create_dir_all(&folder).at("cannot create", &folder)?;
        }
        process::quietly(&mut apt.command("update")).context("apt-get cannot read its package lists")?;
        Ok(apt)
    }

    /// `package=version` for the package and for each dependency that is not installed.
    fn missing_packages(&self, package: &str) -> Result<Vec<String>> {
        let plan = process::output(self.command("install").args(["--simulate", "--no-install-recommends", package]))?;
        let mut wanted: Vec<_> = plan.lines().filter_map(planned_package).collect();
        if wanted.is_empty() {
            // Installed, says Debian, but not where programs are looked for: the package alone will do.
            wanted.push(package.to_owned());
        }
        Ok(wanted)
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("--quiet");
        let settings = [
            format!("Dir::State::lists={}", self.state.join("lists").display()),
            format!("Dir::Cache={}", self.state.join("cache").display()),
            // Without root there is no other user to become.
            "APT::Sandbox::User=".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "Debug::NoLocking=true".to_owned(),
        ];
        for setting in settings {
            command.arg("-o").arg(setting);
        }
        command.arg(subcommand);
        command
    }
}

/// Reads one line of a simulated installation: `Inst NAME [OLD] (VERSION ARCHIVE [ARCH])`.
fn planned_package(line: &str) -> Option<String> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
    let version = rest.split_once('(')?.1.split_whitespace().next()?;
    Some(format!("{name}={version}"))
}

/// The folders of libraries for this kind of machine.
fn library_folders(root: &Path) -> [PathBuf; 2] {
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["usr/lib", "lib"].map(|folder| root.join(folder).join(&multiarch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_installation_names_packages_and_versions() {
        let plan = "Reading package lists...\nInst nginx-common (1.22.1-9 Debian:12/oldstable [all])\n\
                    Inst libssl3 [3.0.1] (3.0.2 Debian:12 [amd64])\nConf libssl3 (3.0.2 Debian:12 [amd64])\n";
        let wanted: Vec<_> = plan.lines().filter_map(planned_package).collect();
        assert_eq!(wanted, ["nginx-common=1.22.1-9", "libssl3=3.0.2"]);
    }
}
