//! Python tools, each in a virtual environment of its own under `target/venv`, installed by pip from pinned names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::problem::{Context, Problem, Result};
use crate::process;
use crate::tools::{self, debian};
use crate::workspace::Workspace;

/// A virtual environment: its folder under `target/venv` and what pip installs there.
pub(crate) struct Environment {
    pub(crate) name: &'static str,
    pub(crate) packages: &'static [&'static str],
}

/// The API server and the data sets that the end-to-end test reads.
pub(crate) const DATASETTE: Environment =
    Environment { name: "datasette", packages: &["datasette==0.65.5", "vega_datasets==0.9.0"] };

/// Servers that other people wrote, which the client is held against: AWS's interfaces with their signatures checked,
/// another rate limiter, and Digest authentication with every hash.
pub(crate) const SERVERS: Environment = Environment {
    name: "servers",
    packages: &["moto[server,s3,dynamodb]==5.2.5", "flask-limiter==4.1.1", "httpbin==0.10.4", "waitress==3.0.2"],
};

impl Environment {
    fn folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.in_target("venv").join(self.name)
    }

    /// Where the environment's Python is once it is installed.
    pub(crate) fn python(&self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join("bin/python")
    }

    /// Installs what is missing and answers the environment's Python.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = self.folder(workspace);
        let python = self.python(workspace);
        let stamp = folder.join("PACKAGES");
        let wanted = self.packages.join(" ");
        if python.exists() && tools::is_stamped(&stamp, &wanted) {
            return Ok(python);
        }
        println!("setup: installing {wanted} into {}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).at("cannot remove", &folder)?;
        }
        let pip = create(workspace, &folder)?;
        process::quietly(pip_install(&pip, &python).args(self.packages))
            .context(format_args!("cannot install {wanted} from the Python package index"))?;
        tools::stamp(&stamp, &wanted)?;
        Ok(python)
    }
}

/// How pip is reached inside a fresh environment.
enum Pip {
    Installed,
    /// The interpreter came without its `ensurepip` part (Debian packs it apart); pip runs from its wheel.
    Wheel(PathBuf),
}

fn create(workspace: &Workspace, folder: &Path) -> Result<Pip> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).at("cannot create", parent)?;
    let why = "cannot create a Python environment (this needs Python 3.11 or newer)";
    let has_ensurepip =
        Command::new("python3").args(["-c", "import ensurepip"]).output().context(why)?.status.success();
    if has_ensurepip {
        process::quietly(Command::new("python3").args(["-m", "venv"]).arg(folder)).context(why)?;
        return Ok(Pip::Installed);
    }
    process::quietly(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(folder)).context(why)?;
    let wheels = debian::unpack(workspace, "python3-pip-whl")?.join("usr/share/python-wheels");
    let mut entries = fs::read_dir(&wheels).at("cannot read", &wheels)?.flatten().map(|entry| entry.path());
    let is_pip = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pip-")) && path.extension().is_some()
    };
    let wheel = entries.find(is_pip).ok_or_else(|| Problem::new(format!("no pip wheel in {}", wheels.display())))?;
    Ok(Pip::Wheel(wheel))
}

fn pip_install(pip: &Pip, python: &Path) -> Command {
    let mut command = Command::new(python);
    match pip {
        Pip::Installed => command.args(["-m", "pip"]),
        Pip::Wheel(wheel) => command.arg(wheel.join("pip")),
    };
    command.args(["install", "--quiet", "--disable-pip-version-check"]);
    command
}
