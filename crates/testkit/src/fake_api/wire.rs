//! One connection's bytes: plain or TLS underneath, whole requests out.
//!
//! Reads just enough HTTP/1.1 to serve well-behaved clients (a client's own request is never the thing under test),
//! with named limits so that a runaway test fails instead of filling the memory.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The longest request head that is read: far beyond what any client under test sends.
const HEAD_LIMIT: usize = 1 << 20;
/// The longest request body that is read, for the same reason.
const BODY_LIMIT: usize = 64 << 20;

/// The stream under a connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn receive(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Ends the connection as a well-behaved server does.
    pub(crate) async fn close(mut self) {
        // The client may already be gone; there is nobody left to tell.
        let _ = match &mut self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        };
    }

    /// Ends the connection with a plain FIN: over TLS, without the closing alert.
    pub(crate) fn vanish(self) {
        drop(self);
    }

    /// Ends the connection with an RST.
    pub(crate) fn reset(self) {
        // Without linger zero the kernel would send a FIN; failing to set it means that the socket is dead already.
        let _ = self.tcp().set_zero_linger();
        drop(self);
    }

    /// Waits until the client is gone, throwing away whatever it still sends.
    pub(crate) async fn wait_for_the_client_to_leave(&mut self) {
        let mut ignored = BytesMut::with_capacity(4096);
        while matches!(self.receive(&mut ignored).await, Ok(read) if read > 0) {
            ignored.clear();
        }
    }
}

/// The parts of a request before it gets its number and its instant.
pub(crate) struct Incoming {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// HTTP/1.0, or `Connection: close`.
    pub(crate) last: bool,
}

/// A stream with what was read from it beyond the last request.
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    unread: BytesMut,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, unread: BytesMut::with_capacity(8 << 10) }
    }

    /// The next request; nothing when the client closed the connection between two requests.
    ///
    /// # Errors
    /// When the connection breaks inside a request, or the request is not HTTP/1.x, or is beyond a limit.
    pub(crate) async fn next_request(&mut self) -> io::Result<Option<Incoming>> {
        let Some(head) = self.head().await? else { return Ok(None) };
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Err(broken("a request line that is not `METHOD target HTTP/1.1`"));
        };
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let find = |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let says = |name: &str, value: &str| find(name).is_some_and(|v| v.to_ascii_lowercase().contains(value));

        if says("expect", "100-continue") {
            self.stream.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = if says("transfer-encoding", "chunked") {
            self.chunked_body().await?
        } else {
            let length = find("content-length").map_or(Ok(0), |text| text.parse());
            self.exactly(length.map_err(|_| broken("a Content-Length that is not a number"))?).await?
        };
        let last = version == "HTTP/1.0" || says("connection", "close");
        Ok(Some(Incoming { method: method.to_owned(), target: target.to_owned(), headers, body, last }))
    }

    async fn head(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let head = self.unread.split_to(end);
                self.unread.advance(4);
                return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
            }
            if self.unread.len() > HEAD_LIMIT {
                return Err(broken("a request head beyond 1 MiB"));
            }
            if self.stream.receive(&mut self.unread).await? == 0 {
                return if self.unread.is_empty() { Ok(None) } else { Err(broken("a request head that was cut")) };
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Bytes> {
        if length > BODY_LIMIT {
            return Err(broken("a request body beyond 64 MiB"));
        }
        while self.unread.len() < length {
            self.more().await?;
        }
        Ok(self.unread.split_to(length).freeze())
    }

    async fn chunked_body(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16).map_err(|_| broken("a chunk size that is not a number"))?;
            if body.len().saturating_add(size) > BODY_LIMIT {
                return Err(broken("a request body beyond 64 MiB"));
            }
            if size == 0 {
                // Trailers, if any, end with an empty line.
                while !self.line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            body.extend_from_slice(&self.exactly(size).await?);
            self.line().await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n") {
                let line = self.unread.split_to(end);
                self.unread.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.unread.len() > HEAD_LIMIT {
                return Err(broken("a chunk header beyond 1 MiB"));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.receive(&mut self.unread).await? {
            0 => Err(broken("a request body that was cut")),
            _ => Ok(()),
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
