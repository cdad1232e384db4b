//! What an API tells of its own decay: that an endpoint or a version is deprecated, and when it ends.

use jiff::Timestamp;
use serde::Serialize;

/// What an API tells of its own decay.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// Since when it is deprecated, or when it ends; may lie in the past or in the future.
    pub date: Option<Timestamp>,
    /// In words, without secrets.
    pub message: String,
    /// Where the API says more about it, without secrets.
    pub link: Option<String>,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The endpoint will stop working (RFC 8594).
    Sunset,
    /// The endpoint, or the version that was asked for, is deprecated or will be (RFC 9745).
    Deprecation,
    /// Another version answered than was asked for.
    Version,
    /// What the API warns of in words (`Warning`, RFC 7234).
    Warning,
}

/// A notice and where it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// For which stream.
    pub stream: crate::StreamName,
    /// Method and path of the request that it was first told of, without secrets.
    pub endpoint: String,
    /// What was told.
    pub notice: Notice,
}
