//! The client: how one request is sent, until it is answered well or no further try helps.
//!
//! A request is tried, and between tries is a wait (`again`). A try goes by hops, one for each redirect (`hop`: the
//! cache, the limits, the wire), and what the reply to each means is judged (`judge`). Around a try stands the archive;
//! what is asked beside the API for a stream, for tokens, is told by `on_behalf`.

mod again;
mod hop;
mod judge;
mod on_behalf;

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use reqwest::Url;
use spile_model::units::show_duration;
use spile_model::{Clock, Events, Failure, FailureKind, Noticed, RunEvent, StreamName, Usage};
use spile_plan::{ApiVersionPlan, PipelinePlan};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use url::{Origin, Position};

use self::judge::Answer;
use self::on_behalf::OnBehalf;
use crate::archive::{self, Archive};
use crate::auth::{Asking, Authenticator};
use crate::cache::Cache;
use crate::classify::{self, Next, Refusal};
use crate::exchange::{Exchange, Watch};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::limit::Limiter;
use crate::message::{Receipt, Request, Response};
use crate::notices::Notices;
use crate::redact::Redactor;
use crate::retry::{RetryPolicy, Tries};
use crate::rules::Rules;
use crate::surroundings::Surroundings;
use crate::transport::Network;
use crate::usage::{Content, Ledger};
use crate::wire::Wire;

/// So many redirects in a row are followed; browsers follow twice as many, but no API means more than two or three.
const MOST_REDIRECTS: usize = 10;

/// The client of one pipeline. Cheap to clone; all clones share limits, connections and counters.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    wire: Wire,
    guard: Arc<Guard>,
    authenticator: Authenticator,
    /// Of each origin; the first is the API's own.
    limiters: Vec<(Origin, Arc<Limiter>)>,
    cache: Cache,
    identity: Identity,
    retries: Arc<RetryPolicy>,
    rules: Rules,
    redactor: Arc<Redactor>,
    watch: Watch,
    archive: Archive,
    ledger: Ledger,
    version: Option<ApiVersionPlan>,
    notices: Notices,
    clock: Arc<dyn Clock>,
    events: Events,
    /// Cancelled when nobody is going to send any more.
    stop: CancellationToken,
}

impl Client {
    /// A client for the plan's API.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where `base_url` or a credential cannot be used, [`FailureKind::Tls`] where this
    /// machine cannot speak TLS.
    pub fn new(plan: &PipelinePlan, surroundings: Surroundings) -> Result<Self, Failure> {
        let Surroundings { clock, events, seed, names, transport, archiving, secrets, stop } = surroundings;
        let guard = Arc::new(Guard::new(&plan.source)?);
        let transport = match transport {
            Some(transport) => transport,
            None => Arc::new(Network::new(Arc::clone(&guard), names, &plan.source)?),
        };
        let source = &plan.source;
        let scope = plan.variables.scope();
        let authenticator = Authenticator::prepare(plan, &scope, secrets)?;
        let redactor = Arc::new(authenticator.redactor(plan, &scope));
        let limiter = |origin: &Url| {
            let limits = if guard.is_home(origin) { source.rate_limits.as_slice() } else { &[] };
            let concurrency = source.concurrency.get();
            let limiter = Limiter::new(limits, concurrency, &source.retries, clock.now(), plan.streams.iter());
            (origin.origin(), Arc::new(limiter))
        };
        let limiters = guard.origins().map(limiter).collect();
        Ok(Self(Arc::new(Inner {
            wire: Wire::new(transport, source.timeouts, source.limits),
            guard,
            authenticator,
            limiters,
            cache: Cache::new(plan),
            identity: Identity::new(plan),
            retries: Arc::new(RetryPolicy::new(source.retries, seed)),
            rules: Rules::new(plan),
            redactor,
            watch: Watch::recording(&archiving),
            archive: Archive::of(plan, archiving),
            ledger: Ledger::new(plan),
            version: source.api_version.clone(),
            notices: Notices::default(),
            clock,
            events,
            stop: stop.child_token(),
        })))
    }

    /// Sends `request` for `stream` until it is answered well or no further try helps.
    ///
    /// Dropping the future gives the request up; what it counted stays counted.
    ///
    /// # Errors
    /// Not placed; the message begins with the request (method and URL) and holds no secret.
    pub async fn send(&self, request: &Request, stream: &StreamName) -> Result<Response, Failure> {
        self.send_and(request, stream, |response| std::future::ready(Ok(response))).await
    }

