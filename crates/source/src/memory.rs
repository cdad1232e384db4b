//! What earlier runs were answered, and what this one is: so that the API can say that nothing has changed.
//!
//! Enters: the answers that stand in the stream's progress, each request before it is sent, and each page that came.
//! Leaves: the answer that is known of a request, the condition under which it is asked again (RFC 9110, 13), and what is
//! to be remembered of a page. Invariants: an answer is known only of the very request, made by the same stream of the
//! file, with the same variables and credentials (a replay has the answers of the recorded run); nothing that holds a secret is remembered; where the next page stands in
//! a header, a page that may be full and was the last is asked for anew, for a further page need not change its body.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use spile_http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use spile_http::{Client, HeaderName, HeaderValue, Method, Request, Response, Terms, Url};
use spile_model::secret::REDACTED;
use spile_model::{Answer, NextPage, RequestKey};
use spile_plan::{PipelinePlan, Reuse, StreamPlan};
use twox_hash::XxHash3_64;

use crate::pagination::{Next, Position};

/// An answer whose texts (validator, token or URL of the next page) are longer than this together is not remembered.
const LONGEST: usize = 4096;

/// What is known of the answers to one stream's requests.
pub(crate) struct Memory {
    client: Client,
    /// By the request's half of the key.
    known: BTreeMap<u64, Known>,
    stream: u64,
    reuse: Reuse,
    full: Mutex<Full>,
}

/// An answer whose rows the table has.
pub(crate) struct Known {
    /// What it is remembered by.
    pub(crate) key: RequestKey,
    pub(crate) answer: Answer,
}

/// How many records a page holds that another one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Unknown,
    Always(u64),
    Varies,
}

impl Full {
    fn and(self, records: u64) -> Self {
        match self {
            Self::Unknown => Self::Always(records),
            Self::Always(before) if before == records => self,
            Self::Always(_) | Self::Varies => Self::Varies,
        }
    }
}

impl Memory {
    /// None where the stream is not cached. `known`: what stands in its progress.
    pub(crate) fn new(
        plan: &PipelinePlan,
        stream: &StreamPlan,
        client: &Client,
        known: BTreeMap<RequestKey, Answer>,
    ) -> Option<Self> {
        let reuse = stream.cache.as_ref()?.reuse;
        let hash = hash_of_stream(plan, stream, client.identity());
        let (own, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|(key, _)| key.stream == hash);
        let full = Mutex::new(own.iter().filter_map(|(_, answer)| answer.full).fold(Full::Unknown, Full::and));
        // What the recorded run was told is unchanged is so whatever the file says now: the rows are there.
        let others = if client.replays() { others } else { Vec::new() };
        let known = others.into_iter().chain(own).map(|(key, answer)| (key.request, Known { key, answer })).collect();
        Some(Self { client: client.clone(), known, stream: hash, reuse, full })
    }

    /// What answers to `request` are remembered by. Whose secrets are in it is told by the stream's half of the key.
    pub(crate) fn key(&self, request: &Request) -> RequestKey {
        RequestKey { stream: self.stream, request: self.client.key(request) }
    }

    /// The answer to that request whose rows the table has.
    pub(crate) fn known(&self, key: RequestKey) -> Option<&Known> {
        self.known.get(&key.request)
    }

    /// Whether `answer` stands for a new one without asking.
    pub(crate) fn is_fresh(&self, answer: &Answer) -> bool {
        answer.fresh_until.is_some_and(|until| self.client.now() < until) && self.reuse != Reuse::Never
    }

    /// The header that asks for the answer to `request` only if it has changed since `answer`.
    pub(crate) fn condition(&self, request: &Request, answer: &Answer) -> Option<(HeaderName, HeaderValue)> {
        if request.method != Method::GET || request.body.is_some() {
            return None;
        }
        let (name, validator) = match (&answer.etag, &answer.last_modified) {
            (Some(etag), _) => (IF_NONE_MATCH, etag),
            (None, Some(modified)) => (IF_MODIFIED_SINCE, modified),
            (None, None) => return None,
        };
        (!request.headers.contains_key(&name)).then_some((name, HeaderValue::from_str(validator).ok()?))
    }

