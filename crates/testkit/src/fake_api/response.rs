//! What the fake API answers, and how it misbehaves while doing so.
//!
//! A response is data: a head, a body, a framing, and at most one way to fail on the way. `transmit` carries it out.
//! Offsets into a body count the bytes of the body as sent (after gzip, before chunk framing).

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

/// Called once, from the serving task, when a response has reached a certain byte.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// One scripted response. Build it with [`Response::json`] and friends, then add headers, framing and faults.
#[derive(Clone)]
#[must_use = "a response does nothing until it is given to an expectation or returned from a route"]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) status_line: Option<String>,
    pub(crate) interim: Vec<(u16, Vec<(String, String)>)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) framing: Framing,
    /// Added to the length that `Content-Length` tells.
    pub(crate) length_lie: i64,
    pub(crate) delay: Duration,
    pub(crate) pace: Option<Pace>,
    pub(crate) hook: Option<(Position, Hook)>,
    pub(crate) cut: Option<Cut>,
    pub(crate) close: bool,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    ContentLength,
    Chunked {
        size: usize,
    },
    /// The body ends where the connection does.
    UntilClose,
    /// No framing header of ours: the test writes its own, or none.
    Bare,
    /// The body holds every byte of the answer, status line included.
    Raw,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) bytes: usize,
    pub(crate) every: Duration,
}

/// A byte of a response: of its head (status line and headers) or of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    Head(usize),
    Body(usize),
}

/// Where a response stops early, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) at: Position,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The connection closes in the ordinary way; over TLS without a closing alert, as a broken peer would.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing more is sent until the client gives up or the API stops.
    Stall,
}

impl Response {
    /// An answer with this status and an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            status_line: None,
            interim: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            framing: Framing::ContentLength,
            length_lie: 0,
            delay: Duration::ZERO,
            pace: None,
            hook: None,
            cut: None,
            close: false,
        }
    }

    /// 200 with a JSON body.
    ///
    /// # Panics
    /// When the value cannot be written as JSON (a map with keys that are not strings).
    #[allow(clippy::needless_pass_by_value, reason = "`Response::json(json!({…}))` is how every test reads")]
    pub fn json(value: impl Serialize) -> Self {
        let body = serde_json::to_vec(&value).expect("a test's value can be written as JSON");
        Self::bytes("application/json", body)
    }

    /// 200 with JSON text that is sent exactly as given: for numbers, duplicate keys and damage that a value cannot hold.
    pub fn json_text(text: impl Into<Bytes>) -> Self {
        Self::bytes("application/json", text)
    }

    /// 200 with plain text.
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self::bytes("text/plain; charset=utf-8", text)
    }

    /// 200 with an HTML page, which an API client should not mistake for records.
    pub fn html(text: impl Into<Bytes>) -> Self {
        Self::bytes("text/html; charset=utf-8", text)
    }

    /// 200 with a body of any content type.
    pub fn bytes(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::status(200) }.header("Content-Type", content_type)
    }

    /// These bytes and nothing else, status line included; then the connection closes.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { body: bytes.into(), framing: Framing::Raw, close: true, ..Self::status(200) }
    }

    /// The connection is reset (RST) instead of an answer.
    pub fn reset() -> Self {
        Self::status(200).cut(Position::Head(0), Then::Reset)
    }

    /// The connection closes instead of an answer.
    pub fn hang_up() -> Self {
        Self::status(200).cut(Position::Head(0), Then::Close)
    }

    /// Not one byte is answered until the client gives up or the API stops.
    pub fn stall() -> Self {
        Self::status(200).cut(Position::Head(0), Then::Stall)
    }

    /// A redirect to `location`.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("Location", location)
    }

    /// Replaces the status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Replaces the whole status line, for garbage in its place. Without line end.
    pub fn status_line(mut self, line: &str) -> Self {
        self.status_line = Some(line.to_owned());
        self
    }

    /// Adds a header; the same name may be added again.
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sends an interim response (100, 103) before this one.
    pub fn interim(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.interim.push((status, owned));
        self
    }

    /// Adds one header whose value has this many bytes.
    pub fn huge_header(self, bytes: usize) -> Self {
        self.header("X-Huge", "h".repeat(bytes))
    }

    /// Adds this many headers, `X-Many-0` and on.
    pub fn many_headers(mut self, count: usize) -> Self {
        self.headers.extend((0..count).map(|index| (format!("X-Many-{index}"), "m".to_owned())));
        self
    }

    /// Sends the body chunked, in chunks of this many bytes (at least 1).
    pub fn chunked(mut self, size: usize) -> Self {
        self.framing = Framing::Chunked { size: size.max(1) };
        self
    }

    /// Sends the body without telling its length: it ends where the connection closes.
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self.close = true;
        self
    }

    /// Leaves every framing header to the test, which adds them with [`Response::header`]; then the connection closes.
    pub fn no_framing_header(mut self) -> Self {
        self.framing = Framing::Bare;
        self.close = true;
        self
    }

    /// Compresses the body and says so. Offsets of faults then count compressed bytes.
    pub fn gzip(mut self) -> Self {
        self.body = gzipped(&self.body).into();
        self.header("Content-Encoding", "gzip")
    }

    /// Tells the client that the connection closes after this answer, and closes it.
    pub fn close(mut self) -> Self {
        self.close = true;
        self.header("Connection", "close")
    }

    /// Waits before the first byte.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends `bytes` at a time, waiting `every` in between.
    pub fn slow(mut self, bytes: usize, every: Duration) -> Self {
        self.pace = Some(Pace { bytes: bytes.max(1), every });
        self
    }

    /// Ends the connection after `n` bytes of the body, although the head told the full length; a chunked body lacks
    /// the rest of its chunk and its end, a body until close simply ends. Without effect on a body that has a
    /// `Content-Length` of at most `n`.
    pub fn truncate_at(self, n: usize) -> Self {
        self.cut(Position::Body(n), Then::Close)
    }

    /// Ends the connection after `n` bytes of the head (status line and headers).
    pub fn truncate_head_at(self, n: usize) -> Self {
        self.cut(Position::Head(n), Then::Close)
    }

    /// Sends `n` bytes of the body and then nothing more, until the client gives up or the API stops.
    pub fn stall_after(self, n: usize) -> Self {
        self.cut(Position::Body(n), Then::Stall)
    }

    /// Resets the connection (RST) after `n` bytes of the body. What was sent but not yet read may be lost as well:
    /// this is what a reset means.
    pub fn reset_after(self, n: usize) -> Self {
        self.cut(Position::Body(n), Then::Reset)
    }

    /// `Content-Length` tells this many bytes more (or fewer) than are sent; then the connection closes.
    pub fn wrong_length(mut self, difference: i64) -> Self {
        self.length_lie = difference;
        self.close = true;
        self
    }

    /// Calls `hook` from the serving task when exactly `n` bytes of the body are on their way, before the next one.
    /// The rest follows when the hook has returned: a hook that kills the client does so in the middle of the body.
    pub fn at_byte(mut self, n: usize, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.hook = Some((Position::Body(n), Arc::new(hook)));
        self
    }

    /// The body as it will be sent, after [`Response::gzip`]: to choose offsets from its length.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    fn cut(mut self, at: Position, then: Then) -> Self {
        self.cut = Some(Cut { at, then });
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &super::request::excerpt(&self.body))
            .field("framing", &self.framing)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing into memory does not fail")
}
