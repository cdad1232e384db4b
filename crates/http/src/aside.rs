//! A server that is asked beside the API: who gives out tokens, where credentials are kept.
//!
//! Enters: a request, made anew for each try, and how its answer is read. Leaves: what was read. Invariants: what is sent
//! goes to the one origin that the user names, over TLS or on this machine, and follows no redirect; the guard of
//! addresses holds; timeouts and retries are those that the caller has; the API's rate limits and budgets are not, for
//! this is not the API. Once nobody is going to use what is asked for, nothing more is sent.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, header};
use reqwest::Url;
use spile_model::units::show_duration;
use spile_model::{ByteSize, Clock, Failure, FailureKind};
use spile_plan::SourcePlan;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::excerpt;
use crate::guard::names::Names;
use crate::guard::{Guard, is_loopback};
use crate::redact::Redactor;
use crate::retry::{Decision, RetryPolicy};
use crate::transport::Network;
use crate::wire::{Answered, Wire};

/// Such a server.
pub(crate) struct Aside {
    url: Url,
    wire: Wire,
    largest: ByteSize,
}

/// What is needed in order to ask. Cheap to clone, for what is asked may go on when the request that wanted it has been
/// given up.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) retries: Arc<RetryPolicy>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Cancelled when nobody is going to use what is asked for.
    pub(crate) stop: CancellationToken,
    pub(crate) hears: Arc<dyn Hears>,
}

/// Who hears what happens on the way.
pub(crate) trait Hears: Send + Sync {
    /// A wait has begun: why, and how long it may last.
    fn waits(&self, reason: String, most: Duration);

    /// So long was waited.
    fn waited(&self, wait: Duration);

    /// A request leaves for that endpoint (its method, and its URL as it may be shown).
    fn sent(&self, endpoint: &str);

    /// It was answered as a whole.
    fn answered(&self, endpoint: &str, status: u16, bytes: u64, took: Duration);

    /// It failed and is sent again.
    fn retried(&self, endpoint: &str);
}

/// Nobody does.
pub(crate) struct Unheard;

impl Hears for Unheard {
    fn waits(&self, _: String, _: Duration) {}
    fn waited(&self, _: Duration) {}
    fn sent(&self, _: &str) {}
    fn answered(&self, _: &str, _: u16, _: u64, _: Duration) {}
    fn retried(&self, _: &str) {}
}

/// Why nothing came of it.
pub(crate) struct Denied {
    pub(crate) failure: Failure,
    /// What the server calls it, where it speaks OAuth (RFC 6749, 5.2).
    pub(crate) code: Option<String>,
    /// The wait that the answer asks for.
    pub(crate) asked: Option<Duration>,
}

impl Denied {
    pub(crate) fn with_code(failure: Failure, code: Option<&str>) -> Self {
        Self { failure, code: code.map(ToOwned::to_owned), asked: None }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self { failure, code: None, asked: None }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        denied.failure
    }
}

impl Asking {
    /// Fails once nobody is going to use what is asked for. To be called where nothing is on its way: what a server has
    /// been asked for may exist in its answer alone.
    pub(crate) fn goes_on(&self) -> Result<(), Failure> {
        if self.stop.is_cancelled() { Err(stopped()) } else { Ok(()) }
    }

    /// Waits; fails as soon as nobody is going to use what is asked for.
    pub(crate) async fn pause(&self, wait: Duration) -> Result<(), Failure> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(stopped()),
            () = sleep(wait) => self.hears.waited(wait),
        }
        Ok(())
    }
}

pub(crate) fn stopped() -> Failure {
    Failure::new(FailureKind::Interrupted, "no token is asked for: the run is about to end")
}

impl Aside {
    /// The server at `address`, to which `source` tells the way; `called` is what messages call the address.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where it cannot be asked, or secrets would travel openly; [`FailureKind::Tls`].
    pub(crate) fn new(called: &str, address: &str, source: &SourcePlan, largest: ByteSize) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::new(FailureKind::Configuration, format!("{called} {why}"));
        let url = Url::parse(address).map_err(|_| refused("is not the URL of a host"))?;
        if url.scheme() != "https" && !is_loopback(&url) {
            return Err(refused("must begin with https://: what is sent there is secret"));
        }
        // This server is a home of its own: nothing that is allowed to the API's requests leads away from it.
        let own = SourcePlan { base_url: address.to_owned(), allowed_origins: Vec::new(), ..source.clone() };
        let guard = Guard::new(&own).map_err(|_| refused("is not the URL of a host"))?;
        if let Some(reason) = guard.refusal(&url) {
            return Err(refused(&format!("cannot be used: {reason}")));
        }
        let mut limits = source.limits;
        limits.body = limits.body.min(largest);
        let network = Network::new(Arc::new(guard), Names::of_the_system(), &own)?;
        Ok(Self { url, wire: Wire::new(Arc::new(network), source.timeouts, limits), largest: limits.body })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Sends what `request` makes until `read` takes the answer, or no further try helps.
    ///
    /// # Errors
    /// What `read` refused with, or what broke.
    pub(crate) async fn ask<T>(
        &self,
        request: impl Fn() -> Result<reqwest::Request, Failure>,
        read: impl Fn(Answered) -> Result<T, Box<Denied>>,
        asking: &Asking,
    ) -> Result<T, Denied> {
        let mut tries = 1;
        loop {
            asking.goes_on()?;
            let request = request()?;
            let endpoint = endpoint(request.method(), request.url(), &asking.redactor);
            let mut denied = match self.try_once(request, &endpoint, asking).await {
                Ok(answered) => match read(answered) {
                    Ok(read) => return Ok(read),
                    Err(denied) => *denied,
                },
                Err(failure) => failure.into(),
            };
            let failure = &mut denied.failure;
            // What is asked here changes nothing at the server that a second request would spoil: it may be repeated
            // although it is a POST. One that exchanges a refresh token for its successor may be lost with its answer;
            // then the same token is all there is, and sooner is better: servers that forgive do so for seconds.
            match asking.retries.decide(&failure.kind, true, tries, denied.asked) {
                Decision::Again(wait) => {
                    asking.hears.waits("the server that gives out tokens fails".to_owned(), wait);
                    asking.pause(wait).await?;
                    asking.hears.retried(&endpoint);
                    tries += 1;
                }
                decision => {
                    if let Decision::AskedTooLong(asked) = decision {
                        failure.message.push_str(&format!("; it asks to wait {}", show_duration(asked)));
                    }
                    if tries > 1 {
                        failure.message.push_str(&format!(" (tried {tries} times)"));
                    }
                    return Err(denied);
                }
            }
        }
    }

    async fn try_once(
        &self,
        mut outgoing: reqwest::Request,
        endpoint: &str,
        asking: &Asking,
    ) -> Result<Answered, Failure> {
        let json = HeaderValue::from_static("application/json");
        outgoing.headers_mut().entry(header::ACCEPT).or_insert(json);
        asking.hears.sent(endpoint);
        let began = Instant::now();
        let answered = self.wire.ask(outgoing, excerpt::LOOKED_AT).await.map_err(|mut failure| {
            if failure.kind == FailureKind::TooLarge {
                failure.message =
                    format!("its answer is larger than {}, and nothing that is asked for is", self.largest);
            }
            failure
        })?;
        asking.hears.answered(endpoint, answered.status.as_u16(), answered.body.len() as u64, began.elapsed());
        Ok(answered)
    }
}

fn endpoint(method: &Method, url: &Url, redactor: &Redactor) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    format!("{method} {}", redactor.show_url(&plain))
}
