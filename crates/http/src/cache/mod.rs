//! A private cache after RFC 9111: what was answered before, and whether it may be used again.
//!
//! Enters: each request before it is sent, and each reply that came. Leaves: a stored answer in the place of a request,
//! a request that asks whether the stored answer still holds (RFC 9110, 13), or the request as it was. Invariants: only
//! streams that want it are served; an answer that is not known to be fresh is never used without asking; nothing goes
//! to other credentials than those that asked for it; what is kept has a limit in bytes, lives in memory and ends with
//! the client.
//!
//! Spile is what RFC 9111 calls a private cache: `s-maxage`, `proxy-revalidate` and the rules about `Authorization` are
//! for shared ones. It deliberately never uses a stale answer (`stale-while-revalidate`, `stale-if-error`,
//! `max-stale`), for that would load wrong rows, stores no parts of answers, and serves none.
//!
//! Only the API's own origin is cached: others get no header that they could tell answers apart by.

mod directives;
mod freshness;
mod store;
mod storing;
mod terms;
mod vary;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{
    AGE, CONTENT_LOCATION, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, LOCATION, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use reqwest::Url;
use spile_model::{Failure, FailureKind, StreamName};
use spile_plan::{PipelinePlan, Reuse};
use url::Position;

use self::directives::Directives;
pub(crate) use self::freshness::Times;
pub(crate) use self::store::Stored;
use self::store::{Key, Store};
pub use self::terms::Terms;
use self::vary::Variant;
use crate::message::{Request, same_version};

/// Whoever sends one of these knows an answer already, or wants a part of one: the cache does not come between.
const OWN_CONDITIONS: [HeaderName; 6] =
    [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE];

/// The answers to one pipeline's requests.
pub(crate) struct Cache {
    /// Of the streams that are cached, when an answer is used again.
    reuse: HashMap<StreamName, Reuse>,
    store: Mutex<Store>,
    hasher: RandomState,
}

/// What the cache says to a request.
pub(crate) enum Look {
    /// There is a fresh answer.
    AtHand(Stored),
    /// It has to be sent.
    Ask(Box<Question>),
}

/// A request as it is sent, and what is done with its reply.
pub(crate) struct Question {
    /// With the conditions that the stored answer gives.
    pub(crate) request: Request,
    /// Under which its answer is kept; none where it is not.
    key: Option<Key>,
    /// What a 304 would speak of.
    stored: Option<Stored>,
}

/// A reply, as far as it concerns the cache.
pub(crate) struct Received<'r> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'r HeaderMap,
    /// The whole body; none where not all of it was read.
    pub(crate) body: Option<&'r Bytes>,
    pub(crate) times: Times,
}

impl Cache {
    pub(crate) fn new(plan: &PipelinePlan) -> Self {
        let cached = plan.streams.iter().filter_map(|stream| Some((stream.name.clone(), stream.cache.as_ref()?.reuse)));
        Self {
            reuse: cached.collect(),
            store: Mutex::new(Store::new(plan.source.limits.cache)),
            hasher: RandomState::new(),
        }
    }

    /// A fresh answer to `request`, which goes to the API's own origin.
    pub(crate) fn at_hand(&self, request: &Request, stream: &StreamName, now: Timestamp) -> Option<Stored> {
        self.reuse.get(stream)?;
        match self.look(request, stream, now) {
            Look::AtHand(stored) => Some(stored),
            Look::Ask(_) => None,
        }
    }

    /// What is known of the answer to `request`, which goes to the API's own origin.
    pub(crate) fn look(&self, request: &Request, stream: &StreamName, now: Timestamp) -> Look {
        let pass = |key| Look::Ask(Box::new(Question { request: request.clone(), key, stored: None }));
        let Some(reuse) = self.reuse.get(stream).copied() else { return pass(None) };
        let asked = Directives::of(&request.headers);
        if request.method != Method::GET || request.body.is_some() || asked.no_store {
            return pass(None);
        }
        let key = self.key(request);
        if OWN_CONDITIONS.iter().any(|name| request.headers.contains_key(name)) {
            return pass(Some(key));
        }
        let Some(stored) = self.lock().find(&key, &request.headers) else { return pass(Some(key)) };
        if is_usable(&stored, reuse, &asked, now) {
            return Look::AtHand(aged(stored, now));
        }
        let mut request = request.clone();
        for (name, validator) in [(IF_NONE_MATCH, ETAG), (IF_MODIFIED_SINCE, LAST_MODIFIED)] {
            if let Some(value) = stored.headers.get(validator) {
                request.headers.insert(name, value.clone());
            }
        }
        let is_conditional = storing::has_validator(&stored.headers);
        Look::Ask(Box::new(Question { request, key: Some(key), stored: is_conditional.then_some(stored) }))
    }