    /// What is to be remembered of a page that came. None where its texts are too long, or hold a secret.
    pub(crate) fn answer(&self, request: &Request, response: &Response, page: &Page<'_>) -> Option<Answer> {
        let Terms { etag, last_modified, fresh_until } = Terms::of(request, response, self.reuse);
        let full = self.full(page);
        let can_be_asked = etag.is_some() || last_modified.is_some() || fresh_until.is_some();
        // Of an answer that will come whole again, only the records need to be recognised.
        let (next, end) = if can_be_asked { (next_page(page.next), page.end) } else { (None, None) };
        let (contents, records) = (page.contents, page.records);
        let answer = Answer { etag, last_modified, fresh_until, contents, records, cursor: None, next, end, full };
        self.may_be_kept(&answer).then_some(answer)
    }

    /// Until when the answer to `request` that a 304 speaks of is fresh.
    pub(crate) fn fresh_until(&self, request: &Request, says: &Response) -> Option<Timestamp> {
        Terms::of(request, says, self.reuse).fresh_until
    }

    /// Takes note of a page's size, and says how many records a page holds that another one follows, where all that are
    /// known held as many.
    fn full(&self, page: &Page<'_>) -> Option<u64> {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if *page.next != Next::End {
            *full = full.and(page.records);
        }
        match *full {
            Full::Always(records) => Some(records),
            Full::Unknown | Full::Varies => None,
        }
    }

    fn may_be_kept(&self, answer: &Answer) -> bool {
        let validator = answer.etag.as_deref().or(answer.last_modified.as_deref()).unwrap_or_default();
        let (next, shown) = match &answer.next {
            Some(NextPage::Url(url)) => (url.as_str(), Url::parse(url).map(|url| self.client.show_url(&url)).ok()),
            Some(NextPage::Token(token)) => (token.as_str(), Some(self.client.redact(token))),
            _ => ("", None),
        };
        let is_clean = |text: &str| !text.contains(REDACTED);
        validator.len() + next.len() <= LONGEST
            && is_clean(&self.client.redact(validator))
            && is_clean(&self.client.redact(next))
            && shown.is_none_or(|shown| is_clean(&shown))
    }
}

/// Whether there may be a page by now behind one that was the last, without which its body says otherwise: where its
/// headers name the next page.
pub(crate) fn may_be_followed(answer: &Answer) -> bool {
    answer.next.is_none() && answer.full.is_none_or(|full| answer.records >= full)
}

/// What of a page is remembered.
pub(crate) struct Page<'p> {
    pub(crate) contents: Option<u64>,
    pub(crate) records: u64,
    pub(crate) next: &'p Next,
    pub(crate) end: Option<u64>,
}

/// Where an answer said the next page is.
pub(crate) fn next(answer: &Answer) -> Option<Next> {
    Some(match &answer.next {
        None => Next::End,
        Some(NextPage::Page(number)) => Next::At(Position::Page(*number)),
        Some(NextPage::Offset(offset)) => Next::At(Position::Offset(*offset)),
        Some(NextPage::Token(token)) => Next::At(Position::Token(serde_json::from_str::<Value>(token).ok()?)),
        Some(NextPage::Url(url)) => Next::At(Position::Url(Url::parse(url).ok()?)),
    })
}

pub(crate) fn next_page(next: &Next) -> Option<NextPage> {
    match next {
        Next::End | Next::At(Position::First) => None,
        Next::At(Position::Page(number)) => Some(NextPage::Page(*number)),
        Next::At(Position::Offset(offset)) => Some(NextPage::Offset(*offset)),
        Next::At(Position::Token(token)) => Some(NextPage::Token(token.to_string())),
        Next::At(Position::Url(url)) => Some(NextPage::Url(url.to_string())),
    }
}

/// All that makes rows of an answer, and whose answer it is. Where the file says anything else of the stream, what was
/// remembered is not of it any more.
fn hash_of_stream(plan: &PipelinePlan, stream: &StreamPlan, identity: u64) -> u64 {
    let source = &plan.source;
    // How answers are remembered makes no other rows, nor what they cost.
    let stream = StreamPlan { cache: None, price: None, ..stream.clone() };
    let said = format!("{stream:?} {} {:?} {:?} {:?}", source.base_url, source.headers, source.query, plan.variables);
    XxHash3_64::oneshot_with_seed(identity, said.as_bytes())
}

#[cfg(test)]
mod tests;
