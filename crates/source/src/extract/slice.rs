//! One pass through a body's text along simple paths: records and signals become ranges, everything else is only
//! checked to be JSON.
//!
//! The way is a small tree of keys and indexes (`route`). Values that lie off it, and records themselves, are gone over
//! without being built (`scan`).

use std::ops::Range;

use serde::de::{Error as _, IgnoredAny};

use super::route::{Node, Route, Take};
use super::scan::Scan;
use super::signal::{Signal, Signals};
use super::{Found, Reached};

/// Reads all of `text`, which must be one JSON value.
pub(super) fn find(text: &str, routes: &[Route], signals: usize) -> Result<Found, serde_json::Error> {
    let mut found = Found { signals: Signals::none(signals), ..Found::default() };
    for route in routes {
        let mut walk = Walk { text, scan: Scan::new(text), found: &mut found };
        walk.value(&route.0).and_then(|()| walk.scan.end()).ok_or_else(|| explain(text))?;
    }
    Ok(found)
}

/// The ranges of the records in `raw`, a slice of `text`: an array stands for its elements, a null for nothing.
pub(super) fn records_of(text: &str, raw: &str, into: &mut Found) -> Result<(), serde_json::Error> {
    let start = raw.as_ptr() as usize - text.as_ptr() as usize;
    let before = into.records.len();
    let mut walk = Walk { text: raw, scan: Scan::new(raw), found: into };
    walk.records().ok_or_else(|| explain(raw))?;
    for record in &mut into.records[before..] {
        *record = place(start + record.start as usize..start + record.end as usize);
    }
    Ok(())
}

/// What is wrong with a text that is not JSON, and where.
#[cold]
fn explain(text: &str) -> serde_json::Error {
    let refused = serde_json::from_str::<IgnoredAny>(text).err();
    refused.unwrap_or_else(|| serde_json::Error::custom("it is not JSON"))
}

#[expect(clippy::cast_possible_truncation, reason = "bodies beyond u32 are refused before they are read")]
const fn place(range: Range<usize>) -> Range<u32> {
    range.start as u32..range.end as u32
}

/// A walk along a route. `None` of its steps: the text is not JSON.
struct Walk<'t, 'f> {
    text: &'t str,
    scan: Scan<'t>,
    found: &'f mut Found,
}

impl Walk<'_, '_> {
    /// Goes over the next value, which stands at `node` of the way.
    fn value(&mut self, node: &Node) -> Option<()> {
        match (&node.take, self.scan.peek()?) {
            (Some(Take::Records), _) => self.records(),
            (Some(Take::Signals(indexes)), _) => {
                let value = self.scan.value()?;
                let signal = Signal::from_json(&self.text[value]);
                indexes.iter().for_each(|index| self.found.signals.put(*index, signal.clone()));
                Some(())
            }
            (None, b'{') => self.members(node),
            (None, b'[') => self.elements(node),
            (None, _) => self.scan.value().map(drop),
        }
    }

    /// The next value is selected as records.
    fn records(&mut self) -> Option<()> {
        if self.scan.peek()? != b'[' {
            let value = self.scan.value()?;
            if self.text[value.clone()] == *"null" {
                self.found.reached = self.found.reached.max(Reached::Null);
            } else {
                self.found.reached = Reached::Values;
                self.found.records.push(place(value));
            }
            return Some(());
        }
        self.found.reached = Reached::Values;
        self.scan.expect(b'[')?;
        let mut first = true;
        while self.scan.more(first, b']')? {
            first = false;
            let record = self.scan.value()?;
            self.found.records.push(place(record));
        }
        Some(())
    }

    /// An object on the way.
    fn members(&mut self, node: &Node) -> Option<()> {
        self.scan.expect(b'{')?;
        let mut any = false;
        while self.scan.more(!any, b'}')? {
            any = true;
            let key = self.scan.key()?;
            match node.at_key(|name| is_key(key, name)) {
                Some(node) => self.value(node)?,
                None => self.scan.value().map(drop)?,
            }
        }
        self.left(node, any);
        Some(())
    }

    /// An array on the way.
    fn elements(&mut self, node: &Node) -> Option<()> {
        self.scan.expect(b'[')?;
        let mut count = 0;
        while self.scan.more(count == 0, b']')? {
            match node.at_index(count) {
                Some(node) => self.value(node)?,
                None => self.scan.value().map(drop)?,
            }
            count += 1;
        }
        self.left(node, count > 0);
        Some(())
    }

    /// An object or array at `node` has been read. To look into each member of one that has none leads somewhere too.
    fn left(&mut self, node: &Node, had_any: bool) {
        if node.each.is_some() && !had_any && node.leads_to_records() {
            self.found.reached = Reached::Values;
        }
    }
}

/// Whether the key's raw text, quotes and escapes included, means `name`.
fn is_key(raw: &str, name: &str) -> bool {
    if raw.contains('\\') {
        return serde_json::from_str::<String>(raw).is_ok_and(|key| key == name);
    }
    raw.len() == name.len() + 2 && raw[1..raw.len() - 1] == *name
}
