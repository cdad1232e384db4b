//! The client: how one request is sent, from its limits to its last retry.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use reqwest::Url;
use spile_model::units::show_duration;
use spile_model::{Clock, Events, Failure, FailureKind, Noticed, RunEvent, StreamName, Usage};
use spile_plan::{ApiVersionPlan, PipelinePlan, Treatment};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use url::{Origin, Position};

use self::on_behalf::OnBehalf;
use crate::archive::{self, Archive};
use crate::auth::{Asking, Authenticator, Used};
use crate::cache::{Cache, Look, Received, Stored, Times};
use crate::classify::{self, Next, Refusal};
use crate::exchange::{Exchange, Sent, Watch};
use crate::guard::Guard;
use crate::identity::Identity;
use crate::limit::bill::Bill;
use crate::limit::{Limiter, Permit, Reason};
use crate::message::{Body, Receipt, Request, Response};
use crate::notices::{Heard, Notices};
use crate::redact::Redactor;
use crate::retry::{Decision, RetryPolicy, Tries};
use crate::retry_after::asked_wait;
use crate::rules::{Rules, asked_by};
use crate::surroundings::Surroundings;
use crate::transport::Network;
use crate::usage::{Content, Ledger};
use crate::wire::Wire;
use crate::{body, excerpt, retry};

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

/// What one exchange brought, whatever it says.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    /// Of a success the whole body, of anything else its beginning.
    body: Bytes,
    /// Whether that is all of it.
    whole: bool,
    times: Times,
    /// For whoever reads what it cost.
    bill: Bill,
    /// The wait that it asks for.
    asked: Option<Duration>,
    /// Whether it tells of a limit that is spent.
    spent: bool,
    /// The credentials that it was asked with.
    used: Used,
    /// Its body was there before: it was not sent, or it came for another request.
    from_memory: bool,
}

