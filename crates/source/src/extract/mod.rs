//! A body → the ranges of its records, and the values that paging needs.
//!
//! Enters: a response. Leaves: [`Extracted`]: the body as valid UTF-8, where each record stands in it, and the
//! [`Signals`]. Invariant: all of the body was read and is one JSON value; a body that is broken anywhere is a failure
//! that says what came instead. Records stay text: whether their numbers fit and what their strings mean is decided
//! where they are typed.
//!
//! Simple paths (keys, indexes, `[*]`) are followed through the text in one pass (`route`, `slice`, `scan`); filters, slices and
//! `..` are asked of a document and found again in the text (`document`, `readable`). Where there are no records, what
//! there is instead is looked at (`survey`) and said (`trouble`, `nearest`).
//!
//! What happens to bodies that are not quite JSON:
//! * A byte order mark is taken off. UTF-16 and UTF-32 are refused by name.
//! * Bytes that are not UTF-8 become U+FFFD; the records that hold them become rejects, the others stay.
//! * Escapes of lone surrogates, numbers of any size and any depth of nesting inside a record pass: they are JSON. (Only
//!   a document holds no more than 128 levels.)
//! * A key that stands twice on the way to the records is followed twice; nothing is dropped.
//! * A null in the place of the records means none, unless the body holds an error beside it. An empty body is a page
//!   without records where the status says so (204, 205), and broken otherwise.

mod document;
mod nearest;
mod readable;
mod route;
mod scan;
mod signal;
mod slice;
mod survey;
mod text;
mod trouble;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use spile_expression::RecordPath;
use spile_http::{Response, StatusCode, header};
use spile_model::{ByteSize, Failure, FailureKind, Reject};
use spile_plan::MissingRecords;

use self::route::Route;
pub(crate) use self::signal::{Signal, Signals};
use self::text::Text;
use crate::cost::Costs;

/// The largest body of which a document is built. It takes up to 18 times as much memory, which is a gibibyte then.
const LARGEST_DOCUMENT: usize = 64 << 20;

/// Removes secrets from a text that is about to be quoted.
pub(crate) type Clean<'c> = &'c dyn Fn(&str) -> String;

/// What one response holds.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    pub(crate) body: Bytes,
    pub(crate) records: Vec<Range<u32>>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) signals: Signals,
}

/// What a pass over a body found.
#[derive(Default)]
struct Found {
    records: Vec<Range<u32>>,
    signals: Signals,
    reached: Reached,
}

/// How far the record path led.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    /// Nowhere.
    #[default]
    No,
    /// To a null.
    Null,
    /// To records, or to an empty list of them.
    Values,
}

/// Extracts the pages of one stream.
#[derive(Clone)]
pub(crate) struct Extractor {
    records: RecordPath,
    values: Vec<RecordPath>,
    missing: MissingRecords,
    /// The ways through the text, where all paths are simple.
    routes: Option<Vec<Route>>,
    costs: Arc<Costs>,
}

impl Extracted {
    /// Bytes that it takes in memory.
    pub(crate) fn weight(&self) -> u64 {
        let rejects: usize = self.rejects.iter().map(|reject| reject.record.len()).sum();
        (self.body.len() + size_of_val(self.records.as_slice()) + rejects) as u64
    }
}

impl Extractor {
    /// For records at `records` and signals at `values`, in their order.
    pub(crate) fn new(records: &RecordPath, values: Vec<RecordPath>, missing: MissingRecords) -> Self {
        let routes = route::routes(records, &values);
        Self { records: records.clone(), values, missing, routes, costs: Arc::new(Costs::Untold) }
    }

    /// Reads of each response what it cost, before its records are looked for: there are none where it refuses.
    pub(crate) fn settling(self, costs: Costs) -> Self {
        Self { costs: Arc::new(costs), ..self }
    }

    /// # Errors
    /// [`FailureKind::BadBody`], [`FailureKind::NoRecords`], [`FailureKind::ErrorInBody`], [`FailureKind::RateLimited`] or
    /// [`FailureKind::TooLarge`];
    /// messages may quote the body, after `clean` has removed the secrets from what is quoted.
    pub(crate) fn extract(&self, response: &Response, clean: Clean<'_>) -> Result<Extracted, Failure> {
        let content_type = response.header(header::CONTENT_TYPE);
        let says_empty = matches!(response.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        if says_empty && response.body.is_empty() {
            return Ok(Extracted::default());
        }
        let text = Text::new(&response.body).map_err(|encoding| trouble::not_utf8(&encoding, content_type, clean))?;
        self.extract_from(text, response, clean)
    }

    fn extract_from(&self, text: Text, response: &Response, clean: Clean<'_>) -> Result<Extracted, Failure> {
        let Some(valid) = text.valid() else { return self.extract_from(text.repaired(), response, clean) };
        let content_type = response.header(header::CONTENT_TYPE);
        // After the repair, which may make a body longer.
        self.check_size(valid.len())?;
        let found = self.find(valid).map_err(|error| trouble::not_json(valid, content_type, &error, clean))?;
        self.costs.settle(response, &found.signals)?;
        if found.records.is_empty()
            && self.missing == MissingRecords::Fail
            && let Some(failure) = trouble::without_records(valid, &self.records, found.reached, clean)
        {
            return Err(failure);
        }
        let (records, rejects) = text.divide(found.records);
        Ok(Extracted { body: text.into_body(), records, rejects, signals: found.signals })
    }

    fn check_size(&self, bytes: usize) -> Result<(), Failure> {
        let size = ByteSize(bytes as u64);
        let too_large = |message| Err(Failure::new(FailureKind::TooLarge, message));
        if u32::try_from(bytes).is_err() {
            return too_large(format!("a page of {size} cannot be read: one page holds at most 4 GiB"));
        }
        let complex = std::iter::once(&self.records).chain(&self.values).find(|path| path.steps().is_none());
        match complex {
            Some(path) if bytes > LARGEST_DOCUMENT => too_large(format!(
                "a page of {size} is too large for the path `{path}`: beyond {}, only paths of keys, indexes and `[*]` are \
                 followed",
                ByteSize(LARGEST_DOCUMENT as u64)
            )),
            _ => Ok(()),
        }
    }

    fn find(&self, text: &str) -> Result<Found, serde_json::Error> {
        match &self.routes {
            Some(routes) => slice::find(text, routes, self.values.len()),
            None => document::find(text, &self.records, &self.values),
        }
    }
}

#[cfg(test)]
mod tests;
