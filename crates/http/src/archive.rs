//! Between a request and its answer: an archive that takes the answer in, or that has it already.
//!
//! Enters: a request before credentials are in it, and the try that would send it. Leaves: the answer, which is in the
//! archive before anybody makes anything of it; or the recorded one, for which nothing is sent and nobody waits.
//! Invariant: no secret of the pipeline and none that a server gave out reaches the archive, in whatever form, but for
//! bodies that hold one of fewer than six bytes. What is asked of servers that give out tokens never comes by here.
//!
//! Requests are the same where method, URL, the pipeline's own headers and the body are, with secrets taken out: the
//! credentials of a replay, if it has any, need not be those of the recorded run.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use reqwest::Url;
use spile_archive::{Answered, Asked, Found, Key, Player, Recorded, Recorder, Tried, Unanswered};
use spile_model::event::Outcome;
use spile_model::{Failure, FailureKind, StreamName};
use spile_plan::{LimitPlan, PaginationKind, PipelinePlan, TokenSource};
use tokio::task::spawn_blocking;

use crate::classify::Refusal;
use crate::message::{Receipt, Request, Response};
use crate::redact::Redactor;
use crate::redact::scrub::Scrubber;
use crate::transport::{Awaited, Transport};
use crate::{body, headers};

/// What a client does with an archive.
#[derive(Clone, Default)]
pub enum Archiving {
    /// Nothing.
    #[default]
    Off,
    /// What is answered goes into it.
    Records(Arc<Recorder>),
    /// What is answered comes from it, and nothing is sent.
    Replays(Arc<Player>),
}

/// The archive of a client.
pub(crate) struct Archive {
    archiving: Archiving,
    /// Headers that say where the next page is.
    paging: BTreeSet<String>,
    limits: LimitPlan,
}

impl Archive {
    pub(crate) fn of(plan: &PipelinePlan, archiving: Archiving) -> Self {
        let token = |kind: &PaginationKind| match kind {
            PaginationKind::PageToken { token: TokenSource::Header(name), .. } => Some(name.to_ascii_lowercase()),
            _ => None,
        };
        let paging = plan.streams.iter().filter_map(|stream| token(&stream.pagination.kind)).collect();
        Self { archiving, paging, limits: plan.source.limits }
    }

    /// What a try of `request` comes to: what `sending` does, which is recorded; or what was recorded.
    ///
    /// # Errors
    /// What `sending` fails with, or what the recorded run failed with; [`FailureKind::NotRecorded`]; and
    /// [`FailureKind::Archive`].
    pub(crate) async fn tried(
        &self,
        redactor: &Redactor,
        request: &Request,
        stream: &StreamName,
        sending: impl Future<Output = Result<Response, Refusal>>,
    ) -> Result<Response, Refusal> {
        match &self.archiving {
            Archiving::Off => sending.await,
            Archiving::Records(recorder) => self.record(recorder, redactor, request, stream, sending.await).await,
            Archiving::Replays(player) => self.recall(player, redactor, request, stream).await.map_err(Refusal::last),
        }
    }

    /// Whether the recorded run asked this; none where none is replayed.
    pub(crate) fn was_asked(&self, redactor: &Redactor, request: &Request, stream: &StreamName) -> Option<bool> {
        let Archiving::Replays(player) = &self.archiving else { return None };
        Some(player.knows(stream, key(request, redactor)))
    }

    /// The run that is replayed.
    pub(crate) fn replayed(&self) -> Option<&Recorded> {
        match &self.archiving {
            Archiving::Replays(player) => Some(player.recorded()),
            Archiving::Off | Archiving::Records(_) => None,
        }
    }

