//! nginx, as a server that checks what a client does with TLS and HTTP/2.

use std::process::Command;

use spile_testkit::authority::Issued;
use spile_testkit::place::tool;
use spile_testkit::server::Server;
use tempfile::TempDir;

/// Names the program.
const PROGRAM: &str = "SPILE_TEST_NGINX";

/// It answers every request with what it saw of it.
const SEEN: &str = r#"{"protocol":"$server_protocol","tls":"$ssl_protocol","connection":"$connection","client":"$ssl_client_s_dn","verified":"$ssl_client_verify"}"#;

pub(crate) struct Nginx {
    server: Server,
    _folder: TempDir,
}

impl Nginx {
    /// With that certificate, and further lines of the server's configuration, in which `FOLDER` is a folder with
    /// `files`.
    pub(crate) fn start(identity: &Issued, lines: &str, files: &[(&str, &str)]) -> Self {
        let folder = spile_testkit::place::temp_dir();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("server.pem"), &identity.certificate).unwrap();
        std::fs::write(at("server.key"), &identity.key).unwrap();
        for (name, text) in files {
            std::fs::write(at(name), text).unwrap();
        }
        let place = folder.path().display().to_string();
        let server = Server::start(|port| {
            std::fs::write(at("nginx.conf"), configuration(port, lines).replace("FOLDER", &place)).unwrap();
            let mut command = Command::new(tool(PROGRAM));
            command.arg("-p").arg(folder.path()).arg("-c").arg(at("nginx.conf")).args(["-e", "stderr"]);
            command
        });
        Self { server, _folder: folder }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// `https://localhost:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port())
    }
}

/// One process in the foreground, which writes below its folder alone.
fn configuration(port: u16, lines: &str) -> String {
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temp = temp.map(|kind| format!("{kind}_temp_path FOLDER/{kind};")).join(" ");
    format!(
        "daemon off; master_process off; pid FOLDER/nginx.pid; error_log stderr;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
           access_log off; default_type application/json; {temp}\n\
           ssl_certificate FOLDER/server.pem; ssl_certificate_key FOLDER/server.key;\n\
           server {{ listen 127.0.0.1:{port} ssl http2; {lines} location / {{ return 200 '{SEEN}'; }} }}\n\
         }}\n"
    )
}
