//! What kind of failure it is: errors of the transport and statuses in, [`Failure`]s out.
//!
//! Kinds are told apart by the types in an error's chain, not by message texts.

mod tls;

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;
use spile_model::units::show_duration;
use spile_model::{Failure, FailureKind};
use spile_plan::RetryRule;

use crate::cause::Cause;
use crate::guard::RefusedAddress;
use crate::limit::{Reason, TooLong};

/// A failed exchange, and how long the answer asked to wait before another.
pub(crate) struct Refusal {
    pub(crate) failure: Failure,
    pub(crate) asked: Option<Duration>,
    pub(crate) next: Next,
}

/// Who decides about another try.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// The policy, by the kind of failure.
    Policy,
    /// A rule of the stream, which asks for another.
    ByRule(Box<RetryRule>),
    /// The credentials were refused, and there are others: at once, but once only.
    WithOtherCredentials,
    /// There are no credentials, after all tries that may help.
    Nothing,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, asked: None, next: Next::Policy }
    }
}

impl From<TooLong> for Refusal {
    fn from(TooLong { reason, wait }: TooLong) -> Self {
        let message = match reason {
            Reason::Told(_) => format!("not sent: {reason} is spent"),
            Reason::RateLimit | Reason::Paused => format!("not sent: {reason}"),
            Reason::Down(_) => return Failure::new(FailureKind::Down, format!("given up: {reason}")).into(),
        };
        Self { asked: Some(wait), ..Failure::new(FailureKind::RateLimited, message).into() }
    }
}

impl Refusal {
    /// What no further try of the request mends.
    pub(crate) fn last(failure: Failure) -> Self {
        Self { next: Next::Nothing, ..failure.into() }
    }
}

/// An error from before the answer's head had arrived. `host` is named in the message, and the proxy on the way to it.
pub(crate) fn sending(error: reqwest::Error, host: &str, proxy: Option<&str>, connect: Duration) -> Failure {
    let wants_tls = error.url().is_some_and(|url| url.scheme() == "https");
    // Who is connected to, and whose name is looked up.
    let peer = proxy.map_or_else(|| host.to_owned(), |proxy| format!("the proxy {proxy} on the way to {host}"));
    let (kind, message) = if let Some(refused) = find::<RefusedAddress>(&error) {
        // The error that carries it says the same.
        return Failure::new(FailureKind::AddressRefused, format!("the name {refused}"));
    } else if let Some(refusal) = proxy.and_then(|_| refused_tunnel(&error)) {
        let wants_credentials = refusal.ends_with("proxy authorization required");
        let how = if wants_credentials { "wants credentials, or other ones" } else { "does not connect to it" };
        (if wants_credentials { FailureKind::ProxyRefused } else { FailureKind::Connect }, format!("{peer} {how}"))
    } else if error.is_dns() && proxy.is_some() {
        (FailureKind::Dns, format!("the name of {peer} has no address"))
    } else if error.is_dns() {
        (FailureKind::Dns, format!("the host name `{host}` has no address"))
    } else if let Some(tls) = find::<rustls::Error>(&error) {
        (tls::kind(tls), format!("no safe connection to {host}: {}", tls::explain(tls)))
    } else if error.is_connect() && error.is_timeout() {
        // Silence before and after the connection is there cannot be told apart.
        let hint = if wants_tls { ", or no TLS on it: is it http?" } else { "" };
        (FailureKind::Connect, format!("{peer} did not accept a connection within {}{hint}", show_duration(connect)))
    } else if error.is_connect() && wants_tls && hung_up(&error) {
        (FailureKind::Handshake, format!("no safe connection to {host}: it hung up when asked for TLS"))
    } else if error.is_connect() {
        (FailureKind::Connect, format!("{peer} cannot be connected to{}", why_not_connected(&error)))
    } else if error.is_builder() {
        (FailureKind::Configuration, "the request cannot be sent as it is".to_owned())
    } else {
        (FailureKind::Transport, format!("the connection to {host} broke before the answer came"))
    };
    Failure::new(kind, message).caused_by(Cause::of(error))
}