    /// Something was made of an answer.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub(crate) fn used(&self, stream: &StreamName, receipt: Receipt) -> Result<(), Failure> {
        match &self.archiving {
            Archiving::Off => {}
            Archiving::Records(recorder) => {
                recorder.used(receipt.number).map_err(|error| not_written(recorder, error))?;
            }
            Archiving::Replays(player) => player.used(stream, receipt.key, receipt.number),
        }
        Ok(())
    }

    /// Takes in what a try came to.
    async fn record(
        &self,
        recorder: &Arc<Recorder>,
        redactor: &Redactor,
        request: &Request,
        stream: &StreamName,
        tried: Result<Response, Refusal>,
    ) -> Result<Response, Refusal> {
        // After the try: what it has learned of tokens is not kept either.
        let scrubber = redactor.scrubber();
        let asked = asked(request, redactor, &scrubber);
        let key = asked.key;
        let sent = request.body.as_ref().map(|body| body.bytes.clone());
        let what = match &tried {
            Ok(response) => {
                What::Answer(Box::new(self.answer(request, response, redactor, &scrubber)), response.body.clone())
            }
            Err(Refusal { failure, .. }) => What::Failure(failure.kind.clone(), redactor.clean(&failure.message)),
        };
        let (writer, stream) = (Arc::clone(recorder), stream.clone());
        // Packing a page takes milliseconds, in which its thread could serve other connections.
        let written = spawn_blocking(move || write(&writer, &scrubber, stream, asked, sent.as_ref(), what)).await;
        let number = written.map_err(io::Error::other).flatten();
        let number = number.map_err(|error| Refusal::last(not_written(recorder, error)))?;
        tried.map(|response| Response { receipt: Some(Receipt { key, number }), ..response })
    }

    /// The head of an answer, as it is kept.
    fn answer(&self, request: &Request, response: &Response, redactor: &Redactor, scrubber: &Scrubber) -> Head {
        let mut url = response.url.clone();
        if url != request.url {
            // Where a redirect leads is often signed, and nobody needs more than what relative links begin at.
            url.set_query(None);
        }
        Head {
            status: response.status.as_u16(),
            url: scrubber.text(&redactor.without_secret_parameters(&url)).into_owned(),
            headers: headers::kept(&response.headers, &response.url, redactor, scrubber, &self.paging),
            received_at: response.received_at,
            ends: response.ends,
        }
    }

    async fn recall(
        &self,
        player: &Arc<Player>,
        redactor: &Redactor,
        request: &Request,
        stream: &StreamName,
    ) -> Result<Response, Failure> {
        let Asked { key, url, .. } = asked(request, redactor, &redactor.scrubber());
        let (player, stream, limits) = (Arc::clone(player), stream.clone(), self.limits);
        let recalled = spawn_blocking(move || recall(&player, key, &stream, &limits)).await;
        let (answered, body, receipt) = recalled.unwrap_or_else(|error| Err(unreadable(io::Error::other(error))))?;
        // Where no redirect led elsewhere: what was written of it need not be a URL, if the path is made of a secret.
        let url = if answered.url == url { Some(request.url.clone()) } else { Url::parse(&answered.url).ok() };
        url.and_then(|url| response(&answered, url, body, receipt))
            .ok_or_else(|| unreadable(io::Error::new(io::ErrorKind::InvalidData, "an answer's head is none")))
    }
}

/// What is recorded of a try, before its body is stored.
enum What {
    Answer(Box<Head>, Bytes),
    Failure(FailureKind, String),
}

struct Head {
    status: u16,
    url: String,
    headers: Vec<(String, String)>,
    received_at: jiff::Timestamp,
    ends: bool,
}

/// Bodies first: a line of the index names nothing that is not there.
fn write(
    recorder: &Recorder,
    scrubber: &Scrubber,
    stream: StreamName,
    mut asked: Asked,
    sent: Option<&Bytes>,
    what: What,
) -> io::Result<u64> {
    asked.body = sent.map(|sent| recorder.body(&scrubber.pieces(sent))).transpose()?;
    let tried = match what {
        What::Failure(kind, message) => Tried::Failed { kind, message },
        What::Answer(head, body) => {
            let body = recorder.body(&scrubber.pieces(&body))?;
            let Head { status, url, headers, received_at, ends } = *head;
            Tried::Answered(Answered { status, url, headers, body, received_at, ends })
        }
    };
    recorder.exchange(stream, asked, tried)
}

/// Names what is asked, whoever asks.
pub(crate) fn key(request: &Request, redactor: &Redactor) -> Key {
    asked(request, redactor, &redactor.scrubber()).key
}

/// What is asked, without credentials and without what would tell two equal requests apart; its body is stored later.
fn asked(request: &Request, redactor: &Redactor, scrubber: &Scrubber) -> Asked {
    let url = scrubber.text(&redactor.without_secret_parameters(&request.url)).into_owned();
    let told = request.headers.iter().filter(|(_, value)| !value.is_sensitive());
    let mut headers: Vec<(String, String)> = told
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), scrubber.text(&text).into_owned())
        })
        .collect();
    headers.sort_unstable();
    let method = request.method.as_str();
    let body = request.body.as_ref().map(|body| scrubber.pieces(&body.bytes).concat());
    let mut parts = vec![method.as_bytes(), url.as_bytes(), body.as_deref().unwrap_or_default()];
    parts.extend(headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    Asked { key: Key::of(parts), method: method.to_owned(), url, headers, body: None }
}

