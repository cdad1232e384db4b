//! What was sent and what came back, as it may be shown: to the log, and to whoever watches.
//!
//! Enters: each request as it goes out, and its answer as it arrives. Leaves: a line of log at the level DEBUG, the
//! headers at TRACE, and an [`Exchange`] where somebody watches. Invariant: no secret leaves, and never more than the
//! beginning of a body. The body of an answer is not logged: it is the API's data, and a log is kept by other people.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::Url;
use spile_archive::Recorder;
use spile_model::units::show_duration;
use spile_model::{ByteSize, StreamName};
use tokio::time::Instant;
use tracing::{Level, debug, enabled, trace};

use crate::archive::{self, Archiving};
use crate::redact::Redactor;
use crate::{classify, excerpt, headers};

/// So many characters of a body are shown: a screen of them.
const SHOWN: usize = 1_500;

/// A request as it was sent and what came back, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Method and URL.
    pub request: String,
    /// The request's headers, credentials as `[redacted]`.
    pub request_headers: Vec<(String, String)>,
    /// How the request's body begins, in one line; none where it has none.
    pub request_body: Option<String>,
    /// The answer's status in words; none where no answer came.
    pub status: Option<String>,
    /// The answer's headers.
    pub headers: Vec<(String, String)>,
    /// How the answer's body begins, in one line; none where it is empty or did not arrive.
    pub body: Option<String>,
}

/// Who is told of every exchange, if anybody is.
pub(crate) struct Watch {
    watcher: OnceLock<Box<dyn Fn(Exchange) + Send + Sync>>,
    /// It keeps the exchanges that bring no answer; the answers go another way, as a whole.
    recorder: Option<Arc<Recorder>>,
}

impl Watch {
    pub(crate) fn recording(archiving: &Archiving) -> Self {
        let recorder = if let Archiving::Records(recorder) = archiving { Some(Arc::clone(recorder)) } else { None };
        Self { watcher: OnceLock::new(), recorder }
    }

    /// From now on `watcher` is told; the first one stays.
    pub(crate) fn begin(&self, watcher: impl Fn(Exchange) + Send + Sync + 'static) {
        let _ = self.watcher.set(Box::new(watcher));
    }

    fn is_on(&self) -> bool {
        self.watcher.get().is_some() || self.recorder.is_some()
    }
}

/// A request under way.
pub(crate) struct Sent<'c> {
    redactor: &'c Redactor,
    watch: &'c Watch,
    stream: &'c StreamName,
    url: Url,
    began: Instant,
    exchange: Exchange,
    received: Option<ByteSize>,
    succeeded: bool,
}

impl<'c> Sent<'c> {
    pub(crate) fn new(
        redactor: &'c Redactor,
        watch: &'c Watch,
        stream: &'c StreamName,
        request: &reqwest::Request,
    ) -> Self {
        let url = request.url().clone();
        let (began, exchange) = (Instant::now(), Exchange::default());
        let mut sent = Self { redactor, watch, stream, url, began, exchange, received: None, succeeded: false };
        if sent.tells_line() {
            sent.exchange.request = format!("{} {}", request.method(), redactor.show_url(&sent.url));
        }
        if sent.tells_all() {
            sent.exchange.request_headers = headers::shown(request.headers(), &sent.url, redactor);
            sent.exchange.request_body = request.body().and_then(|body| sent.beginning(body.as_bytes()?));
            sent.trace("sends", &sent.exchange.request_headers, sent.exchange.request_body.as_deref());
        }
        sent
    }

    /// The head of the answer has arrived.
    pub(crate) fn head(&mut self, status: StatusCode, answered: &HeaderMap) {
        self.succeeded = status.is_success() || status == StatusCode::NOT_MODIFIED;
        if self.tells_line() {
            self.exchange.status = Some(classify::show_status(status));
        }
        if self.tells_all() {
            self.exchange.headers = headers::shown(answered, &self.url, self.redactor);
            self.trace(&classify::show_status(status), &self.exchange.headers, None);
        }
    }

    /// The body of the answer has arrived, as far as it is read.
    pub(crate) fn body(&mut self, body: &Bytes) {
        self.received = Some(ByteSize(body.len() as u64));
        if self.watch.watcher.get().is_some() || (self.watch.recorder.is_some() && !self.succeeded) {
            self.exchange.body = self.beginning(body);
        }
    }

    /// It is over; with what went wrong, where the answer did not arrive as a whole.
    pub(crate) fn ended(self, wrong: Option<&str>) {
        let took = show_duration(self.began.elapsed());
        let Exchange { request, status, .. } = &self.exchange;
        let status = status.as_deref().unwrap_or("no answer");
        match (self.received, wrong) {
            (Some(bytes), _) => debug!(stream = %self.stream, "{request}: {status}, {bytes} in {took}"),
            (None, wrong) => {
                let wrong = self.redactor.clean(wrong.unwrap_or_default());
                debug!(stream = %self.stream, "{request}: {status}, given up after {took}: {wrong}");
            }
        }
        if let Some(recorder) = self.watch.recorder.as_ref().filter(|_| wrong.is_some() || !self.succeeded)
            && let Err(error) = recorder.unanswered(archive::unanswered(&self.exchange, self.redactor))
        {
            // The try itself is recorded next, and fails where nothing can be written.
            debug!(stream = %self.stream, "{request}: is not in the archive: {error}");
        }
        if let Some(watcher) = self.watch.watcher.get() {
            watcher(self.exchange);
        }
    }

    fn tells_line(&self) -> bool {
        enabled!(Level::DEBUG) || self.watch.is_on()
    }

    fn tells_all(&self) -> bool {
        enabled!(Level::TRACE) || self.watch.is_on()
    }

    /// Secrets are removed before anything is cut, and control characters, which could move a terminal's cursor.
    fn beginning(&self, body: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(&body[..body.len().min(excerpt::LOOKED_AT)]);
        excerpt::quote(&text, SHOWN, |text| self.redactor.clean(text))
    }

    fn trace(&self, what: &str, headers: &[(String, String)], body: Option<&str>) {
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ");
        let body = body.map_or_else(String::new, |body| format!(", body {body}"));
        trace!(stream = %self.stream, "{}: {what} [{headers}]{body}", self.exchange.request);
    }
}
