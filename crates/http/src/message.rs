//! What is sent and what comes back.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use reqwest::Url;
use spile_archive::Key;

use crate::limit::bill::Bill;

/// A request with every template rendered; the client adds credentials, `User-Agent` and `Accept`.
///
/// Its `Debug` shows method, host and path only: query, headers and body may hold secrets.
#[derive(Clone)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where; it must be of the pipeline's own origin or of an allowed one.
    pub url: Url,
    /// Headers besides those that the client adds. A value that holds a secret is marked sensitive.
    pub headers: HeaderMap,
    /// What is sent along.
    pub body: Option<Body>,
    /// Whether sending it twice does no more than sending it once (RFC 9110, 9.2.2).
    pub idempotent: bool,
}

/// A request's body.
#[derive(Clone)]
pub struct Body {
    /// Its `Content-Type`, unless the headers hold one.
    pub content_type: &'static str,
    /// Its bytes; kept so that they can be sent again.
    pub bytes: Bytes,
}

impl Request {
    /// A GET of `url` with nothing else.
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: None, idempotent: true }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "Request({} {host}{})", self.method, self.url.path())
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// 200 to 299; or 304, where the request said which version is known already; or any that the stream's rules take for
    /// a page.
    pub status: StatusCode,
    /// As received, but for those that described the body's encoding.
    pub headers: HeaderMap,
    /// The whole body, decompressed. A large one is a mapped temporary file that is gone with its last clone.
    pub body: Bytes,
    /// What answered: the request's URL, or where redirects led.
    pub url: Url,
    /// When the last byte had arrived.
    pub received_at: Timestamp,
    /// For whoever reads in the body what the request cost.
    pub bill: Bill,
    /// Its body was here before: nothing was sent, or the API said that it still holds.
    pub from_memory: bool,
    /// The stream's rules take it for the end: it has no records, and no page follows.
    pub ends: bool,
    /// Under what it stands in an archive, where there is one.
    pub receipt: Option<Receipt>,
}

/// Where an answer stands in an archive. Whoever makes something of the answer says so with [`crate::Client::used`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) key: Key,
    pub(crate) number: u64,
}

impl Response {
    /// Whether a 304 speaks of the version with this `ETag`; one that names no version does.
    pub fn speaks_of(&self, etag: &str) -> bool {
        self.header(http::header::ETAG).is_none_or(|told| same_version(told.as_bytes(), etag.as_bytes()))
    }

    /// The header of that name as text; the first one where there are several.
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Weak comparison (RFC 9110, 8.8.3.2): the same opaque text, whether weak or not.
pub(crate) fn same_version(a: &[u8], b: &[u8]) -> bool {
    let opaque = |tag: &[u8]| {
        let text = tag.trim_ascii();
        text.strip_prefix(b"W/").unwrap_or(text).to_vec()
    };
    opaque(a) == opaque(b)
}