    /// As [`Client::send`], and `accept` makes something of the response or refuses it: a body that turns out to be
    /// broken is a failed try like any other, and is asked for again where its kind of failure says so.
    ///
    /// # Errors
    /// As [`Client::send`], and what `accept` refuses with.
    pub async fn send_and<T, F>(
        &self,
        request: &Request,
        stream: &StreamName,
        accept: impl Fn(Response) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut tries = Tries::first();
        self.0.retries.budget.earn();
        loop {
            let sending = Box::pin(self.try_once(request, stream, tries.renewed));
            let tried = self.0.archive.tried(&self.0.redactor, request, stream, sending);
            let refusal = match tried.await {
                Ok(response) => {
                    let answered = response.url.clone();
                    match accept(response).await {
                        Ok(accepted) => return Ok(accepted),
                        Err(failure) => {
                            self.0.ledger.misled(stream, &failure.kind);
                            [&request.url, &answered].into_iter().for_each(|url| self.0.cache.forget(url));
                            Refusal::from(failure)
                        }
                    }
                }
                Err(refusal) => refusal,
            };
            let reason = self.redact(&refusal.failure.message);
            let waited = match refusal.next {
                Next::WithOtherCredentials if !tries.renewed => {
                    tries.renewed = true;
                    Ok(())
                }
                Next::Nothing => Err(refusal.failure),
                _ if self.is_held(request, &refusal.failure.kind) => {
                    tries.held += 1;
                    Ok(())
                }
                _ => self.wait_for_next_try(request, stream, tries, refusal).await,
            };
            if let Err(mut failure) = waited {
                let asked = format!("{} {}", request.method, self.show_url(&request.url));
                failure.message = format!("{asked}: {}", self.redact(&failure.message));
                return Err(failure);
            }
            tries.made += 1;
            self.0.ledger.retried(stream);
            let attempt = tries.made;
            debug!(%stream, "{} {}: tries again ({attempt}): {reason}", request.method, self.show_url(&request.url));
            self.0.events.emit(RunEvent::Retrying { stream: stream.clone(), attempt, reason });
        }
    }

    /// One try: the request and the redirects that follow from it.
    async fn try_once(&self, request: &Request, stream: &StreamName, renewed: bool) -> Result<Response, Refusal> {
        let mut next = None;
        for _ in 0..=MOST_REDIRECTS {
            let request = next.as_ref().unwrap_or(request);
            if let Some(reason) = self.objection(request) {
                return Err(Failure::new(FailureKind::OtherOrigin, reason).into());
            }
            let reply = self.hop(request, stream).await?;
            let from_memory = reply.from_memory;
            match self.judge(request, stream, renewed, reply).await {
                Ok(Answer::Complete(response)) => return Ok(response),
                Ok(Answer::Redirect(request)) => next = Some(request),
                Err(refusal) => {
                    if from_memory {
                        self.0.cache.forget(&request.url);
                    }
                    return Err(refusal);
                }
            }
        }
        let message = format!("more than {MOST_REDIRECTS} redirects in a row; the last was to {}", {
            next.map_or_else(String::new, |request| self.show_url(&request.url))
        });
        Err(Failure::new(FailureKind::UnexpectedStatus(StatusCode::FOUND.as_u16()), message).into())
    }

    /// Sends `request` once and returns what is answered, whatever its status, for whoever passes answers on: no redirect
    /// is followed and nothing is tried again. Limits, credentials and the cache hold as for [`Client::send`].
    ///
    /// # Errors
    /// Where no complete answer came. Of an answer that is no success, at most 64 KiB of the body are read, and a longer
    /// one is [`FailureKind::TooLarge`].
    #[doc(hidden)] // for the suite that HTTP caches are measured with, which sees answers as they are
    pub async fn relay(&self, request: &Request, stream: &StreamName) -> Result<Response, Failure> {
        if let Some(reason) = self.objection(request) {
            return Err(Failure::new(FailureKind::OtherOrigin, reason));
        }
        let reply = self.hop(request, stream).await.map_err(|refusal| refusal.failure)?;
        if !reply.whole {
            let message = format!("the body of an answer with {} is not whole", classify::show_status(reply.status));
            return Err(Failure::new(FailureKind::TooLarge, message));
        }
        Ok(reply.into_response(&request.url))
    }

    /// Tells `watcher` of every exchange from now on, redirects and failed tries included. One may watch.
    pub fn watch(&self, watcher: impl Fn(Exchange) + Send + Sync + 'static) {
        self.0.watch.begin(watcher);
    }

