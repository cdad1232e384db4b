//! A page of records, and the records that did not fit.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::{Answer, PartitionKey, RequestKey, StreamName};

/// The records of one response, as validated JSON text.
///
/// This is the one interface between the rooms that read (`source`, later `webhook`) and the one that types
/// (`columnar`): whatever the response's format was, each record is a slice of `body` that holds one well-formed JSON
/// value in UTF-8. A body that is broken anywhere never becomes a page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Which stream.
    pub stream: StreamName,
    /// Which partition of it.
    pub partition: PartitionKey,
    /// Counted from 1 within the partition.
    pub number: u64,
    /// The request that brought it, without secrets: for messages and rejects.
    pub request: Arc<str>,
    /// When the response had arrived.
    pub received_at: Timestamp,
    /// The text that `records` points into. It may be a mapped file.
    pub body: Bytes,
    /// Where each record stands in `body`, in the response's order.
    pub records: Vec<Range<u32>>,
    /// Records that could already not be read (broken encoding).
    pub rejects: Vec<Reject>,
    /// Whether the partition ends with this page.
    pub last: bool,
    /// What its answer told, to be remembered together with its rows; none where the stream is not cached.
    pub answer: Option<(RequestKey, Answer)>,
    /// Whether the table has the rows of this very answer, from an earlier run: then no records are here.
    pub unchanged: bool,
}

/// A page is typed in parts of about this much text, so that a page of a gibibyte needs no more memory than one of
/// this size; and small enough that no column's text nears the 2 GiB that an Arrow array holds. (One record is never
/// divided, and a page is below 2 GiB.)
pub const PART_BYTES: usize = 8 << 20;

impl Page {
    /// The records in parts of about [`PART_BYTES`], in order; one empty part for a page without records.
    pub fn parts(&self) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (index, range) in self.records.iter().enumerate() {
            bytes += range.len();
            if bytes >= PART_BYTES {
                parts.push(start..index + 1);
                (start, bytes) = (index + 1, 0);
            }
        }
        if start < self.records.len() || parts.is_empty() {
            parts.push(start..self.records.len());
        }
        parts
    }

    /// The text of the record at `index`, which must be below `records.len()`.
    pub fn record(&self, index: usize) -> &[u8] {
        let range = &self.records[index];
        &self.body[range.start as usize..range.end as usize]
    }
}

/// A record that did not fit, kept with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// What did not fit, where, and what can be done.
    pub reason: String,
    /// The record's text as it came.
    pub record: String,
    /// Whether the record's row was loaded all the same, and this entry keeps what the table could not.
    pub loaded: bool,
}
