//! What stands in a body at a record path, without a document of it: a body may be a page of any size, and of its
//! records nothing is wanted here.

use std::cell::OnceCell;
use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use spile_expression::{RecordPath, Step};
use spile_plan::TextMatch;

/// Of a larger text no document is built: what an answer says beside its records is smaller by far.
const LARGEST_DOCUMENT: usize = 1024 * 1024;

/// A body, of which more is known the more is asked.
pub(super) struct Looked<'b> {
    text: &'b str,
    /// All of it, for paths with filters.
    document: OnceCell<Option<Value>>,
}

impl<'b> Looked<'b> {
    pub(super) fn at(body: &'b Bytes) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default();
        Self { text: text.strip_prefix('\u{feff}').unwrap_or(text), document: OnceCell::new() }
    }

    /// Whether `path` selects a value that looks as `wanted`.
    pub(super) fn has(&self, path: &RecordPath, wanted: Option<&TextMatch>) -> bool {
        let Some(steps) = path.steps() else {
            let document = self.document.get_or_init(|| document(self.text));
            return document.iter().flat_map(|document| path.select(document)).any(|value| looks_so(value, wanted));
        };
        let Some((found, rest)) = narrow(self.text, steps) else { return false };
        match document(found) {
            Some(value) => follow(&value, rest).into_iter().any(|value| looks_so(value, wanted)),
            // Too large for a document, and so neither empty nor one of the texts that are looked for.
            None => wanted.is_none() && rest.is_empty(),
        }
    }

    /// The first text or number that `path` selects.
    pub(super) fn scalar(&self, path: &RecordPath) -> Option<String> {
        let Some(steps) = path.steps() else {
            let document = self.document.get_or_init(|| document(self.text)).as_ref()?;
            return path.select(document).into_iter().find_map(as_text);
        };
        let (found, rest) = narrow(self.text, steps)?;
        follow(&document(found)?, rest).into_iter().find_map(as_text)
    }
}

fn document(text: &str) -> Option<Value> {
    (text.len() <= LARGEST_DOCUMENT).then(|| serde_json::from_str(text).ok()).flatten()
}

/// The text that the first steps lead to, as far as they name one place each, and the steps that are left.
fn narrow<'b, 's>(text: &'b str, steps: &'s [Step]) -> Option<(&'b str, &'s [Step])> {
    let mut found = text;
    for (at, step) in steps.iter().enumerate() {
        found = match step {
            Step::Key(key) => {
                let members: HashMap<std::borrow::Cow<'b, str>, &'b RawValue> = serde_json::from_str(found).ok()?;
                members.get(&**key)?.get()
            }
            Step::Index(index) => serde_json::from_str::<Vec<&'b RawValue>>(found).ok()?.get(*index)?.get(),
            Step::Each => return Some((found, &steps[at..])),
        };
    }
    Some((found, &[]))
}

fn follow<'v>(value: &'v Value, steps: &[Step]) -> Vec<&'v Value> {
    let mut found = vec![value];
    for step in steps {
        found = match step {
            Step::Key(key) => found.into_iter().filter_map(|value| value.get(&**key)).collect(),
            Step::Index(index) => found.into_iter().filter_map(|value| value.get(*index)).collect(),
            Step::Each => found.into_iter().flat_map(children).collect(),
        };
    }
    found
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

fn looks_so(value: &Value, wanted: Option<&TextMatch>) -> bool {
    match (value, wanted) {
        (Value::Null | Value::Bool(false), None) => false,
        (Value::String(text), None) => !text.is_empty(),
        (Value::Array(items), None) => !items.is_empty(),
        (Value::Object(members), None) => !members.is_empty(),
        (Value::Bool(true) | Value::Number(_), None) => true,
        (value, Some(wanted)) => as_text(value).is_some_and(|text| wanted.matches(&text)),
    }
}

/// A text, number or boolean as text.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