    /// Something was made of the answer that `receipt` is of: the next time that `stream` asks the same, a replay gives
    /// the next answer.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub fn used(&self, stream: &StreamName, receipt: Option<Receipt>) -> Result<(), Failure> {
        receipt.map_or(Ok(()), |receipt| self.0.archive.used(stream, receipt))
    }

    /// What the API has told of its own decay so far, each notice once for each stream.
    pub fn notices(&self) -> Vec<Noticed> {
        self.0.notices.all()
    }

    /// What the stream's requests to its own endpoint came to so far.
    pub fn usage(&self, stream: &StreamName) -> Usage {
        self.usages(stream).swap_remove(0)
    }

    /// What the stream's requests came to so far, for each endpoint: first its own, then those that were asked on its
    /// behalf, for tokens.
    pub fn usages(&self, stream: &StreamName) -> Vec<Usage> {
        let now = self.0.clock.now();
        let quotas = self.0.limiters.iter().flat_map(|(_, limiter)| limiter.quotas(stream, now));
        self.0.ledger.all_of(stream, quotas.collect())
    }

    /// Takes note of what an answer to `stream` held, where that is what it is priced by.
    pub fn received(&self, stream: &StreamName, content: Content) {
        if self.0.ledger.received(stream, content) {
            let message = "an answer does not tell how many units it was, so that its cost is not in the sum: check \
                           `price.units`";
            let message = message.to_owned();
            self.0.events.emit(RunEvent::Warning { stream: Some(stream.clone()), message });
        }
    }

    /// Whose credentials ask: a number that is the same in every run, and another where the pipeline's secrets are. Where
    /// there are secrets, the first call takes some tens of milliseconds. In a replay, that of the recorded run.
    pub fn identity(&self) -> u64 {
        let recorded = self.0.archive.replayed().and_then(|run| run.head.identity);
        recorded.unwrap_or_else(|| self.0.identity.number())
    }

    /// What `request` asks, as a number: it is another where anything else is asked (method, URL, headers, body), and the
    /// same whatever the secrets in it are.
    pub fn key(&self, request: &Request) -> u64 {
        archive::key(request, &self.0.redactor).short()
    }

    /// Whether what is answered comes from an archive.
    pub fn replays(&self) -> bool {
        self.0.archive.replayed().is_some()
    }

    /// Whether the run that is replayed asked this for `stream`; none where there is no such run.
    pub fn was_asked(&self, request: &Request, stream: &StreamName) -> Option<bool> {
        self.0.archive.was_asked(&self.0.redactor, request, stream)
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Waits until what was begun for requests that have been given up and would be lost is done: a token that rotates is
    /// being exchanged and must be kept. What loses nothing is given up. For the end of a run: nobody sends any more.
    pub async fn settled(&self) {
        self.0.stop.cancel();
        let lasts = || {
            let message = "waiting for the new token to be kept: the server that gives out tokens has been asked for it, and \
                           to end before it answers may lose the login";
            self.0.events.emit(RunEvent::Warning { stream: None, message: message.to_owned() });
        };
        self.0.authenticator.settled(lasts).await;
    }

    /// The plan's `base_url`.
    pub fn base_url(&self) -> &Url {
        self.0.guard.home()
    }

    /// `url` as it may be shown to people: without secrets.
    pub fn show_url(&self, url: &Url) -> String {
        self.0.redactor.show_url(url)
    }

    /// `text` without the pipeline's secrets, whatever it quotes.
    pub fn redact(&self, text: &str) -> String {
        self.0.redactor.clean(text)
    }

    /// Why `url` may not be asked, in words that end a sentence; `None` where it may. Whatever names a URL (a redirect, a
    /// next page, a record, a description) is asked here before anything is made of it.
    pub fn refusal(&self, url: &Url) -> Option<String> {
        if let Some(reason) = self.0.guard.refusal(url) {
            return Some(self.redact(&reason));
        }
        // Some servers redirect with the query that they were asked with, credentials and all.
        let told = if self.is_home(url) { "" } else { &url[Position::BeforePath..Position::AfterQuery] };
        (self.redact(told) != told).then(|| {
            let other = url.origin().ascii_serialization();
            format!("the URL holds a secret of this pipeline, and credentials never go to another origin ({other})")
        })
    }

    /// Why `request` may not be sent: its URL, or because more than a question would go to another origin.
    fn objection(&self, request: &Request) -> Option<String> {
        if let Some(reason) = self.refusal(&request.url) {
            return Some(reason);
        }
        let asks = matches!(request.method, Method::GET | Method::HEAD) && request.body.is_none();
        (!asks && !self.is_home(&request.url)).then(|| {
            let other = request.url.origin().ascii_serialization();
            let method = &request.method;
            format!("only GET and HEAD without a body go to an allowed origin, and this is a {method} to {other}")
        })
    }

    fn is_home(&self, url: &Url) -> bool {
        self.0.guard.is_home(url)
    }

    /// The limits of the origin that `url` is of, which may be asked.
    fn limiter(&self, url: &Url) -> &Arc<Limiter> {
        let limiters = &self.0.limiters;
        let known = limiters.iter().find(|(origin, _)| *origin == url.origin());
        &known.unwrap_or(&limiters[0]).1
    }

    /// What the authenticator needs in order to ask for something itself, on behalf of `stream`.
    fn asking(&self, stream: &StreamName) -> Asking {
        Asking {
            retries: Arc::clone(&self.0.retries),
            redactor: Arc::clone(&self.0.redactor),
            clock: Arc::clone(&self.0.clock),
            stop: self.0.stop.clone(),
            hears: Arc::new(OnBehalf { client: self.clone(), stream: stream.clone() }),
        }
    }

    fn waiting(&self, stream: &StreamName, reason: String, wait: Duration) {
        debug!(%stream, "waits {}: {reason}", show_duration(wait));
        let until = self.0.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        self.0.events.emit(RunEvent::Waiting { stream: stream.clone(), reason, wait, until });
    }
}

#[cfg(test)]
mod tests;
