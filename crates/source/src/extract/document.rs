//! The general way: a document is built, the paths are asked of it, and what they select is found again in the text, so
//! that its numbers and strings stay as they were written.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use spile_expression::RecordPath;

use super::readable::readable;
use super::signal::{Signal, Signals};
use super::{Found, Reached, slice};

/// Reads all of `text`. A document has at most 128 levels: a deeper body is an error here.
pub(super) fn find(text: &str, records: &RecordPath, values: &[RecordPath]) -> Result<Found, serde_json::Error> {
    // JSON that is none is told apart by its own errors, and looked at as it came.
    let whole = serde_json::from_str::<&RawValue>(text)?;
    let readable = readable(whole.get());
    let document: Value = serde_json::from_str(&readable)?;
    let selected = records.select(&document);
    let signals: Vec<Option<&Value>> = values.iter().map(|path| path.select(&document).first().copied()).collect();
    let wanted = selected.iter().copied().chain(signals.iter().copied().flatten());
    let mut places = Places { text: &readable, wanted: wanted.map(|value| (identity(value), None)).collect() };
    places.look(&document, &readable)?;
    // The readable text has the same places as the whole one.
    let raw = |value: &Value| Some(&whole.get()[places.wanted.get(&identity(value))?.clone()?]);

    let mut found = Found { signals: Signals::none(values.len()), ..Found::default() };
    if selected.is_empty() && leads_somewhere(records, &document) {
        found.reached = Reached::Values;
    }
    for (index, value) in signals.into_iter().enumerate() {
        if let Some(raw) = value.and_then(raw) {
            found.signals.put(index, Signal::from_json(raw));
        }
    }
    for raw in selected.into_iter().filter_map(raw) {
        slice::records_of(text, raw, &mut found)?;
    }
    Ok(found)
}

/// Whether the longest simple beginning of a path selects something: a filter that no record meets leaves an empty
/// page, while a list that is not there is a mistake.
fn leads_somewhere(path: &RecordPath, document: &Value) -> bool {
    let source = path.source();
    let ends = source.char_indices().rev().filter(|(_, c)| matches!(c, '[' | '.')).map(|(at, _)| at);
    let beginnings = ends.filter_map(|end| RecordPath::compile(&source[..end]).ok());
    let simple = beginnings.into_iter().find(|beginning| beginning.steps().is_some());
    simple.is_some_and(|beginning| match beginning.steps() {
        // Not simple from its very beginning (`$[?@.a]`, `$..id`): a list at the top is what it speaks of.
        Some([]) => document.is_array(),
        _ => !beginning.select(document).is_empty(),
    })
}

/// A value of the document is known by its address; the document does not move while this is used.
fn identity(value: &Value) -> *const Value {
    value
}

/// Walks document and text side by side and notes where the wanted values stand.
struct Places<'t> {
    text: &'t str,
    wanted: HashMap<*const Value, Option<Range<usize>>>,
}

impl<'t> Places<'t> {
    fn look(&mut self, value: &Value, raw: &'t str) -> Result<(), serde_json::Error> {
        if let Some(place) = self.wanted.get_mut(&identity(value)) {
            let start = raw.as_ptr() as usize - self.text.as_ptr() as usize;
            // Of a key that stands twice, the document holds the last value, and the last one's place is noted.
            *place = Some(start..start + raw.len());
        }
        match value {
            Value::Array(elements) => {
                let raws = serde_json::Deserializer::from_str(raw).deserialize_seq(RawElements)?;
                elements.iter().zip(raws).try_for_each(|(element, raw)| self.look(element, raw))
            }
            Value::Object(members) => {
                let raws = serde_json::Deserializer::from_str(raw).deserialize_map(RawMembers)?;
                raws.into_iter().try_for_each(|(key, raw)| match members.get(&key) {
                    Some(member) if same_kind(member, raw) => self.look(member, raw),
                    _ => Ok(()),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether `raw` can be the text of `value`: it is not where its key stands again later with another value.
fn same_kind(value: &Value, raw: &str) -> bool {
    match raw.as_bytes().first() {
        Some(b'{') => value.is_object(),
        Some(b'[') => value.is_array(),
        _ => !value.is_object() && !value.is_array(),
    }
}

struct RawElements;

impl<'t> Visitor<'t> for RawElements {
    type Value = Vec<&'t str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut raws = Vec::new();
        while let Some(raw) = elements.next_element::<&'t RawValue>()? {
            raws.push(raw.get());
        }
        Ok(raws)
    }
}

struct RawMembers;

impl<'t> Visitor<'t> for RawMembers {
    type Value = Vec<(String, &'t str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut raws = Vec::new();
        while let Some((key, raw)) = members.next_entry::<String, &'t RawValue>()? {
            raws.push((key, raw.get()));
        }
        Ok(raws)
    }
}
