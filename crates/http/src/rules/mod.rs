//! What answers mean, where the pipeline file says so: a stream's rules and an answer in, the first rule that matches out.
//!
//! Bodies are looked at only where a rule asks for it, and as far as that takes (`body`). It deliberately does nothing
//! with an answer: what follows from a rule is the client's.

mod body;
mod wait;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use spile_model::StreamName;
use spile_plan::{Matcher, PipelinePlan, ResponseRule, TextMatch, Treatment, WaitPlace};

use self::body::Looked;
pub(crate) use self::wait::asked_by;

/// A larger body is looked at on a blocking thread: it would keep the others waiting for a millisecond or more.
const INLINE_BODY: usize = 1024 * 1024;

/// So much of a body is searched for texts: messages of errors are far shorter.
const SEARCHED: usize = 64 * 1024;

/// The rules of all streams.
pub(crate) struct Rules(HashMap<StreamName, Arc<[ResponseRule]>>);

impl Rules {
    pub(crate) fn new(plan: &PipelinePlan) -> Self {
        let with_rules = plan.streams.iter().filter(|stream| !stream.responses.is_empty());
        Self(with_rules.map(|stream| (stream.name.clone(), stream.responses.clone().into())).collect())
    }

    /// Whether the whole body of such an answer has to be read, although its status is one of failure.
    pub(crate) fn want_body(&self, stream: &StreamName, status: StatusCode, headers: &HeaderMap) -> bool {
        let possible = |rule: &&ResponseRule| rule.when.iter().all(|one| by_head(one, status, headers) != Some(false));
        self.0.get(stream).is_some_and(|rules| rules.iter().filter(possible).any(needs_whole_body))
    }

    /// The first rule of `stream` that matches the answer.
    pub(crate) async fn matching(
        &self,
        stream: &StreamName,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Option<ResponseRule> {
        let rules = self.0.get(stream)?;
        let reads_body = rules.iter().flat_map(|rule| &rule.when).any(Matcher::reads_body);
        if !reads_body || body.len() <= INLINE_BODY {
            return first(rules, status, headers, body).cloned();
        }
        let (rules, headers, body) = (Arc::clone(rules), headers.clone(), body.clone());
        let looking = move || first(&rules, status, &headers, &body).cloned();
        match tokio::task::spawn_blocking(looking).await {
            Ok(found) => found,
            Err(error) => error.try_into_panic().map_or(None, |panic| std::panic::resume_unwind(panic)),
        }
    }
}

/// Whether more than the beginning of a body is needed to see whether the rule matches, or for what follows.
fn needs_whole_body(rule: &ResponseRule) -> bool {
    let looks = rule.when.iter().any(|matcher| matches!(matcher, Matcher::Body(..)));
    looks
        || match &rule.then {
            Treatment::Page => true,
            Treatment::Retry(retry) | Treatment::RateLimited(retry) => {
                retry.after.as_ref().is_some_and(|after| matches!(after.place, WaitPlace::Body(_)))
            }
            Treatment::Empty | Treatment::Fail(_) | Treatment::RenewCredentials => false,
        }
}

fn first<'r>(
    rules: &'r [ResponseRule],
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<&'r ResponseRule> {
    let looked = Looked::at(body);
    let matches = |matcher: &Matcher| match matcher {
        Matcher::Body(path, wanted) => looked.has(path, wanted.as_ref()),
        Matcher::Text(wanted) => wanted.matches(&String::from_utf8_lossy(&body[..body.len().min(SEARCHED)])),
        Matcher::Status(_) | Matcher::Header(..) => by_head(matcher, status, headers) == Some(true),
    };
    rules.iter().find(|rule| rule.when.iter().all(matches))
}

/// Whether an answer matches, as far as its head tells.
fn by_head(matcher: &Matcher, status: StatusCode, headers: &HeaderMap) -> Option<bool> {
    match matcher {
        Matcher::Status(ranges) => Some(ranges.iter().any(|(from, to)| (*from..=*to).contains(&status.as_u16()))),
        Matcher::Header(name, wanted) => {
            let matches = |value: &http::HeaderValue| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted: &TextMatch| wanted.matches(&String::from_utf8_lossy(value.as_bytes())))
            };
            Some(headers.get_all(name.as_str()).iter().any(matches))
        }
        Matcher::Body(..) | Matcher::Text(_) => None,
    }
}

#[cfg(test)]
mod tests;
