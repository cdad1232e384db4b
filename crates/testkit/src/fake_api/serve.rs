//! The serving side: connections in, each request recorded, answered from the script and sent.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::request::{Request, split_target};
use super::response::{Hook, Response};
use super::script::{Answer, Script};
use super::transmit::{Ending, transmit};
use super::wire::{Incoming, Stream, Wire};

/// Connections that may wait to be accepted; more than any test opens at once.
const BACKLOG: u32 = 1024;

/// What the test and the serving tasks both hold.
pub(crate) struct Shared {
    pub(crate) script: Mutex<Script>,
    pub(crate) requests: Mutex<Vec<Request>>,
    /// Requests that were answered, whatever became of the answer.
    pub(crate) answered: watch::Sender<usize>,
    /// What to call, at which number of answers.
    pub(crate) after_answers: Mutex<Vec<(usize, Hook)>>,
    pub(crate) accepting: watch::Sender<bool>,
    pub(crate) connections: AtomicUsize,
    pub(crate) reset_next: AtomicUsize,
    in_flight: AtomicUsize,
    pub(crate) peak_in_flight: AtomicUsize,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            script: Mutex::default(),
            requests: Mutex::default(),
            answered: watch::Sender::new(0),
            after_answers: Mutex::default(),
            accepting: watch::Sender::new(true),
            connections: AtomicUsize::new(0),
            reset_next: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            peak_in_flight: AtomicUsize::new(0),
            stop: CancellationToken::new(),
        }
    }

    /// Locks; a test that panicked while holding the lock has failed already and should not hide why.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more answer and calls what waits for it.
    fn count_answer(&self) {
        let mut now = 0;
        self.answered.send_modify(|answered| {
            *answered += 1;
            now = *answered;
        });
        let due: Vec<_> = {
            let mut waiting = self.after_answers.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.extract_if(.., |(at, _)| *at <= now).collect()
        };
        for (_, hook) in due {
            hook();
        }
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether connecting works.
enum Door {
    Open(TcpListener),
    /// Bound but not listening: the port stays ours and connecting is refused.
    Shut(TcpSocket),
}

impl Door {
    fn turn(self, open: bool) -> io::Result<Self> {
        match self {
            Self::Open(listener) if !open => {
                let address = listener.local_addr()?;
                drop(listener);
                reserve(address).map(Self::Shut)
            }
            Self::Shut(socket) if open => socket.listen(BACKLOG).map(Self::Open),
            same => Ok(same),
        }
    }

    /// The next connection; never while the door is shut. Cancel safe.
    async fn next(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Shut(_) => pending().await,
        }
    }
}

/// A socket that holds an address without listening on it: connecting to it is refused.
pub(crate) fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // On a port that was ours before, connections of the earlier listener may still be open.
    socket.set_reuseaddr(address.port() != 0)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts until told to stop. Dropping the future closes every connection.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut accepting = shared.accepting.subscribe();
    let mut door = Door::Open(listener);
    loop {
        let open = *accepting.borrow_and_update();
        door = match door.turn(open) {
            Ok(door) => door,
            Err(error) => return shared.script().complain(format!("the port could not be kept: {error}")),
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = accepting.changed() => {}
            Some(_) = connections.join_next() => {}
            Ok(stream) = door.next() => {
                connections.spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
            }
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
    let reset = |n: usize| n.checked_sub(1);
    if shared.reset_next.fetch_update(Ordering::SeqCst, Ordering::SeqCst, reset).is_ok() {
        return Stream::Plain(stream).reset();
    }
    // Small writes are the point of some faults: do not let the kernel join them.
    let _ = stream.set_nodelay(true);
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => Stream::Tls(Box::new(stream)),
            // The client refused our certificate: this is what the test is after, and it sees it on its own side.
            Err(_) => return,
        },
    };
    let mut wire = Wire::new(stream);
    loop {
        let incoming = match wire.next_request().await {
            Ok(Some(incoming)) => incoming,
            Ok(None) => return wire.stream.close().await,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                shared.script().complain(format!("connection {number} sent {error}"));
                return wire.stream.close().await;
            }
            // The client went away, as a killed one does.
            Err(_) => return,
        };
        let last = incoming.last;
        match exchange(&mut wire.stream, incoming, number, &shared).await {
            Ending::KeepAlive if !last => {}
            Ending::KeepAlive | Ending::Close => return wire.stream.close().await,
            Ending::Vanish | Ending::ClientLeft => return wire.stream.vanish(),
            Ending::Reset => return wire.stream.reset(),
        }
    }
}

async fn exchange(stream: &mut Stream, incoming: Incoming, connection: usize, shared: &Arc<Shared>) -> Ending {
    let _in_flight = InFlight::enter(shared);
    let bodyless = incoming.method == "HEAD";
    let request = record(incoming, connection, shared);
    let answer = shared.script().answer(&request);
    let response = match answer {
        Answer::Ready(response) => *response,
        Answer::Ask(handler) => catch_unwind(AssertUnwindSafe(|| handler(&request))).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("something that is not text");
            shared.script().complain(format!("the handler of {request} panicked: {said}"));
            Response::text("the handler panicked").with_status(501)
        }),
    };
    let ending = transmit(stream, &response, bodyless).await;
    shared.count_answer();
    ending
}

fn record(incoming: Incoming, connection: usize, shared: &Shared) -> Request {
    let (path, query) = split_target(&incoming.target);
    let mut requests = shared.requests();
    let request = Request {
        method: incoming.method,
        target: incoming.target,
        path,
        query,
        headers: incoming.headers,
        body: incoming.body,
        at: Instant::now(),
        connection,
        number: requests.len() + 1,
    };
    requests.push(request.clone());
    request
}

/// Counts a request while it is being answered, also when the answer is abandoned.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Shared) -> Self {
        let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        shared.peak_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
