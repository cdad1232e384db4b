//! What a reply means: an answer, a redirect that is followed, or a refusal. The stream's rules go before its status.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Url;
use spile_model::{Failure, FailureKind, StreamName};
use spile_plan::Treatment;

use super::Client;
use super::hop::Reply;
use crate::classify::{self, Next, Refusal};
use crate::excerpt;
use crate::message::{Request, Response};
use crate::rules::asked_by;

/// What a reply means, where it refuses nothing.
pub(super) enum Answer {
    Complete(Response),
    Redirect(Request),
}

impl Client {
    /// What a reply to `request` means: an answer, a redirect, or a refusal. The stream's rules go before what the status
    /// says, but for a token that has expired: that is another try's.
    pub(super) async fn judge(
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
}

/// Where the answer redirects to, if it does; relative to what was asked.
fn redirect_target(status: StatusCode, location: Option<&HeaderValue>, asked: &Url) -> Option<Url> {
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = location.filter(|_| redirects)?.to_str().ok()?;
    asked.join(location).ok()
}