    /// Takes in what was answered. The stored answer, brought up to date, where the reply says that it still holds.
    ///
    /// # Errors
    /// [`FailureKind::BadBody`] where the reply says so of another answer than the one that was asked about; that one is
    /// forgotten, so that another try gets the whole.
    pub(crate) fn settle(&self, question: Question, received: &Received<'_>) -> Result<Option<Stored>, Failure> {
        let Question { request, key, stored } = question;
        self.invalidate(&request, received);
        let Some(key) = key else { return Ok(None) };
        match (received.status, stored) {
            (StatusCode::NOT_MODIFIED, Some(stored)) => self.revalidated(key, stored, received).map(Some),
            (StatusCode::NOT_MODIFIED, None) => Ok(None),
            (_, stored) => {
                self.keep(key, &request, stored.as_ref(), received);
                Ok(None)
            }
        }
    }

    /// Forgets what is stored for `url`: it did not serve, so the next request gets a new answer.
    pub(crate) fn forget(&self, url: &Url) {
        if !self.reuse.is_empty() {
            self.lock().remove(&address(url));
        }
    }

    fn revalidated(&self, key: Key, stored: Stored, received: &Received<'_>) -> Result<Stored, Failure> {
        if let (Some(asked), Some(told)) = (stored.headers.get(ETAG), received.headers.get(ETAG))
            && !same_version(asked.as_bytes(), told.as_bytes())
        {
            self.lock().remove_variant(&key, &stored.variant);
            let message = "answered 304 Not Modified, but about another version than the one that was asked about";
            return Err(Failure::new(FailureKind::BadBody, message));
        }
        let headers = storing::updated(&stored.headers, received.headers);
        let updated = Stored { headers, times: received.times, ..stored };
        self.lock().put(key, updated.clone());
        Ok(updated)
    }

    /// Stores a whole answer, or forgets the one before it.
    fn keep(&self, key: Key, request: &Request, before: Option<&Stored>, received: &Received<'_>) {
        let Received { status, headers, body, times } = *received;
        let variant = Variant::of(headers, &request.headers);
        match (body, variant) {
            (Some(body), Some(variant)) if storing::may_be_stored(&request.headers, status, headers) => {
                let headers = storing::kept(headers);
                self.lock().put(key, Stored { status, headers, body: body.clone(), times, variant });
            }
            _ if status.is_server_error() || storing::is_of_now(status) => {} // says nothing about what was answered before
            _ => {
                if let Some(before) = before {
                    self.lock().remove_variant(&key, &before.variant);
                }
            }
        }
    }

    /// What a request that changes something has changed is not answered from memory (RFC 9111, 4.4).
    fn invalidate(&self, request: &Request, received: &Received<'_>) {
        let is_safe = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        let succeeded = received.status.is_success() || received.status.is_redirection();
        if is_safe || !succeeded {
            return;
        }
        self.forget(&request.url);
        let named = [LOCATION, CONTENT_LOCATION].map(|name| received.headers.get(name)?.to_str().ok());
        let changed = named.into_iter().flatten().filter_map(|link| request.url.join(link).ok());
        changed.filter(|url| url.origin() == request.url.origin()).for_each(|url| self.forget(&url));
    }

    fn key(&self, request: &Request) -> Key {
        let secret = request.headers.iter().filter(|(_, value)| value.is_sensitive());
        let credentials: Vec<(&str, &[u8])> = secret.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        Key { url: address(&request.url), credentials: self.hasher.hash_one(credentials) }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        // What is stored is whole after every statement, so a panic elsewhere leaves it so.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the stored answer may stand for a new one.
fn is_usable(stored: &Stored, reuse: Reuse, asked: &Directives, now: Timestamp) -> bool {
    if reuse == Reuse::Never || asked.no_cache || Directives::of(&stored.headers).no_cache {
        return false;
    }
    let age = freshness::age(&stored.headers, stored.times, now);
    let lifetime = freshness::lifetime(stored.status, &stored.headers, stored.times, reuse);
    let left = lifetime.saturating_sub(age);
    left > 0 && asked.max_age.is_none_or(|most| age <= most) && asked.min_fresh.is_none_or(|least| left >= least)
}

/// The stored answer with its age (RFC 9111, 5.1).
fn aged(mut stored: Stored, now: Timestamp) -> Stored {
    let age = freshness::age(&stored.headers, stored.times, now);
    stored.headers.insert(AGE, HeaderValue::from(age));
    stored
}

/// What of a URL is asked for.
fn address(url: &Url) -> String {
    url[..Position::AfterQuery].to_owned()
}