/// What the layer that asks a proxy for a tunnel says. Its type has no name outside of its crate, so it is known by how
/// its words begin; those of a connection that did not come about at all are left to the error below it.
fn refused_tunnel(error: &(dyn Error + 'static)) -> Option<String> {
    let said = chain(error).map(ToString::to_string).find(|said| said.starts_with("tunnel error: "))?;
    let answered = ["proxy authorization required", "unsuccessful", "unexpected end of file", "headers too long"];
    answered.iter().any(|how| said.ends_with(how)).then_some(said)
}

/// An error while the body arrived, after `received` bytes of it.
pub(crate) fn receiving(error: reqwest::Error, received: u64) -> Failure {
    let is_transport = find::<hyper::Error>(&error).is_some() || has_io(&error, &[io::ErrorKind::ConnectionReset]);
    let (kind, message) = if error.is_decode() && !is_transport {
        (FailureKind::BadBody, format!("the compressed body is broken or cut after {received} bytes of content"))
    } else {
        (FailureKind::Transport, format!("the connection broke after {received} bytes of the body"))
    };
    Failure::new(kind, message).caused_by(Cause::of(error))
}

/// The kind that a status of failure means. `asks_to_wait`: the answer had a `Retry-After`, or told of a limit that is
/// spent.
pub(crate) fn status_kind(status: StatusCode, asks_to_wait: bool) -> FailureKind {
    match status.as_u16() {
        429 => FailureKind::RateLimited,
        // Some APIs (GitHub) refuse with 403 what they would allow later, and then say when.
        503 | 403 if asks_to_wait => FailureKind::RateLimited,
        401 => FailureKind::Unauthorized,
        407 => FailureKind::ProxyRefused,
        403 => FailureKind::Forbidden,
        404 | 410 => FailureKind::NotFound,
        code @ (408 | 425 | 500..=599) => FailureKind::ServerError(code),
        code @ 400..=499 => FailureKind::Rejected(code),
        code => FailureKind::UnexpectedStatus(code),
    }
}

/// The kind of failure where a rule calls an answer of that status one that is to be asked for again.
pub(crate) fn failed_kind(status: StatusCode, asks_to_wait: bool) -> FailureKind {
    if status.is_success() { FailureKind::CalledFailure } else { status_kind(status, asks_to_wait) }
}

/// The status in words: `404 Not Found`.
pub(crate) fn show_status(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// The kind of failure in a word or two, for the reason of a wait.
pub(crate) fn in_short(kind: &FailureKind) -> String {
    match kind {
        FailureKind::RateLimited => "too many requests".to_owned(),
        FailureKind::ServerError(status) => format!("HTTP {status}"),
        FailureKind::Dns => "a name without address".to_owned(),
        FailureKind::Connect | FailureKind::Handshake => "a failed connection".to_owned(),
        FailureKind::Timeout => "a timeout".to_owned(),
        FailureKind::Transport => "a broken connection".to_owned(),
        FailureKind::BadBody => "a broken body".to_owned(),
        FailureKind::CalledFailure => "an answer that `responses` call a failure".to_owned(),
        FailureKind::Rejected(status) => format!("HTTP {status}"),
        _ => "a failure".to_owned(),
    }
}

/// The errors of the chain, the outermost first, also those that an [`io::Error`] carries.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        // The chain goes past the error that an io::Error carries, so it is looked at here.
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        carried.map(|carried| carried as &(dyn Error + 'static)).or_else(|| (**error).source())
    })
}

/// The first error of type `E` in the chain.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

/// Whether any error of the chain is of one of those kinds: layers wrap one in another of no kind.
fn has_io(error: &(dyn Error + 'static), kinds: &[io::ErrorKind]) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).any(|io| kinds.contains(&io.kind()))
}

fn hung_up(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    has_io(error, &[BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof])
}

fn why_not_connected(error: &(dyn Error + 'static)) -> &'static str {
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => ": nothing listens there",
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => ": there is no way to it",
        _ if hung_up(error) => ": it hung up at once",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn every_status_has_its_kind() {
        let cases = [
            (401, false, FailureKind::Unauthorized),
            (407, false, FailureKind::ProxyRefused),
            (403, false, FailureKind::Forbidden),
            (403, true, FailureKind::RateLimited),
            (404, false, FailureKind::NotFound),
            (410, false, FailureKind::NotFound),
            (408, false, FailureKind::ServerError(408)),
            (425, true, FailureKind::ServerError(425)),
            (429, false, FailureKind::RateLimited),
            (500, true, FailureKind::ServerError(500)),
            (503, false, FailureKind::ServerError(503)),
            (503, true, FailureKind::RateLimited),
            (529, false, FailureKind::ServerError(529)),
            (400, false, FailureKind::Rejected(400)),
            (422, true, FailureKind::Rejected(422)),
            (304, false, FailureKind::UnexpectedStatus(304)),
            (999, false, FailureKind::UnexpectedStatus(999)),
        ];
        for (status, asks, kind) in cases {
            assert_eq!(status_kind(StatusCode::from_u16(status).unwrap(), asks), kind, "{status}");
        }
    }

    #[test]
    fn an_error_is_found_inside_an_io_error() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inner));
        assert_eq!(find::<rustls::Error>(&error).map(tls::explain).as_deref(), Some("its certificate has expired"));
    }
}
