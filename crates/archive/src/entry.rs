//! The lines of an index: what a run was, what it started from, and its exchanges in the order in which they ended.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spile_model::event::Outcome;
use spile_model::{Checkpoint, FailureKind, RunId, StreamName};

use crate::bodies::BodyRef;

/// One line of an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    Run(Head),
    Stream(StreamStart),
    Exchange(Attempt),
    Unanswered(Unanswered),
    /// A page was made of the exchange of that number.
    Used(u64),
    Reached(Reached),
    End(RunEnd),
}

/// What a run was: the first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// See [`crate::FORMAT`].
    pub format: u32,
    /// The version of Spile that recorded it.
    pub version: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline file, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The run's number in the destination that it wrote to.
    pub run: RunId,
    /// When it started.
    pub started_at: Timestamp,
    /// The values of the pipeline's variables, but for the secret ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
    /// Whose credentials asked, as a number, where answers were remembered: a replay has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<u64>,
}

/// What a stream started from: requests depend on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamStart {
    /// Which stream.
    pub stream: StreamName,
    /// The progress that was stored.
    pub checkpoint: Checkpoint,
    /// It was read from the beginning, whatever was stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_beginning: bool,
    /// Its table was there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_table: bool,
    /// How its answers were remembered, if they were: what was asked depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cached>,
}

/// How the answers of a stream were remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// When one stood for a new one without asking.
    pub reuse: Reused,
    /// So many pages were remembered at most.
    pub pages: NonZeroUsize,
}

/// When an answer stood for a new one without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reused {
    /// Never.
    Never,
    /// While it was fresh by what the API said itself.
    Fresh,
    /// Also where the API said nothing.
    Heuristic,
}

/// One try of a request, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted over the run, from 1, in the order in which tries ended.
    pub number: u64,
    /// For which stream.
    pub stream: StreamName,
    /// What was asked.
    pub asked: Asked,
    /// What came.
    pub tried: Tried,
}

/// A request, without credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Equal requests have equal keys.
    pub key: Key,
    /// GET, POST …
    pub method: String,
    /// Where.
    pub url: String,
    /// The headers that the pipeline asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// What was sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyRef>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tried {
    /// A complete answer with a status of success.
    Answered(Answered),
    /// None, or one that refuses.
    Failed {
        /// How.
        kind: FailureKind,
        /// In words.
        message: String,
    },
}

/// A complete answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// 200 to 299, or what the stream's rules take for one of those.
    pub status: u16,
    /// What answered: where redirects led.
    pub url: String,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: BodyRef,
    /// When its last byte had arrived.
    pub received_at: Timestamp,
    /// The stream's rules took it for the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
}

/// An exchange that brought no answer with a status of success (a refusal, a redirect, a broken connection), as it was:
/// for people, replaying does not need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// Method and URL.
    pub request: String,
    /// As sent, credentials left out.
    pub request_headers: Vec<(String, String)>,
    /// The answer's status in words; none where no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The answer's headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// How its body begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A stream has come to other progress, which is committed at some time after this, or never: from what the next run
/// starts from, it can be told how far a run that was killed had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Which stream.
    pub stream: StreamName,
    /// With so many pages.
    pub pages: u64,
    /// To this progress, by its hash.
    pub progress: u64,
}

/// How a run ended: the last line. A run that was killed has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When.
    pub finished_at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// How its streams ended.
    pub streams: Vec<StreamEnd>,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamEnd {
    /// Which stream.
    pub stream: StreamName,
    /// How.
    pub outcome: Outcome,
    /// Pages that were read and written.
    pub pages: u64,
    /// What it failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// At which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
}

/// Names a request: the hash of all that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Key([u8; 32]);

impl Key {
    /// The key of a request that consists of these parts.
    pub fn of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            // With its length, so that no two lists of parts run together.
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Its beginning, where there is no room for the whole.
    pub fn short(&self) -> u64 {
        let Self([a, b, c, d, e, f, g, h, ..]) = *self;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        blake3::Hash::from_bytes(key.0).to_hex().as_str().to_owned()
    }
}

impl TryFrom<String> for Key {
    type Error = blake3::HexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_where_one_part_ends_and_the_next_begins() {
        assert_ne!(Key::of([&b"ab"[..], b"c"]), Key::of([&b"a"[..], b"bc"]));
        assert_eq!(Key::of([&b"ab"[..]]), Key::of([&b"ab"[..]]));
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let asked = Asked {
            key: Key::of([&b"x"[..]]),
            method: "GET".to_owned(),
            url: "https://api.test/".to_owned(),
            headers: Vec::new(),
            body: None,
        };
        let tried = Tried::Failed { kind: FailureKind::ServerError(503), message: "answered with 503".to_owned() };
        let entry = Entry::Exchange(Attempt { number: 1, stream: StreamName::new("a"), asked, tried });
        let line = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
    }
}
