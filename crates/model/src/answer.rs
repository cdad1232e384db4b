//! What the API's answers told, remembered with the rows that came of them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::CursorValue;

/// A request, as answers are remembered by it: two hashes, of which the first is that of all that makes rows of an answer
/// (the stream as the file describes it, its variables, whose credentials ask), the second that of the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RequestKey {
    /// Of what makes rows of its answer.
    pub stream: u64,
    /// Of the request.
    pub request: u64,
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}", self.stream, self.request)
    }
}

impl From<RequestKey> for String {
    fn from(key: RequestKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for RequestKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parsed = text.split_once('-').and_then(|(stream, request)| {
            let hash = |text: &str| u64::from_str_radix(text, 16).ok();
            Some(Self { stream: hash(stream)?, request: hash(request)? })
        });
        parsed.ok_or("not the key of a request")
    }
}

/// What an answer told. Where it stands in a stream's progress, the rows that came of it are in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its `ETag`, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its `Last-Modified`, as it came, where there is no `ETag` and it can be relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Until when it is fresh by the rules that the stream keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_until: Option<Timestamp>,
    /// The hash of its records; none where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<u64>,
    /// How many records it held.
    #[serde(default)]
    pub records: u64,
    /// The highest cursor among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorValue>,
    /// Where it said the next page is; none where it was the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextPage>,
    /// The number or offset at which it said nothing can be any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// How many records each page of the stream held that another one followed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<u64>,
}

/// Where a next page is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextPage {
    /// By its number.
    Page(u64),
    /// By the number of records before it.
    Offset(u64),
    /// By a token, as JSON text.
    Token(String),
    /// At a URL of its own.
    Url(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_stored_as_text_and_read_back() {
        let key = RequestKey { stream: 1, request: u64::MAX };
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, r#""0000000000000001-ffffffffffffffff""#);
        assert_eq!(serde_json::from_str::<RequestKey>(&text).unwrap(), key);
        assert!(serde_json::from_str::<RequestKey>(r#""x-1""#).is_err());
    }
}
