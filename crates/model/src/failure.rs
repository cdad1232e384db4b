//! What can go wrong while a pipeline runs, and what follows from each kind: whether it is worth another try, and what
//! the person at the terminal can do. Both are one exhaustive table, so that a new kind cannot be forgotten.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{PartitionKey, StreamName};

/// A failure with the place where it happened.
#[derive(Debug)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// In which stream, where one was at work.
    pub stream: Option<StreamName>,
    /// In which partition.
    pub partition: Option<PartitionKey>,
    /// At which page, counted from 1.
    pub page: Option<u64>,
    /// What happened, in one sentence, without secrets.
    pub message: String,
    /// What caused it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A template did not render, or a value from the pipeline file turned out unusable at run time.
    Configuration,
    /// The host's name has no address.
    Dns,
    /// The host leads to an address that the pipeline file does not name: a private one, or a cloud's metadata.
    AddressRefused,
    /// Nobody answers at the address.
    Connect,
    /// The TLS handshake failed: certificate, protocol or name.
    Tls,
    /// What answers where TLS was expected speaks something else, most likely plain HTTP.
    NotTls,
    /// The server wants a client certificate, or refuses the one that was shown.
    ClientCertificate,
    /// The proxy on the way wants credentials, or other ones (407).
    ProxyRefused,
    /// The server hung up in the TLS handshake: it has none, or something on the way has cut it.
    Handshake,
    /// An address that is not at the pipeline's own origin.
    OtherOrigin,
    /// No answer, or no further byte of it, in time.
    Timeout,
    /// The connection broke or the body was shorter or longer than announced.
    Transport,
    /// The API refused the credentials (401).
    Unauthorized,
    /// The server that gives out tokens refused to give one, or gave what is none.
    TokenRefused,
    /// A person has to log in: nobody has yet, or what they allowed has ended.
    LoginNeeded,
    /// The refresh token of the pipeline file is taken no more.
    RefreshTokenRefused,
    /// The API forbids this (403).
    Forbidden,
    /// There is no such thing (404, 410).
    NotFound,
    /// Too many requests (429, or 503 with Retry-After).
    RateLimited,
    /// The API failed (5xx, 408, 425).
    ServerError(u16),
    /// The API has been down for longer than a run waits.
    Down,
    /// The API refused the request (another 4xx).
    Rejected(u16),
    /// An answer that the pipeline file calls a failure, with a message of its own.
    CalledFailure,
    /// An answer with a status that means neither success nor failure here (1xx, an unfollowed 3xx).
    UnexpectedStatus(u16),
    /// The body is not what it should be: not JSON, HTML, cut, wrongly encoded.
    BadBody,
    /// The body is larger than the limit.
    TooLarge,
    /// The record path matches nothing in the response.
    NoRecords,
    /// The answer's status is one of success, but it holds an error in the place of records.
    ErrorInBody,
    /// Paging does not advance.
    PagingLoop,
    /// The cursor field holds values that cannot be compared.
    Cursor,
    /// Another process has the destination open.
    DestinationLocked,
    /// The folder that the destination's file is to be in does not exist.
    DestinationMissing,
    /// What lies at the destination's place is something else.
    DestinationForeign,
    /// The destination has no room.
    DestinationFull,
    /// The destination may not take as much memory as it needs.
    DestinationMemory,
    /// The destination's table cannot take what arrived (a column that cannot be widened).
    DestinationSchema,
    /// The stored state is not what this run started from: somebody else has written.
    StateConflict,
    /// Any other error of the destination.
    Destination,
    /// A credential cannot be had from the place that the pipeline file names.
    Credential,
    /// The secret store cannot be read or written, or its key does not fit.
    SecretStore,
    /// There is no room where the secret store is.
    SecretStoreFull,
    /// There is no secret store, and something must be kept in one.
    NoSecretStore,
    /// Nobody keeps a system keyring where this runs: no bus of a session, or no service on it.
    NoKeyring,
    /// The system keyring is locked, and nobody unlocked it in time.
    KeyringLocked,
    /// A local file could not be read or written (spooling).
    Io,
    /// The run has sent or spent as much as the pipeline file allows it.
    BudgetSpent,
    /// The archive cannot be written or read.
    Archive,
    /// The recorded run did not ask this.
    NotRecorded,
    /// The recorded run came to its end before it asked this: it was killed, or failed.
    RecordingEnds,
    /// A recorded run cannot be replayed into this destination: its rows would double, or its progress go back.
    ReplayPlace,
    /// The user asked to stop.
    Interrupted,
}

