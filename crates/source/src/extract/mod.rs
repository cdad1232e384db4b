//! A body → the ranges of its records, and the values that paging needs.
//!
//! Enters: a response. Leaves: [`Extracted`]: the body as valid UTF-8, where each record stands in it, and the
//! [`Signals`]. Invariant: all of the body was read and is one JSON value; a body that is broken anywhere is a failure
//! that says what came instead. Records stay text: whether their numbers fit and what their strings mean is decided
//! where they are typed.
//!
//! Simple paths (keys, indexes, `[*]`) are followed through the text in one pass (`route`, `slice`); filters, slices and `..`
//! are asked of a document and found again in the text (`document`).
//!
//! What happens to bodies that are not quite JSON:
//! * A byte order mark is taken off. UTF-16 and UTF-32 are refused by name.
//! * Bytes that are not UTF-8 become U+FFFD; the records that hold them become rejects, the others stay.
//! * Escapes of lone surrogates, numbers of any size and any depth of nesting inside a record pass: they are JSON.
//! * A key that stands twice on the way to the records is followed twice; nothing is dropped.
//! * A null in the place of the records means none. An empty body is a page without records where the status says so
//!   (204, 205), and broken otherwise.

mod document;
mod route;
mod signal;
mod slice;
mod text;
mod trouble;

use std::ops::Range;

use bytes::Bytes;
use spile_expression::RecordPath;
use spile_http::{Response, StatusCode, header};
use spile_model::{ByteSize, Failure, FailureKind, Reject};
use spile_plan::MissingRecords;

use self::route::Route;
pub(crate) use self::signal::{Signal, Signals};
use self::text::Text;

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
    /// The record path led somewhere, if only to a null or an empty list.
    reached: bool,
}

/// Extracts the pages of one stream.
#[derive(Clone)]
pub(crate) struct Extractor {
    records: RecordPath,
    values: Vec<RecordPath>,
    missing: MissingRecords,
    /// The ways through the text, where all paths are simple.
    routes: Option<Vec<Route>>,
}

impl Extractor {
    /// For records at `records` and signals at `values`, in their order.
    pub(crate) fn new(records: &RecordPath, values: Vec<RecordPath>, missing: MissingRecords) -> Self {
        let routes = route::routes(records, &values);
        Self { records: records.clone(), values, missing, routes }
    }

    /// # Errors
    /// [`FailureKind::BadBody`], [`FailureKind::NoRecords`] or [`FailureKind::TooLarge`]; messages may quote the body,
    /// after `clean` has removed the secrets from what is quoted.
    pub(crate) fn extract(&self, response: &Response, clean: Clean<'_>) -> Result<Extracted, Failure> {
        let content_type = response.header(header::CONTENT_TYPE);
        let says_empty = matches!(response.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        if says_empty && response.body.is_empty() {
            return Ok(Extracted::default());
        }
        let text = Text::new(&response.body).map_err(|encoding| trouble::not_utf8(&encoding, content_type, clean))?;
        self.extract_from(text, content_type, clean)
    }

    fn extract_from(&self, text: Text, content_type: Option<&str>, clean: Clean<'_>) -> Result<Extracted, Failure> {
        let Some(valid) = text.valid() else { return self.extract_from(text.repaired(), content_type, clean) };
        // After the repair, which may make a body longer.
        if u32::try_from(valid.len()).is_err() {
            let message =
                format!("a page of {} cannot be read: one page holds at most 4 GiB", ByteSize(valid.len() as u64));
            return Err(Failure::new(FailureKind::TooLarge, message));
        }
        let found = self.find(valid).map_err(|error| trouble::not_json(valid, content_type, &error, clean))?;
        if !found.reached && self.missing == MissingRecords::Fail {
            return Err(trouble::no_records(valid, &self.records, clean));
        }
        let (records, rejects) = text.divide(found.records);
        Ok(Extracted { body: text.into_body(), records, rejects, signals: found.signals })
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
