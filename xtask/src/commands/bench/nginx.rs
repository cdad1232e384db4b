//! nginx serving the page files from disk: a server that costs next to nothing, so that the clients are measured.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::problem::{Context, Problem, Result};
use crate::tools::debian;
use crate::workspace::Workspace;

/// A running server; dropping it stops it.
pub(super) struct Nginx(Child);

/// A free port, the same in every run as long as it stays free: pages carry it in their `next` links.
pub(super) fn port(folder: &Path) -> Result<u16> {
    let file = folder.join("PORT");
    let before = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    if let Some(port) = before.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
        return Ok(port);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("there is no free port on 127.0.0.1")?;
    let port = listener.local_addr().context("a listener has no address")?.port();
    fs::write(&file, port.to_string()).at("cannot write", &file)?;
    Ok(port)
}

impl Nginx {
    /// Serves `root` on `port`, with everything that nginx writes kept under `folder`.
    pub(super) fn start(workspace: &Workspace, folder: &Path, root: &Path, port: u16) -> Result<Self> {
        let program = debian::NGINX.install(workspace)?;
        let prefix = folder.join("nginx");
        fs::create_dir_all(&prefix).at("cannot create", &prefix)?;
        let config = prefix.join("nginx.conf");
        fs::write(&config, configuration(&prefix, root, port)).at("cannot write", &config)?;
        let log = prefix.join("error.log");
        let mut command = Command::new(program);
        command.arg("-p").arg(&prefix).arg("-c").arg(&config).arg("-e").arg(&log);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start nginx")?;
        let mut server = Self(child);
        server.wait_until_it_answers(port, &log)?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self, port: u16, log: &Path) -> Result {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(());
            }
            if self.0.try_wait().context("cannot watch nginx")?.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Problem::new(format!("nginx does not answer on port {port}; see {}", log.display())))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It is one process that holds nothing worth saving; there is nobody to tell if it is already gone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One process in the foreground: it ends with this one and runs as the same user.
fn configuration(prefix: &Path, root: &Path, port: u16) -> String {
    let prefix = prefix.display();
    format!(
        "daemon off; master_process off; pid {prefix}/nginx.pid;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
           types {{ application/json json; }}\n\
           default_type application/json;\n\
           access_log off; sendfile on; tcp_nopush on; gzip off; etag on;\n\
           keepalive_requests 100000; keepalive_timeout 75s;\n\
           client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/fastcgi;\n\
           uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;\n\
           server {{ listen 127.0.0.1:{port}; root \"{}\"; }}\n\
         }}\n",
        root.display()
    )
}
