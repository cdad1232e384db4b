//! One pass through a body's text along simple paths: records and signals become ranges, everything else is only
//! checked to be JSON.
//!
//! The way is a small tree of keys and indexes (`route`). Values that lie off it, and records themselves, are skipped by the JSON
//! reader without being built. To know what a member holds before reading it, its first byte is looked at: a key is
//! read as raw text, so the value's place in the body follows from the key's.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::route::{Node, Route, Take};
use super::signal::{Signal, Signals};
use super::{Found, Reached};

/// Reads all of `text`, which must be one JSON value.
pub(super) fn find(text: &str, routes: &[Route], signals: usize) -> Result<Found, serde_json::Error> {
    let found = Found { signals: Signals::none(signals), ..Found::default() };
    let mut walk = Walk { text, found };
    for route in routes {
        let mut reader = serde_json::Deserializer::from_str(text);
        let first = text.trim_start().bytes().next().unwrap_or(b' ');
        Value { node: &route.0, first, walk: &mut walk }.deserialize(&mut reader)?;
        reader.end()?;
    }
    Ok(walk.found)
}

/// The ranges of the records in `raw`, a slice of `text`: an array stands for its elements, a null for nothing.
pub(super) fn records_of(text: &str, raw: &str, into: &mut Found) -> Result<(), serde_json::Error> {
    let mut walk = Walk { text, found: std::mem::take(into) };
    let outcome = walk.records_in(raw);
    *into = walk.found;
    outcome
}

struct Walk<'t> {
    text: &'t str,
    found: Found,
}

impl<'t> Walk<'t> {
    /// Where `part`, a slice of the text, begins in it.
    fn offset(&self, part: &str) -> usize {
        part.as_ptr() as usize - self.text.as_ptr() as usize
    }

    #[expect(clippy::cast_possible_truncation, reason = "bodies beyond u32 are refused before they are read")]
    fn push_record(&mut self, raw: &str) {
        let start = self.offset(raw);
        self.found.records.push(start as u32..(start + raw.len()) as u32);
    }

    /// `raw` is selected as records.
    fn records_in(&mut self, raw: &'t str) -> Result<(), serde_json::Error> {
        if raw == "null" {
            self.found.reached = self.found.reached.max(Reached::Null);
            return Ok(());
        }
        self.found.reached = Reached::Values;
        if raw.starts_with('[') {
            let mut reader = serde_json::Deserializer::from_str(raw);
            return reader.deserialize_seq(Records { walk: self });
        }
        self.push_record(raw);
        Ok(())
    }

    /// An object or array at `node` has been read. To look into each member of one that has none leads somewhere too.
    fn left(&mut self, node: &Node, had_any: bool) {
        if node.each.is_some() && !had_any && node.leads_to_records() {
            self.found.reached = Reached::Values;
        }
    }

    /// The first byte of the value whose member's key is `key`.
    fn first_behind(&self, key: &str) -> u8 {
        let behind = self.text[self.offset(key) + key.len()..].trim_start();
        // Where no colon follows, the reader is about to say so.
        behind.strip_prefix(':').and_then(|value| value.trim_start().bytes().next()).unwrap_or(b' ')
    }
}

/// Reads one value at a node of the way. `first` is its first byte.
struct Value<'n, 'w, 't> {
    node: &'n Node,
    first: u8,
    walk: &'w mut Walk<'t>,
}

impl<'t> DeserializeSeed<'t> for Value<'_, '_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, reader: D) -> Result<(), D::Error> {
        let Self { node, first, walk } = self;
        match (&node.take, first) {
            (Some(Take::Records), b'[') => {
                walk.found.reached = Reached::Values;
                reader.deserialize_seq(Records { walk })
            }
            (Some(Take::Records), _) => {
                let raw = raw(reader)?;
                walk.records_in(raw).map_err(serde::de::Error::custom)
            }
            (Some(Take::Signals(indexes)), _) => {
                let signal = Signal::from_json(raw(reader)?);
                indexes.iter().for_each(|index| walk.found.signals.put(*index, signal.clone()));
                Ok(())
            }
            (None, b'{') => reader.deserialize_map(Inside { node, walk }),
            (None, b'[') => reader.deserialize_seq(Inside { node, walk }),
            (None, _) => reader.deserialize_ignored_any(IgnoredAny).map(drop),
        }
    }
}

fn raw<'t, D: Deserializer<'t>>(reader: D) -> Result<&'t str, D::Error> {
    <&RawValue as serde::Deserialize>::deserialize(reader).map(RawValue::get)
}

/// An array of records.
struct Records<'w, 't> {
    walk: &'w mut Walk<'t>,
}

impl<'t> Visitor<'t> for Records<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(raw) = elements.next_element::<&RawValue>()? {
            self.walk.push_record(raw.get());
        }
        Ok(())
    }
}

/// The inside of an object or array on the way.
struct Inside<'n, 'w, 't> {
    node: &'n Node,
    walk: &'w mut Walk<'t>,
}

impl<'t> Visitor<'t> for Inside<'_, '_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { node, walk } = self;
        let mut any = false;
        while let Some(key) = members.next_key::<&RawValue>()? {
            any = true;
            match node.at_key(|name| is_key(key.get(), name)) {
                Some(node) => {
                    let first = walk.first_behind(key.get());
                    members.next_value_seed(Value { node, first, walk })?;
                }
                None => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        walk.left(node, any);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { node, walk } = self;
        let mut count = 0_usize;
        // An element's first byte is not known before it is read, so it is read raw, and once more where the way goes on.
        while let Some(raw) = elements.next_element::<&'t RawValue>()? {
            let raw = raw.get();
            if let Some(node) = node.at_index(count) {
                let first = raw.bytes().next().unwrap_or(b' ');
                let mut reader = serde_json::Deserializer::from_str(raw);
                Value { node, first, walk }.deserialize(&mut reader).map_err(serde::de::Error::custom)?;
            }
            count += 1;
        }
        walk.left(node, count > 0);
        Ok(())
    }
}

/// Whether the key's raw text, quotes and escapes included, means `name`.
fn is_key(raw: &str, name: &str) -> bool {
    if raw.contains('\\') {
        return serde_json::from_str::<String>(raw).is_ok_and(|key| key == name);
    }
    raw.len() == name.len() + 2 && raw[1..raw.len() - 1] == *name
}