impl Reply {
    fn received(&self) -> Received<'_> {
        let body = self.whole.then_some(&self.body);
        Received { status: self.status, headers: &self.headers, body, times: self.times }
    }

    /// The failure that its status tells.
    fn failure(&self) -> FailureKind {
        classify::status_kind(self.status, self.asked.is_some() || self.spent)
    }

    fn into_response(self, url: &Url) -> Response {
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

/// What a reply means, where it refuses nothing.
enum Answer {
    Complete(Response),
    Redirect(Request),
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
        let redactor = Arc::new(Redactor::new(plan, &authenticator, &scope));
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

    #[doc(hidden)] // for the suite that HTTP caches are measured with, which sees answers as they are
    /// Sends `request` once and returns what is answered, whatever its status, for whoever passes answers on: no redirect
    /// is followed and nothing is tried again. Limits, credentials and the cache hold as for [`Client::send`].
    ///
    /// # Errors
    /// Where no complete answer came. Of an answer that is no success, at most 64 KiB of the body are read, and a longer
    /// one is [`FailureKind::TooLarge`].
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

    /// One hop: what the cache holds, or one exchange when its turn has come.
    async fn hop(&self, request: &Request, stream: &StreamName) -> Result<Reply, Refusal> {
        if !self.is_home(&request.url) {
            return self.hop_on_the_wire(request, stream).await;
        }
        let question = match self.0.cache.look(request, stream, self.0.clock.now()) {
            Look::AtHand(stored) => return Ok(Reply::from(stored)),
            Look::Ask(question) => question,
        };
        let reply = self.hop_on_the_wire(&question.request, stream).await?;
        let still_holds = self.0.cache.settle(*question, &reply.received())?;
        Ok(still_holds.map_or(reply, Reply::from))
    }

    async fn hop_on_the_wire(&self, request: &Request, stream: &StreamName) -> Result<Reply, Refusal> {
        self.0.ledger.allows(stream).map_err(Refusal::last)?;
        if self.is_home(&request.url) {
            // Before its turn comes: who waits for credentials holds no place that others could use.
            self.0.authenticator.ready(&self.asking(stream)).await.map_err(Refusal::last)?;
        }
        let on_wait = |why: Reason, wait| self.waiting(stream, why.to_string(), wait);
        let permit = self.limiter(&request.url).admit(stream, request.url.path(), on_wait).await?;
        self.0.ledger.waited(stream, permit.waited());
        self.exchange(request, stream, permit).await
    }

    /// The limits of the origin that `url` is of, which may be asked.
    fn limiter(&self, url: &Url) -> &Arc<Limiter> {
        let limiters = &self.0.limiters;
        let known = limiters.iter().find(|(origin, _)| *origin == url.origin());
        &known.unwrap_or(&limiters[0]).1
    }

    /// One request on the wire and its answer, whatever it says.
    async fn exchange(&self, request: &Request, stream: &StreamName, mut permit: Permit) -> Result<Reply, Refusal> {
        let mut outgoing = self.outgoing(request);
        let used = if self.is_home(&request.url) {
            let asking = self.asking(stream);
            self.0.authenticator.authorise(&mut outgoing, &asking).await.map_err(Refusal::last)?
        } else {
            Used::Fixed
        };
        let mut sent = Sent::new(&self.0.redactor, &self.0.watch, stream, &outgoing);
        self.0.ledger.sent(stream).map_err(Refusal::last)?;
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

    /// What a reply to `request` means: an answer, a redirect, or a refusal. The stream's rules go before what the status
    /// says, but for a token that has expired: that is another try's.
    async fn judge(
        &self,
        request: &Request,
        stream: &StreamName,
        renewed: bool,
        reply: Reply,
    ) -> Result<Answer, Refusal> {
        let others =
            reply.status == StatusCode::UNAUTHORIZED && self.0.authenticator.refused(reply.used, &reply.headers);
        let next = if others { Next::WithOtherCredentials } else { Next::Policy };
        if (!others || renewed)
            && let Some(rule) = self.0.rules.matching(stream, reply.status, &reply.headers, &reply.body).await
        {
            return self.treat(request, rule.then, reply).map_err(|refusal| *refusal);
        }
        let knows = [IF_NONE_MATCH, IF_MODIFIED_SINCE].iter().any(|name| request.headers.contains_key(name));
        if reply.status.is_success() || (knows && reply.status == StatusCode::NOT_MODIFIED) {
            return Ok(Answer::Complete(reply.into_response(&request.url)));
        }
        let kind = reply.failure();
        let Reply { status, headers, body, asked, .. } = reply;
        if let Some(target) = redirect_target(status, headers.get(LOCATION), &request.url) {
            return self.redirected(request, status, target).map(Answer::Redirect).map_err(Refusal::from);
        }
        let mut told = self.told_by(status, &body);
        if !self.is_home(&request.url) {
            told.push_str(" (an allowed origin, to which no credential is sent)");
        }
        Err(Refusal { failure: Failure::new(kind, told), asked, next })
    }

    /// What follows from a reply that a rule of the stream matches.
    fn treat(&self, request: &Request, treatment: Treatment, reply: Reply) -> Result<Answer, Box<Refusal>> {
        let told = self.told_by(reply.status, &reply.body);
        let limiter = self.limiter(&request.url);
        let refused = |kind, message: String| Box::new(Refusal::from(Failure::new(kind, message)));
        let asked = |rule| asked_by(rule, &reply.headers, &reply.body, self.0.clock.now()).or(reply.asked);
        match treatment {
            Treatment::Page | Treatment::Empty => {
                limiter.is_fine();
                let page = reply.into_response(&request.url);
                Ok(Answer::Complete(match treatment {
                    Treatment::Empty => Response { body: Bytes::new(), ends: true, ..page },
                    _ => page,
                }))
            }
            Treatment::Fail(message) => {
                limiter.is_fine();
                Err(refused(FailureKind::CalledFailure, format!("{message} ({told})")))
            }
            Treatment::Retry(rule) => {
                let kind = classify::failed_kind(reply.status, reply.asked.is_some() || reply.spent);
                let asked = asked(&rule);
                Err(Box::new(Refusal { asked, next: Next::ByRule(Box::new(rule)), ..*refused(kind, told) }))
            }
            Treatment::RateLimited(rule) => {
                let asked = asked(&rule);
                // A refusal that the status tells was heard as one when the answer began.
                if asked.is_some() || reply.failure() != FailureKind::RateLimited {
                    limiter.refused(asked);
                }
                let refusal = refused(FailureKind::RateLimited, told);
                Err(Box::new(Refusal { asked, next: Next::ByRule(Box::new(rule)), ..*refusal }))
            }
            Treatment::RenewCredentials if self.0.authenticator.refused(reply.used, &reply.headers) => {
                let refusal = refused(FailureKind::Unauthorized, told);
                Err(Box::new(Refusal { next: Next::WithOtherCredentials, ..*refusal }))
            }
            Treatment::RenewCredentials => {
                let message = format!("{told}; `responses` ask for new credentials, and `auth` has no others");
                Err(refused(FailureKind::Unauthorized, message))
            }
        }
    }

    /// What an answer says that is not taken for a page.
    fn told_by(&self, status: StatusCode, body: &[u8]) -> String {
        let told = format!("answered with {}", classify::show_status(status));
        match excerpt::of_refusal(status, body, |text| self.redact(text)) {
            Some(said) => format!("{told}: {said}"),
            None => told,
        }
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

    /// The request that follows from a redirect.
    fn redirected(&self, request: &Request, status: StatusCode, target: Url) -> Result<Request, Failure> {
        let mut next = Request { url: target, ..request.clone() };
        if next.url != request.url {
            // A validator says which version of one resource is known: another may have one that reads the same.
            next.headers.remove(IF_NONE_MATCH);
            next.headers.remove(IF_MODIFIED_SINCE);
        }
        let becomes_get = match status {
            StatusCode::SEE_OTHER => request.method != Method::HEAD,
            // RFC 9110 lets 301 and 302 turn a POST into a GET, and everybody does.
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            next.method = Method::GET;
            next.body = None;
            next.headers.remove(CONTENT_TYPE);
        }
        match self.objection(&next) {
            None => Ok(next),
            Some(reason) => {
                let message = format!("answered with a redirect, but {reason}");
                Err(Failure::new(FailureKind::UnexpectedStatus(status.as_u16()), message))
            }
        }
    }

    /// Whether a request that failed with `kind` goes back to where all wait until its origin is up again.
    fn is_held(&self, request: &Request, kind: &FailureKind) -> bool {
        retry::may_repeat(kind, request.idempotent) && self.limiter(&request.url).holds(kind)
    }

    /// Waits as the policy says, or returns the failure that ends the request.
    async fn wait_for_next_try(
        &self,
        request: &Request,
        stream: &StreamName,
        tries: Tries,
        refusal: Refusal,
    ) -> Result<(), Failure> {
        let Refusal { mut failure, asked, next } = refusal;
        let decision = match &next {
            Next::ByRule(rule) => self.0.retries.decide_by(rule, tries.counted(), asked),
            _ => self.0.retries.decide(&failure.kind, request.idempotent, tries.counted(), asked),
        };
        let wait = match decision {
            Decision::Again(wait) => wait,
            Decision::GiveUp => {
                if tries.made > 1 && failure.kind != FailureKind::Down {
                    failure.message.push_str(&format!(" (tried {} times)", tries.made));
                }
                return Err(failure);
            }
            Decision::AskedTooLong(asked) => {
                let (asked, most) = (show_duration(asked), show_duration(self.0.retries.max_wait()));
                failure.message.push_str(&format!(
                    "; the API asks to wait {asked}, which is longer than the {most} of `retries.max_wait`"
                ));
                return Err(failure);
            }
        };
        if let Err(spent) = self.0.retries.budget.spend(&failure.kind) {
            failure.message.push_str(&format!("; not tried again: {spent}"));
            return Err(failure);
        }
        let reason = match asked {
            Some(asked) if asked == wait && matches!(next, Next::ByRule(_)) => {
                format!("`responses`, after {}", classify::in_short(&failure.kind))
            }
            Some(asked) if asked == wait => format!("Retry-After, after {}", classify::in_short(&failure.kind)),
            _ => format!("backoff after {}", classify::in_short(&failure.kind)),
        };
        match failure.kind {
            FailureKind::RateLimited => self.0.ledger.waited(stream, wait),
            _ => self.0.ledger.backs_off(stream, wait),
        }
        self.waiting(stream, reason, wait);
        sleep(wait).await;
        Ok(())
    }

    fn responded(&self, stream: &StreamName, status: StatusCode, bytes: usize, took: Duration) {
        let bytes = bytes as u64;
        self.0.ledger.answered(stream, status.as_u16(), bytes, took);
        self.0.events.emit(RunEvent::Responded { stream: stream.clone(), status: status.as_u16(), bytes, took });
    }

    fn waiting(&self, stream: &StreamName, reason: String, wait: Duration) {
        debug!(%stream, "waits {}: {reason}", show_duration(wait));
        let until = self.0.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        self.0.events.emit(RunEvent::Waiting { stream: stream.clone(), reason, wait, until });
    }
}

/// Where the answer redirects to, if it does; relative to what was asked.
fn redirect_target(status: StatusCode, location: Option<&HeaderValue>, asked: &Url) -> Option<Url> {
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = location.filter(|_| redirects)?.to_str().ok()?;
    asked.join(location).ok()
}

mod on_behalf;
#[cfg(test)]
mod tests;
