//! A server that other people wrote, as a child process on a free port of loopback. It ends with the value.
//!
//! A port is chosen, told to the server, and known to be its own once it answers there; where somebody else was faster,
//! the server ends, and another port is tried.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How often is looked whether it answers: for two minutes. Servers in Python take seconds, and many on a busy machine.
const LOOKS: usize = 12_000;

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// So many ports are tried.
const PORTS: usize = 5;

/// A running server.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts what `command` makes for a port, and waits until it answers there.
    ///
    /// # Panics
    /// When it ends before it answers, with what it said, or never answers.
    #[track_caller]
    pub fn start(command: impl Fn(u16) -> Command) -> Self {
        let mut said = String::new();
        for _ in 0..PORTS {
            let port = free_port();
            let mut command = command(port);
            let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
            let child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let mut server = Self { child, port };
            if server.answers() {
                server.drain();
                return server;
            }
            if let Some(mut stderr) = server.child.stderr.take() {
                // What cannot be read is not told.
                let _ = stderr.read_to_string(&mut said);
            }
        }
        panic!("the server does not start:\n{said}")
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn answers(&mut self) -> bool {
        for _ in 0..LOOKS {
            if self.child.try_wait().expect("a child can be looked at").is_some() {
                return false;
            }
            if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).is_ok() {
                return true;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "a process of its own is waited for, which no hook tells of"
            )]
            thread::sleep(BETWEEN_LOOKS);
        }
        panic!("nothing answers on port {}", self.port)
    }

    /// Whatever it says later is read and dropped, so that it never waits.
    fn drain(&mut self) {
        if let Some(mut stderr) = self.child.stderr.take() {
            thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address").port()
}
