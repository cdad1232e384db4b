//! What happens during a run, as facts. The engine and the client emit them; the terminal, `--json` output, reports and
//! later the console consume them. Nobody parses log text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CursorValue, Notice, RunId, StreamName, Usage};

/// A fact about a run. Serialised with an `event` tag, one JSON object a line, by `--json`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// The run has its number and the destination is open.
    RunStarted {
        /// The pipeline's name.
        pipeline: String,
        /// The run's number.
        run: RunId,
        /// The streams that it reads, in the file's order.
        streams: Vec<StreamName>,
        /// Where the tables are, without credentials.
        destination: String,
    },
    /// A stream begins.
    StreamStarted {
        /// Which one.
        stream: StreamName,
        /// The cursor that it goes on from; none at a first or full read.
        #[serde(serialize_with = "as_shown")]
        cursor: Option<CursorValue>,
    },
    /// A request was answered (whatever its status).
    Responded {
        /// For which stream.
        stream: StreamName,
        /// HTTP status.
        status: u16,
        /// Bytes of the body, after decompression.
        bytes: u64,
        /// From sending to the last byte.
        #[serde(rename = "seconds", serialize_with = "as_seconds")]
        took: Duration,
    },
    /// The client waits, and why.
    Waiting {
        /// For which stream.
        stream: StreamName,
        /// `rate limit`, `Retry-After`, `backoff` …, as a person reads it.
        reason: String,
        /// For how long.
        #[serde(rename = "seconds", serialize_with = "as_seconds")]
        wait: Duration,
        /// Until when.
        until: Timestamp,
    },
    /// A request failed and is tried again.
    Retrying {
        /// For which stream.
        stream: StreamName,
        /// The try that comes now, counted from 1.
        attempt: u32,
        /// Why the last one failed.
        reason: String,
    },
    /// A page was read and typed.
    PageRead {
        /// Of which stream.
        stream: StreamName,
        /// Counted from 1.
        page: u64,
        /// Rows that go to the table.
        rows: u64,
        /// Rows that were in the table already and are left out.
        known: u64,
        /// Records that became rejects.
        rejected: u64,
        /// Bytes of the page.
        bytes: u64,
        /// Whether it is unchanged since an earlier run, so that its rows are in the table and nothing of it is loaded.
        unchanged: bool,
    },
    /// A table's columns changed.
    SchemaChanged {
        /// Of which stream.
        stream: StreamName,
        /// Which table.
        table: String,
        /// One change in words: `new column "tier" text`, `"amount" int → float`.
        change: String,
    },
    /// Rows and progress are durable.
    Committed {
        /// Of which stream.
        stream: StreamName,
        /// Rows committed with it.
        rows: u64,
        /// The cursor from now on.
        #[serde(serialize_with = "as_shown")]
        cursor: Option<CursorValue>,
    },
    /// A stream ended.
    StreamFinished(StreamReport),
    /// The API tells of its own decay: once for each stream and notice.
    Notice {
        /// For which stream.
        stream: StreamName,
        /// Method and path of the request that it was told of.
        endpoint: String,
        /// What was told.
        #[serde(flatten)]
        notice: Notice,
    },
    /// Something that deserves a look but stops nothing.
    Warning {
        /// The stream, where there is one.
        stream: Option<StreamName>,
        /// What, and what to do.
        message: String,
    },
}

/// The outcome of one stream of a run.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// Which stream.
    pub stream: StreamName,
    /// How it ended.
    pub outcome: Outcome,
    /// Its main table.
    pub table: String,
    /// Rows committed.
    pub rows: u64,
    /// Rows left out because the table had them.
    pub known: u64,
    /// Records that became rejects.
    pub rejected: u64,
    /// Pages read.
    pub pages: u64,
    /// Pages among them that were unchanged since an earlier run, so that nothing of them was loaded.
    pub unchanged: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Bytes received, after decompression.
    pub bytes: u64,
    /// Time spent waiting for limits and backoff.
    #[serde(rename = "waited_seconds", serialize_with = "as_seconds")]
    pub waited: Duration,
    /// What its requests came to, by endpoint.
    pub endpoints: Vec<Usage>,
    /// From its start to its end.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub took: Duration,
    /// The committed cursor.
    #[serde(serialize_with = "as_shown")]
    pub cursor: Option<CursorValue>,
    /// What stopped it.
    pub error: Option<String>,
    /// What can be done about the error.
    pub remedy: Option<String>,
}

/// How a stream or a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Read to its end and committed.
    Succeeded,
    /// Stopped by an error; what was committed stays.
    Failed,
    /// Stopped by the user, or by the run's budget; what was committed stays.
    Interrupted,
}

impl Outcome {
    /// How a whole ended whose parts ended so: as the least fortunate of them.
    pub fn together(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::Succeeded, |whole, part| match (whole, part) {
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Interrupted, _) | (_, Self::Interrupted) => Self::Interrupted,
            (Self::Succeeded, Self::Succeeded) => Self::Succeeded,
        })
    }

    /// The word stored in `_spile_runs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Where events go. Cheap to clone; emitting never blocks for long and never fails.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(RunEvent) + Send + Sync>);

impl Events {
    /// Events go to `consumer`, which is called from any thread.
    pub fn to(consumer: impl Fn(RunEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(consumer))
    }

    /// Nobody listens.
    pub fn nowhere() -> Self {
        Self::to(|_| {})
    }

    /// Tells the consumer.
    pub fn emit(&self, event: RunEvent) {
        (self.0)(event);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

pub(crate) fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// A cursor as people and requests write it; the state's own form, which tells its kind, is nobody's business outside.
fn as_shown<S: serde::Serializer>(cursor: &Option<CursorValue>, serializer: S) -> Result<S::Ok, S::Error> {
    match cursor {
        None => serializer.serialize_none(),
        Some(CursorValue::Int(number)) => serializer.serialize_i64(*number),
        Some(other) => serializer.collect_str(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_ends_as_the_least_fortunate_of_its_parts() {
        use Outcome::{Failed, Interrupted, Succeeded};
        for (parts, whole) in [
            (&[][..], Succeeded),
            (&[Succeeded, Interrupted], Interrupted),
            (&[Interrupted, Failed, Succeeded], Failed),
        ] {
            assert_eq!(Outcome::together(parts.iter().copied()), whole);
        }
    }

    #[test]
    fn a_cursor_is_told_as_people_write_it() {
        for (cursor, shown) in [
            (Some(CursorValue::Timestamp(1_706_313_600_000_000)), "\"2024-01-27T00:00:00Z\""),
            (Some(CursorValue::Date(1)), "\"1970-01-02\""),
            (Some(CursorValue::Int(17)), "17"),
            (Some(CursorValue::Text("17".to_owned())), "\"17\""),
            (None, "null"),
        ] {
            let event = RunEvent::Committed { stream: StreamName::new("a"), rows: 1, cursor };
            let line = serde_json::to_string(&event).unwrap();
            assert_eq!(line, format!(r#"{{"event":"committed","stream":"a","rows":1,"cursor":{shown}}}"#));
        }
    }
}
