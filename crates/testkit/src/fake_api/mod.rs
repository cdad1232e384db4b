//! A scriptable HTTP/1.1 API on loopback.
//!
//! A script of expectations and routes goes in; recorded requests and an account of everything unscripted come out.
//! Invariant: a request that nobody expected, and an expectation that nobody met, fail the test. It is written on raw
//! sockets because faults need every byte: a proper server cannot lie about a length. It does not speak HTTP/2.

mod expect;
mod matcher;
mod request;
mod response;
mod script;
mod serve;
mod tls;
mod transmit;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;

pub use self::expect::Expect;
pub use self::matcher::{Matcher, any, below, get, post, request};
pub use self::request::Request;
pub(crate) use self::request::encode_pairs;
pub use self::response::Response;
use self::serve::{Shared, reserve, serve};
pub use self::tls::Certificate;
use self::tls::Identity;

/// A fake API that is serving. Dropping it stops it and panics when the script was not kept (unless the test is
/// panicking already); [`FakeApi::finish`] does the same at a place of your choosing.
pub struct FakeApi {
    shared: Arc<Shared>,
    address: SocketAddr,
    identity: Option<Identity>,
    host: Option<Host>,
}

/// Where the serving task runs.
enum Host {
    Runtime(JoinHandle<()>),
    Thread(thread::JoinHandle<()>),
}

impl FakeApi {
    /// Starts on 127.0.0.1, port 0, in the caller's runtime. On a paused clock its delays are virtual as well.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start() -> Self {
        Self::in_this_runtime(None)
    }

    /// As [`FakeApi::start`], behind TLS with a certificate that no client trusts by itself.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub async fn start_tls(certificate: Certificate) -> Self {
        Self::in_this_runtime(Some(tls::identity(certificate)))
    }

    /// Starts on a thread of its own: for tests that block while a child process talks to the API.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub fn start_blocking() -> Self {
        Self::on_a_thread(None)
    }

    /// As [`FakeApi::start_blocking`], behind TLS with a certificate that no client trusts by itself.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub fn start_tls_blocking(certificate: Certificate) -> Self {
        Self::on_a_thread(Some(tls::identity(certificate)))
    }

    fn on_a_thread(identity: Option<Identity>) -> Self {
        let (listener, address) = listen();
        let shared = Arc::new(Shared::new());
        let serving = Arc::clone(&shared);
        let acceptor = identity.as_ref().map(|identity| identity.acceptor.clone());
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener can be moved into a runtime");
                serve(listener, acceptor, serving).await;
            });
        });
        Self { shared, address, identity, host: Some(Host::Thread(thread)) }
    }

    fn in_this_runtime(identity: Option<Identity>) -> Self {
        let (listener, address) = listen();
        let listener = TcpListener::from_std(listener).expect("a listener can be moved into a runtime");
        let shared = Arc::new(Shared::new());
        let acceptor = identity.as_ref().map(|identity| identity.acceptor.clone());
        let task = tokio::spawn(serve(listener, acceptor, Arc::clone(&shared)));
        Self { shared, address, identity, host: Some(Host::Runtime(task)) }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end; `https://localhost:PORT` for the TLS variant.
    pub fn url(&self) -> String {
        let port = self.address.port();
        if self.identity.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") }
    }

    /// The URL of a path (which starts with a slash).
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.url())
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the TLS variant, for a client that should trust it.
    ///
    /// # Panics
    /// When this is not the TLS variant.
    pub fn certificate_pem(&self) -> &str {
        &self.identity.as_ref().expect("certificate_pem is for FakeApi::start_tls").pem
    }

    /// Expects requests that `matcher` means, once unless said otherwise. Finish it with one of its `respond` methods.
    #[track_caller]
    pub fn expect(&self, matcher: Matcher) -> Expect<'_> {
        Expect::new(&self.shared, matcher)
    }

    /// Answers every request that `matcher` means and that no expectation took, as often as it comes.
    pub fn route(&self, matcher: Matcher, handler: impl Fn(&Request) -> Response + Send + Sync + 'static) {
        self.shared.script().routes.push((matcher, Arc::new(handler)));
    }

    /// Everything received so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests().clone()
    }

    /// How many requests were received so far.
    pub fn request_count(&self) -> usize {
        self.shared.requests().len()
    }

    /// How many connections were accepted so far.
    pub fn connection_count(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were being answered at one moment.
    pub fn peak_in_flight(&self) -> usize {
        self.shared.peak_in_flight.load(Ordering::SeqCst)
    }

    /// Waits until this many requests were answered. Cancel safe.
    pub async fn answered(&self, count: usize) {
        let mut answered = self.shared.answered.subscribe();
        // The sender lives as long as `self`.
        let _ = answered.wait_for(|now| *now >= count).await;
    }

    /// Calls `hook` once, from the serving task, as soon as `count` more requests have been answered from now on.
    pub fn after_answers(&self, count: usize, hook: impl Fn() + Send + Sync + 'static) {
        let at = *self.shared.answered.borrow() + count;
        let mut waiting = self.shared.after_answers.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((at, Arc::new(hook)));
    }

    /// Refuses new connections from now on (soon, from the caller's view: await [`FakeApi::refusing`] to be sure);
    /// open ones go on.
    pub fn refuse_connections(&self) {
        self.shared.accepting.send_replace(false);
    }

    /// Accepts connections again, on the same port.
    pub fn accept_connections(&self) {
        self.shared.accepting.send_replace(true);
    }

    /// Waits until connecting is refused. To be called after [`FakeApi::refuse_connections`].
    pub async fn refusing(&self) {
        while tokio::net::TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    /// Resets the next `count` connections as soon as they are accepted.
    pub fn reset_next_connections(&self, count: usize) {
        self.shared.reset_next.store(count, Ordering::SeqCst);
    }

    /// What went against the script so far, as text for a person; nothing when all went as written.
    pub fn account(&self) -> Option<String> {
        self.shared.script().account()
    }

    /// Stops the API and hands out the account instead of failing the test with it.
    pub fn stop(mut self) -> Option<String> {
        self.end();
        self.account()
    }

    /// Stops the API and fails the test unless every request was expected and every expectation met.
    ///
    /// # Panics
    /// With the account of everything unscripted.
    #[track_caller]
    pub fn finish(self) {
        if let Some(account) = self.stop() {
            panic!("{account}");
        }
    }

    fn end(&mut self) -> bool {
        self.shared.stop.cancel();
        match self.host.take() {
            None => false,
            Some(Host::Runtime(task)) => {
                task.abort();
                true
            }
            Some(Host::Thread(thread)) => {
                // The thread ends by itself; a panic in it was already printed.
                let _ = thread.join();
                true
            }
        }
    }
}

impl Drop for FakeApi {
    fn drop(&mut self) {
        let was_running = self.end();
        if was_running
            && !thread::panicking()
            && let Some(account) = self.account()
        {
            panic!("{account}");
        }
    }
}

/// A loopback address on which nobody listens and nobody else can: connecting is refused while this lives.
pub struct RefusedPort {
    address: SocketAddr,
    _held: tokio::net::TcpSocket,
}

impl RefusedPort {
    /// Takes a free port and does not listen on it. Needs no runtime.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn reserve() -> Self {
        let held = reserve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback has a free port");
        let address = held.local_addr().expect("a bound socket has an address");
        Self { address, _held: held }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn listen() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be listened on");
    listener.set_nonblocking(true).expect("a listener can be made non-blocking");
    let address = listener.local_addr().expect("a listener has an address");
    (listener, address)
}
