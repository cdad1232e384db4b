//! One hop: from the cache and the limits to the wire, and what came back, whatever it says.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use spile_model::{Failure, FailureKind, Noticed, RunEvent, StreamName};
use tokio::time::{Instant, timeout};

use super::Client;
use crate::auth::Used;
use crate::cache::{Look, Received, Stored, Times};
use crate::classify::{self, Refusal};
use crate::exchange::Sent;
use crate::limit::bill::Bill;
use crate::limit::{Permit, Reason};
use crate::message::{Body, Request, Response};
use crate::notices::Heard;
use crate::retry_after::asked_wait;
use crate::{body, excerpt};

/// What one exchange brought, whatever it says.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Of a success the whole body, of anything else its beginning.
    pub(super) body: Bytes,
    /// Whether that is all of it.
    pub(super) whole: bool,
    pub(super) times: Times,
    /// For whoever reads what it cost.
    pub(super) bill: Bill,
    /// The wait that it asks for.
    pub(super) asked: Option<Duration>,
    /// Whether it tells of a limit that is spent.
    pub(super) spent: bool,
    /// The credentials that it was asked with.
    pub(super) used: Used,
    /// Its body was there before: it was not sent, or it came for another request.
    pub(super) from_memory: bool,
}

impl Reply {
    fn received(&self) -> Received<'_> {
        let body = self.whole.then_some(&self.body);
        Received { status: self.status, headers: &self.headers, body, times: self.times }
    }

    /// The failure that its status tells.
    pub(super) fn failure(&self) -> FailureKind {
        classify::status_kind(self.status, self.asked.is_some() || self.spent)
    }

    pub(super) fn into_response(self, url: &Url) -> Response {
        let Self { status, headers, body, times, bill, from_memory, .. } = self;
        Response {
            status,
            headers,
            body,
            url: url.clone(),
            received_at: times.received_at,
            bill,
            from_memory,
            ends: false,
            receipt: None,
        }
    }
}

impl From<Stored> for Reply {
    /// What is stored says nothing of limits as they are now, and costs nothing.
    fn from(Stored { status, headers, body, times, .. }: Stored) -> Self {
        let bill = Bill::default();
        let (whole, from_memory) = (true, true);
        Self { status, headers, body, whole, times, bill, asked: None, spent: false, used: Used::Fixed, from_memory }
    }
}

impl Client {
    /// One hop: what the cache holds, or one exchange when its turn has come.
    pub(super) async fn hop(&self, request: &Request, stream: &StreamName) -> Result<Reply, Refusal> {
        if !self.is_home(&request.url) {
            let permit = self.turn(request, stream).await?;
            return self.exchange(request, stream, permit).await;
        }
        if let Some(stored) = self.0.cache.at_hand(request, stream, self.0.clock.now()) {
            return Ok(Reply::from(stored));
        }
        let permit = self.turn(request, stream).await?;
        // Another stream may have asked the same meanwhile.
        let question = match self.0.cache.look(request, stream, self.0.clock.now()) {
            Look::AtHand(stored) => {
                permit.give_back();
                return Ok(Reply::from(stored));
            }
            Look::Ask(question) => question,
        };
        let reply = self.exchange(&question.request, stream, permit).await?;
        let still_holds = self.0.cache.settle(*question, &reply.received())?;
        Ok(still_holds.map_or(reply, Reply::from))
    }

    /// Waits until the request may be sent.
    async fn turn(&self, request: &Request, stream: &StreamName) -> Result<Permit, Refusal> {
        self.0.ledger.allows(stream).map_err(Refusal::last)?;
        if self.is_home(&request.url) {
            // Before its turn comes: who waits for credentials holds no place that others could use.
            self.0.authenticator.ready(&self.asking(stream)).await.map_err(Refusal::last)?;
        }
        let on_wait = |why: Reason, wait| self.waiting(stream, why.to_string(), wait);
        let permit = self.limiter(&request.url).admit(stream, request.url.path(), on_wait).await?;
        self.0.ledger.waited(stream, permit.waited());
        Ok(permit)
    }