/// Whether another try can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would fail in the same way.
    Never,
    /// After backoff, if the request may be repeated.
    Backoff,
    /// After backoff, whatever the request was: it was refused before it had any effect.
    Always,
}

impl FailureKind {
    /// Whether another try can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Dns | Self::Connect | Self::Handshake | Self::RateLimited => Retry::Always,
            Self::Timeout | Self::Transport | Self::ServerError(_) | Self::BadBody => Retry::Backoff,
            Self::Configuration
            | Self::AddressRefused
            | Self::Tls
            | Self::NotTls
            | Self::ClientCertificate
            | Self::ProxyRefused
            | Self::OtherOrigin
            | Self::Unauthorized
            | Self::TokenRefused
            | Self::LoginNeeded
            | Self::RefreshTokenRefused
            | Self::Forbidden
            | Self::NotFound
            | Self::Down
            | Self::Rejected(_)
            | Self::CalledFailure
            | Self::UnexpectedStatus(_)
            | Self::TooLarge
            | Self::NoRecords
            | Self::ErrorInBody
            | Self::PagingLoop
            | Self::Cursor
            | Self::DestinationLocked
            | Self::DestinationMissing
            | Self::DestinationForeign
            | Self::DestinationFull
            | Self::DestinationMemory
            | Self::DestinationSchema
            | Self::StateConflict
            | Self::Destination
            | Self::Credential
            | Self::SecretStore
            | Self::SecretStoreFull
            | Self::NoSecretStore
            | Self::NoKeyring
            | Self::KeyringLocked
            | Self::Io
            | Self::BudgetSpent
            | Self::Archive
            | Self::NotRecorded
            | Self::RecordingEnds
            | Self::ReplayPlace
            | Self::Interrupted => Retry::Never,
        }
    }

    /// What the person at the terminal can do.
    #[allow(clippy::too_many_lines, reason = "one exhaustive table, so that no kind is forgotten")]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Configuration => "correct the pipeline file at the named place",
            Self::Dns => "check the host name in the URL, and that this machine can resolve names",
            Self::AddressRefused => {
                "if the host is there on purpose, name it as the message says; otherwise find out who answers for its name"
            }
            Self::Connect => "check host and port in the URL, and that nothing on the way (firewall, proxy) refuses",
            Self::Tls => {
                "check the host name and the server's certificate; a private authority must be trusted by this machine, or be named in `source.tls.ca`"
            }
            Self::NotTls => {
                "write `base_url` with http:// if the API has no TLS at this port, or name the port that has"
            }
            Self::ClientCertificate => {
                "check `source.tls.client_certificate` and `client_key`: is it the certificate that the API gave out or knows, with those between it and its authority, and has it not expired?"
            }
            Self::ProxyRefused => {
                "check the user name and password of `source.proxy`, or those in the environment's HTTPS_PROXY; `proxy: none` goes without one"
            }
            Self::Handshake => {
                "write `base_url` with http:// if the API has no TLS at this port; if it has, see whether a firewall or proxy on the way cuts it"
            }
            Self::OtherOrigin => {
                "if the API lives there, name it in `base_url`; if it only serves what needs no credential, in `allowed_origins`; or let `pagination` go by number, offset or token instead of by URLs"
            }
            Self::Timeout => "run again; if it happens often, raise `timeouts` or ask for smaller pages",
            Self::Transport => "run again: what was committed is kept and the rest is read anew",
            Self::Unauthorized => {
                "check the credential that `auth` uses: is the variable set, is it current, is it for this API?"
            }
            Self::TokenRefused => {
                "check what `auth` sends to the server that gives out tokens: are its credentials current, and may they have what is asked for?"
            }
            Self::LoginNeeded => {
                "run `spile login` with this pipeline file, then run again: what was committed is kept"
            }
            Self::RefreshTokenRefused => {
                "get a new refresh token where the first one came from and put it into its variable: it is used as soon as it is another; or let `spile login` ask for one (`auth.oauth2.login`)"
            }
            Self::Forbidden => "the credential is known but may not read this: check its scopes or permissions",
            Self::NotFound => "check `base_url` and `path`; `spile preview` shows the request as it is sent",
            Self::RateLimited => "lower `rate_limit` or `concurrency`, or raise `retries.max_wait`; then run again",
            Self::ServerError(_) => "the API has a problem of its own: run again later; what was committed is kept",
            Self::Down => {
                "run again when the API is back: what was committed is kept; or raise `retries.outage.give_up`"
            }
            Self::Rejected(_) => {
                "the API does not accept the request: compare it (`spile preview`) with the API's documentation"
            }
            Self::CalledFailure => "do what the message says; the stream's `responses` call this answer a failure",
            Self::UnexpectedStatus(_) => {
                "check `base_url`: a redirect often means http instead of https, or a login page"
            }
            Self::BadBody => {
                "look at the response with `spile preview`: is `base_url` the API and not its website? If it was cut, run again"
            }
            Self::TooLarge => "ask for smaller pages, or raise `limits.body`",
            Self::NoRecords => "correct `records`; `spile preview` shows the response",
            Self::ErrorInBody => {
                "the API refuses although its status says success: do what its error asks for, then run again; if it is none, `missing_records: empty` takes such an answer for an empty page"
            }
            Self::PagingLoop => "check `pagination`: the parameter may have another name, or the token another place",
            Self::Cursor => {
                "choose a `cursor.field` whose values are all of one kind: numbers, timestamps, dates or text"
            }
            Self::DestinationLocked => "wait for the other process, or end it; two runs cannot write one database file",
            Self::DestinationMissing => "make the folder, or name another file in `destination`",
            Self::DestinationForeign => "move the file away, or name another one in `destination`",
            Self::DestinationFull => "make room, then run again: what was committed is kept",
            Self::DestinationMemory => {
                "raise the destination's `memory`, or leave it out: then it follows what the rows need; if it is not set, commit less at once (`commit`), or run where there is more memory"
            }
            Self::DestinationSchema => "change the table, or what the pipeline says of it (`table`, `columns`)",
            Self::StateConflict => "run again: it starts from the state that is there now",
            Self::Destination => "remove the cause, then run again: what was committed is kept",
            Self::Credential => "check that the credential is there, and that this user may read it",
            Self::SecretStore => {
                "check that the secret store is there, that this user may read and write it, and that its key is the right one; `spile secret list` tries it"
            }
            Self::SecretStoreFull => "make room where the secret store and its key are, then run again",
            Self::NoSecretStore => "set one up with `spile secret set`, or name one in the pipeline file (`secrets`)",
            Self::NoKeyring => {
                "run it in the session of a desktop; where there is none (a server, cron, a container), keep secrets in an encrypted file (`secrets: age:FILE`) or in the environment (`env`): see docs/credentials.md"
            }
            Self::KeyringLocked => {
                "unlock it (log in at the desktop, or open its program for passwords), then run again; where nobody is there to do so, keep secrets in an encrypted file (`secrets: age:FILE`)"
            }
            Self::Io => "check the temporary folder's space and permissions",
            Self::BudgetSpent => {
                "run again to go on; if a stream keeps its progress only at its end, raise `budget` so that one run gets there"
            }
            Self::Archive => "check the archive's folder: its space, its permissions, that it is whole; then run again",
            Self::NotRecorded => {
                "take back what has changed of the request (its paging and cursor too); if its address has a secret variable's value \
                 in it, give that by `--set`; or record anew"
            }
            Self::RecordingEnds => {
                "nothing is lost that was recorded: what comes behind it is in later runs, if they were recorded (`spile replay --list`)"
            }
            Self::ReplayPlace => "name an empty database (`--to FILE`), or forget what is there (`spile state reset`)",
            Self::Interrupted => "run again to go on",
        }
    }
}

impl Failure {
    /// A failure of that kind, not yet placed.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, stream: None, partition: None, page: None, message: message.into(), source: None }
    }

    /// With what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// At this stream, unless a place is known already.
    #[must_use]
    pub fn in_stream(mut self, stream: &StreamName) -> Self {
        self.stream.get_or_insert_with(|| stream.clone());
        self
    }

    /// At this page, unless a place is known already.
    #[must_use]
    pub fn at_page(mut self, page: u64) -> Self {
        self.page.get_or_insert(page);
        self
    }

    /// The chain of causes below the message, outermost first; one that only repeats the one above it is left out.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next: Option<&(dyn Error + 'static)> = self.source.as_deref().map(|source| source as _);
        while let Some(error) = next {
            let text = error.to_string();
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            next = error.source();
        }
        causes
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stream) = &self.stream {
            write!(f, "stream `{stream}`")?;
            if let Some(page) = self.page {
                write!(f, ", page {page}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