fn recall(
    player: &Player,
    key: Key,
    stream: &StreamName,
    limits: &LimitPlan,
) -> Result<(Answered, Bytes, Receipt), Failure> {
    let (number, answered) = match player.find(stream, key).map_err(unreadable)? {
        Found::Answered(number, answered) => (number, answered),
        Found::Failed(kind, message) => return Err(Failure::new(kind, format!("{message} (as it was recorded)"))),
        Found::Spent(times) => {
            let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
            return Err(not_recorded(player, stream, &format!("asked this {times}, and the replay asks once more")));
        }
        Found::Unknown => return Err(not_recorded(player, stream, "did not ask this")),
    };
    let stored = player.body(&answered.body).map_err(unreadable)?;
    let body = body::gather(stored, answered.body.bytes, limits).map_err(unreadable)?;
    Ok((answered, body, Receipt { key, number }))
}

fn response(answered: &Answered, url: Url, body: Bytes, receipt: Receipt) -> Option<Response> {
    let headers = answered.headers.iter().map(|(name, value)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        Some((HeaderName::try_from(name.as_str()).ok()?, value))
    });
    Some(Response {
        status: StatusCode::from_u16(answered.status).ok()?,
        headers: headers.collect::<Option<_>>()?,
        body,
        url,
        received_at: answered.received_at,
        bill: crate::limit::bill::Bill::default(),
        from_memory: false,
        ends: answered.ends,
        receipt: Some(receipt),
    })
}

/// An exchange that brought no answer, as it is kept.
pub(crate) fn unanswered(exchange: &crate::Exchange, redactor: &Redactor) -> Unanswered {
    let scrubber = redactor.scrubber();
    let clean = |text: &String| scrubber.text(text).into_owned();
    let headers = |headers: &[(String, String)]| {
        let value = |name: &str, value: &String| match value.split_once('?') {
            // As of an answer's URL: it is often signed.
            Some((before, _)) if name == "location" => clean(&before.to_owned()),
            _ => clean(value),
        };
        headers.iter().map(|(name, text)| (name.clone(), value(name, text))).collect()
    };
    Unanswered {
        request: clean(&exchange.request),
        request_headers: headers(&exchange.request_headers),
        status: exchange.status.clone(),
        headers: headers(&exchange.headers),
        body: exchange.body.as_ref().map(clean),
    }
}

fn not_recorded(player: &Player, stream: &StreamName, what: &str) -> Failure {
    let recorded = player.recorded();
    let run = format!("run {} of `{}`", recorded.head.run, recorded.head.pipeline);
    let ended = recorded.end.as_ref().map(|end| end.streams.iter().find(|end| end.stream == *stream));
    match ended.map(|end| end.map(|end| end.outcome)) {
        None => {
            let message = format!("{run} {what}: it was killed, and its recording ends there");
            Failure::new(FailureKind::RecordingEnds, message)
        }
        Some(Some(Outcome::Failed)) => {
            let message = format!("{run} {what}: it failed, and its recording ends there");
            Failure::new(FailureKind::RecordingEnds, message)
        }
        Some(_) => Failure::new(FailureKind::NotRecorded, format!("{run} {what}")),
    }
}

fn not_written(recorder: &Recorder, error: io::Error) -> Failure {
    let message = format!("the archive in {} cannot be written", recorder.folder().display());
    Failure::new(FailureKind::Archive, message).caused_by(error)
}

fn unreadable(error: io::Error) -> Failure {
    Failure::new(FailureKind::Archive, "the archive cannot be read").caused_by(error)
}

/// The transport of a client that replays: there is no way out.
pub(crate) struct Nowhere;

impl Transport for Nowhere {
    fn execute(&self, _: reqwest::Request) -> Awaited<'_> {
        let refused = http::Response::builder().status(StatusCode::MISDIRECTED_REQUEST).body("").unwrap_or_default();
        let refused = reqwest::Response::from(refused).error_for_status();
        Box::pin(std::future::ready(refused))
    }
}
