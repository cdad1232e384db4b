//! Apache, as a server that checks Digest authentication, and client certificates within the TLS connection.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use spile_testkit::place::tool;
use spile_testkit::server::Server;
use tempfile::TempDir;

/// Names the program.
const PROGRAM: &str = "SPILE_TEST_APACHE";

const MODULES: [&str; 7] = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_digest", "ssl"];

pub(crate) struct Apache {
    server: Server,
    _folder: TempDir,
}

impl Apache {
    /// With these lines of configuration, in which `FOLDER` is a folder with `files`.
    pub(crate) fn start(lines: &str, files: &[(&str, &str)]) -> Self {
        let folder = spile_testkit::place::temp_dir();
        // Where the tests run as root, Apache does not.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("www")).unwrap();
        fs::write(at("www/items"), "[1]").unwrap();
        for (name, text) in files {
            fs::write(at(name), text).unwrap();
        }
        let (place, program) = (folder.path().display().to_string(), tool(PROGRAM));
        let server = Server::start(|port| {
            fs::write(at("httpd.conf"), configuration(port, lines).replace("FOLDER", &place)).unwrap();
            let mut command = Command::new(&program);
            // One process in the foreground, without children that could outlive it.
            command.arg("-X").arg("-d").arg(folder.path()).arg("-f").arg(at("httpd.conf"));
            command
        });
        Self { server, _folder: folder }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }
}

fn configuration(port: u16, lines: &str) -> String {
    let modules = modules().display().to_string();
    let load = MODULES.map(|name| format!("LoadModule {name}_module {modules}/mod_{name}.so\n")).concat();
    format!(
        "{load}Listen 127.0.0.1:{port}\nServerName localhost\nUser #65534\nGroup #65534\nDefaultRuntimeDir FOLDER\n\
         PidFile FOLDER/httpd.pid\nErrorLog /dev/stderr\nMutex pthread\nDocumentRoot FOLDER/www\n{lines}\n"
    )
}

/// Where its modules lie: beside it, or where the system has them.
fn modules() -> PathBuf {
    let program = tool(PROGRAM).canonicalize().unwrap();
    let folders = program.ancestors().map(|folder| folder.join("usr/lib/apache2/modules"));
    folders.into_iter().find(|folder| folder.is_dir()).expect("Apache has its modules beside it")
}