    /// One request on the wire and its answer, whatever it says.
    async fn exchange(&self, request: &Request, stream: &StreamName, mut permit: Permit) -> Result<Reply, Refusal> {
        let (outgoing, used) = match self.authorised(request, stream).await {
            Ok(authorised) => authorised,
            Err(failure) => {
                permit.give_back();
                return Err(Refusal::last(failure));
            }
        };
        let mut sent = Sent::new(&self.0.redactor, &self.0.watch, stream, &outgoing);
        let replying = self.reply(outgoing, used, stream, &mut permit, &mut sent);
        let reply = timeout(self.0.wire.timeouts.total, replying).await;
        let reply = reply.unwrap_or_else(|_| Err(self.0.wire.too_slow()));
        if let Err(failure) = &reply {
            permit.failed(&failure.kind, self.0.clock.now());
        }
        sent.ended(reply.as_ref().err().map(|failure| failure.message.as_str()));
        let reply = reply?;
        self.hear(request, stream, &reply.headers);
        Ok(reply)
    }

    /// The request as it goes out, counted as sent.
    async fn authorised(&self, request: &Request, stream: &StreamName) -> Result<(reqwest::Request, Used), Failure> {
        let mut outgoing = self.outgoing(request);
        let used = if self.is_home(&request.url) {
            self.0.authenticator.authorise(&mut outgoing, &self.asking(stream)).await?
        } else {
            Used::Fixed
        };
        self.0.ledger.sent(stream)?;
        Ok((outgoing, used))
    }

    /// Tells what an answer says of the API's decay, where that is news.
    fn hear(&self, request: &Request, stream: &StreamName, headers: &HeaderMap) {
        let version = self.0.version.as_ref().filter(|_| self.is_home(&request.url));
        let heard = Heard { headers, url: &request.url, version, redactor: &self.0.redactor, now: self.0.clock.now() };
        let endpoint = || format!("{} {}", request.method, self.redact(request.url.path()));
        for Noticed { stream, endpoint, notice } in self.0.notices.news(stream, endpoint, heard.notices()) {
            self.0.events.emit(RunEvent::Notice { stream, endpoint, notice });
        }
    }

    async fn reply(
        &self,
        outgoing: reqwest::Request,
        used: Used,
        stream: &StreamName,
        permit: &mut Permit,
        sent: &mut Sent<'_>,
    ) -> Result<Reply, Failure> {
        let (started, asked_at, method) = (Instant::now(), self.0.clock.now(), outgoing.method().clone());
        let answer = self.0.wire.head(outgoing).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let asked = asked_wait(status, &headers, self.0.clock.now());
        let spent = permit.answered(status, &headers, asked, self.0.clock.now());
        if classify::status_kind(status, asked.is_some() || spent) == FailureKind::RateLimited {
            self.0.ledger.rate_limited(stream);
        }
        sent.head(status, &headers);
        let (read, limits) = (self.0.wire.timeouts.read, &self.0.wire.limits);
        let (body, whole) = if method == Method::HEAD {
            (Bytes::new(), true) // the lengths that its headers tell are those of a GET's body
        } else if status.is_success() || self.0.rules.want_body(stream, status, &headers) {
            (body::read_whole(answer, limits, read).await?, true)
        } else {
            body::read_beginning(answer, excerpt::LOOKED_AT, read).await
        };
        sent.body(&body);
        self.responded(stream, status, body.len(), started.elapsed());
        let times = Times { asked_at, received_at: self.0.clock.now() };
        let bill = permit.bill(status);
        Ok(Reply { status, headers, body, whole, times, bill, asked, spent, used, from_memory: false })
    }

    /// The request as it goes out, but for the credentials.
    fn outgoing(&self, request: &Request) -> reqwest::Request {
        let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.clone());
        outgoing.url_mut().set_fragment(None);
        let headers = outgoing.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if !self.is_home(&request.url) {
            // What it wants and who it is, and nothing else, for any header may be a credential.
            for name in [ACCEPT, USER_AGENT] {
                if let Some(value) = request.headers.get(&name).filter(|value| !value.is_sensitive()) {
                    headers.insert(name, value.clone());
                }
            }
            return outgoing;
        }
        if let Some(Body { content_type, .. }) = &request.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let mut replaced = None;
        for (name, value) in &request.headers {
            // The first value of a name replaces the default, further ones are added.
            if replaced == Some(name) {
                headers.append(name.clone(), value.clone());
            } else {
                headers.insert(name.clone(), value.clone());
            }
            replaced = Some(name);
        }
        *outgoing.body_mut() = request.body.as_ref().map(|body| body.bytes.clone().into());
        outgoing
    }

    fn responded(&self, stream: &StreamName, status: StatusCode, bytes: usize, took: Duration) {
        let bytes = bytes as u64;
        self.0.ledger.answered(stream, status.as_u16(), bytes, took);
        self.0.events.emit(RunEvent::Responded { stream: stream.clone(), status: status.as_u16(), bytes, took });
    }
}
