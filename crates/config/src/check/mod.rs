//! The check of a document against the schema: everything that is wrong, at once, with its place.
//!
//! In: the [`Tree`] and the JSON Schema of the `…Spec` types. Out: the document as JSON, ready to be
//! deserialised into them, and problems in [`Diagnostics`]. Invariant: when no error was reported, the
//! JSON fits the schema; and when one was, what is left out of the JSON is named in [`Wrong`]. Meaning (does this variable exist? do these settings go together?) is not
//! checked here but when the plan is made.

mod alternatives;
mod describe;
mod format;
mod places;
mod scalars;
mod schema;
mod suggest;
mod wrong;

use serde_json::{Map, Value as Json};

use self::places::KeyPlaces;
use self::schema::{Root, Schema};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Masked, Span};
use crate::tree::{Entry, Kind, Node, Step, Tree, show_path};

pub(crate) use self::describe::{either, one_of_keys};
pub(crate) use self::suggest::{did_you_mean, nearest};
pub(crate) use self::wrong::Wrong;

/// Checks the tree against the schema and converts it, without what is wrong.
pub(crate) fn check(tree: &Tree, schema: &Json, masked: &Masked, diagnostics: &mut Diagnostics) -> (Json, Wrong) {
    let root = Root(schema).schema();
    let wrong = Wrong::default();
    let mut walker = Walker { masked, places: KeyPlaces::of(root), diagnostics, path: Vec::new(), wrong };
    let checked = walker.check(&tree.root, root).unwrap_or_default();
    (checked, walker.wrong)
}

struct Walker<'a> {
    masked: &'a Masked,
    places: KeyPlaces,
    diagnostics: &'a mut Diagnostics,
    /// The steps from the root, each with what to underline for the map or list it leads to.
    path: Vec<(Step, Span)>,
    wrong: Wrong,
}

impl Walker<'_> {
    /// The converted value, or `None` when something is wrong with it and has been reported: what
    /// holds it then goes without it, so that the rest can still be looked at.
    fn check(&mut self, node: &Node, schema: Schema<'_>) -> Option<Json> {
        if matches!(node.kind, Kind::Broken) {
            return self.broken();
        }
        if schema.is_free() {
            return self.free(node);
        }
        if node.is_null() && !schema.allows("null") {
            return self.nothing_there(node, schema);
        }
        if let Some(parts) = schema.all_of() {
            return self.check_all(node, &parts);
        }
        if let Some(alternatives) = schema.alternatives() {
            return self.alternatives(node, schema, &alternatives);
        }
        match &node.kind {
            Kind::Scalar(scalar) => self.scalar(node, scalar, schema),
            Kind::Sequence(items) if schema.allows("array") => self.list(node, items, schema),
            Kind::Map(entries) if schema.allows("object") => self.map(node, entries, schema),
            _ => self.wrong_type(node, schema),
        }
    }

    fn check_all(&mut self, node: &Node, parts: &[Schema<'_>]) -> Option<Json> {
        let mut checked = parts.iter().map(|part| self.check(node, *part));
        let first = checked.next()?;
        checked.for_each(drop);
        first
    }

    /// A place without a schema, such as a JSON body: taken over as it is.
    fn free(&mut self, node: &Node) -> Option<Json> {
        match &node.kind {
            Kind::Broken => self.broken(),
            Kind::Scalar(scalar) => self.free_scalar(node, scalar),
            Kind::Sequence(items) => {
                let items = items.iter().enumerate();
                let items = items
                    .filter_map(|(index, item)| self.step(Step::Index(index), item.span, |walker| walker.free(item)));
                Some(items.collect())
            }
            Kind::Map(entries) => {
                let mut out = Map::new();
                for entry in entries {
                    if let Some(value) = self.enter(entry, |walker, value| walker.free(value)) {
                        out.insert(entry.key.clone(), value);
                    }
                }
                Some(Json::Object(out))
            }
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: Schema<'_>) -> Option<Json> {
        let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let message = format!("{} is an empty list", self.subject());
            self.report(
                Diagnostic::error(Code::InvalidValue, message)
                    .with_span(node.span)
                    .with_expected(describe::describe(schema)),
            );
        }
        let Some(item_schema) = schema.items() else { return self.free(node) };
        let items = items.iter().enumerate();
        let items = items.filter_map(|(index, item)| {
            self.step(Step::Index(index), item.span, |walker| walker.check(item, item_schema))
        });
        Some(items.collect())
    }

    fn map(&mut self, node: &Node, entries: &[Entry], schema: Schema<'_>) -> Option<Json> {
        let least = schema.get("minProperties").and_then(Json::as_u64).unwrap_or(0);
        if (entries.len() as u64) < least {
            let diagnostic = Diagnostic::error(Code::InvalidValue, format!("{} is empty", self.subject()));
            self.report(diagnostic.with_span(self.owner(node)).with_help("give it at least one entry"));
        }
        let mut out = Map::new();
        for entry in entries {
            let value = match (schema.property(&entry.key), schema.additional()) {
                (Some(property), _) => self.enter(entry, |walker, value| walker.check(value, property)),
                (None, Some(named)) => self.named_entry(entry, named),
                (None, None) => {
                    self.unknown_key(entry, schema);
                    None
                }
            };
            if let Some(value) = value {
                out.insert(entry.key.clone(), value);
            }
        }
        let required = schema.required();
        let missing = required.iter().filter(|key| node.entry(key).is_none());
        for key in missing.filter(|key| !is_misspelt(key, entries, schema)) {
            self.missing_key(node, key, schema);
        }
        // A rate limit without its time is none; of a stream without its path, the rest can be looked at.
        let whole = required.iter().all(|key| out.contains_key(*key));
        (whole || schema.is_partial()).then_some(Json::Object(out))
    }

    /// An entry whose key the user has chosen (a stream). A key of what should be *inside* it, standing
    /// beside it, is a slip of the indentation, and one message is better than five.
    fn named_entry(&mut self, entry: &Entry, schema: Schema<'_>) -> Option<Json> {
        let inner = schema.all_keys();
        let fits_inside = inner.contains(entry.key.as_str());
        let looks_inside =
            entry.value.entries().is_some_and(|entries| entries.iter().any(|e| inner.contains(e.key.as_str())));
        if fits_inside && !looks_inside {
            let parent = self.subject();
            let message = format!("`{}` stands where a name is expected", entry.key);
            let help = format!(
                "`{}` belongs inside an entry of {parent}: indent it further, below the entry's name",
                entry.key
            );
            self.report(Diagnostic::error(Code::UnknownKey, message).with_span(entry.key_span).with_help(help));
            return None;
        }
        self.enter(entry, |walker, value| walker.check(value, schema))
    }

    fn unknown_key(&mut self, entry: &Entry, schema: Schema<'_>) {
        let key = entry.key.as_str();
        let diagnostic = Diagnostic::error(Code::UnknownKey, format!("unknown key `{key}`")).with_span(entry.key_span);
        let diagnostic = if self.diagnostics.is_full() {
            diagnostic
        } else if suggest::comes_later(key) {
            diagnostic.with_help(format!(
                "this version of Spile does not have `{key}` yet; remove it, or use a later version"
            ))
        } else if let Some(hint) = suggest::did_you_mean(key, schema.keys()) {
            diagnostic.with_help(hint)
        } else if let Some(place) = self.places.elsewhere(key) {
            diagnostic.with_help(format!("`{key}` belongs {place}"))
        } else {
            diagnostic.with_expected(one_of_keys(schema.keys()))
        };
        let label = format!("not a key of {}", self.subject());
        let meant = suggest::nearest(key, schema.keys()).unwrap_or(key);
        self.note_wrong(Some(meant));
        self.wrong.misplace(key);
        self.say(Some(&Step::Key(key.to_owned())), diagnostic.with_label(label));
    }

    fn missing_key(&mut self, node: &Node, key: &str, schema: Schema<'_>) {
        let message = format!("{} lacks the key `{key}`", self.subject());
        let mut diagnostic = Diagnostic::error(Code::MissingKey, message).with_span(self.owner(node));
        if let Some(summary) = schema.property_summary(key) {
            diagnostic = diagnostic.with_expected(format!("`{key}`: {summary}"));
        }
        self.note_wrong(Some(key));
        self.say(None, diagnostic);
    }

    /// `key:` and nothing after it.
    fn nothing_there(&mut self, node: &Node, schema: Schema<'_>) -> Option<Json> {
        let message = format!("{} has no value", self.subject());
        let help = "give it a value, or remove the line; what belongs to it must be indented below it";
        let diagnostic = Diagnostic::error(Code::WrongType, message)
            .with_span(self.owner(node))
            .with_expected(describe::describe(schema))
            .with_help(help);
        self.report(diagnostic);
        None
    }

    fn wrong_type(&mut self, node: &Node, schema: Schema<'_>) -> Option<Json> {
        let message = format!("{} cannot be {}", self.subject(), node.described());
        let help = self.type_hint(node, schema);
        let diagnostic = Diagnostic::error(Code::WrongType, message)
            .with_span(node.span)
            .with_expected(describe::describe(schema))
            .with_help_if(help);
        self.report(diagnostic);
        None
    }

    /// The usual slip behind a value of the wrong kind.
    fn type_hint(&self, node: &Node, schema: Schema<'_>) -> Option<String> {
        let scalar = node.scalar();
        if schema.allows("object") && scalar.is_some_and(|s| s.text.contains(':') && !s.text.contains(": ")) {
            return Some("a colon after a key is followed by a blank: `key: value`".to_owned());
        }
        if schema.allows("array") && !schema.allows("object") {
            return match scalar {
                Some(scalar) if !self.is_masked(node) => Some(format!("write it as a list: [{}]", scalar.text)),
                Some(_) => None,
                None => Some("write it as a list: begin each item with `- `".to_owned()),
            };
        }
        if schema.allows("object") && matches!(node.kind, Kind::Sequence(_)) {
            return Some("write it as a map: `name: value`, without the `-`".to_owned());
        }
        None
    }

    fn enter(&mut self, entry: &Entry, then: impl FnOnce(&mut Self, &Node) -> Option<Json>) -> Option<Json> {
        self.step(Step::Key(entry.key.clone()), entry.key_span, |walker| then(walker, &entry.value))
    }

    fn step<T>(&mut self, step: Step, owner: Span, then: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push((step, owner));
        let value = then(self);
        self.path.pop();
        value
    }

    /// What the message is about: "`concurrency`", "item 2 of `primary_key`".
    fn subject(&self) -> String {
        let mut steps = self.path.iter().map(|(step, _)| step).rev();
        match steps.next() {
            None => "the pipeline".to_owned(),
            Some(Step::Key(key)) => format!("`{key}`"),
            Some(Step::Index(index)) => {
                match steps.find_map(|step| if let Step::Key(key) = step { Some(key) } else { None }) {
                    Some(key) => format!("item {} of `{key}`", index + 1),
                    None => format!("item {}", index + 1),
                }
            }
        }
    }

    /// What to underline for a whole map: its key, or its first line.
    fn owner(&self, node: &Node) -> Span {
        self.path.last().map_or(node.span, |(_, owner)| *owner)
    }

    fn is_masked(&self, node: &Node) -> bool {
        self.masked.touches(node.span)
    }

    /// A value in a message, unless it is secret.
    fn quoted(&self, node: &Node, text: &str) -> String {
        if self.is_masked(node) { "the value".to_owned() } else { format!("`{text}`") }
    }

    /// What is broken has been told when the text was read.
    fn broken(&mut self) -> Option<Json> {
        self.note_wrong(None);
        None
    }

    /// Reports that this place is wrong.
    fn report(&mut self, diagnostic: Diagnostic) {
        self.note_wrong(None);
        self.say(None, diagnostic);
    }

    /// This place is wrong, or the key `last` of it.
    fn note_wrong(&mut self, last: Option<&str>) {
        let last = last.map(|key| Step::Key(key.to_owned()));
        self.wrong.add(self.path.iter().map(|(step, _)| step.clone()).chain(last));
    }

    fn say(&mut self, last: Option<&Step>, diagnostic: Diagnostic) {
        let path = show_path(self.path.iter().map(|(step, _)| step).chain(last));
        self.diagnostics.push(diagnostic.with_path(path));
    }
}

/// Whether `missing` is what an unknown key was told to be: one slip is one message.
fn is_misspelt(missing: &str, entries: &[Entry], schema: Schema<'_>) -> bool {
    let unknown = entries.iter().map(|entry| entry.key.as_str()).filter(|key| schema.property(key).is_none());
    unknown.filter(|key| !suggest::comes_later(key)).any(|key| suggest::nearest(key, schema.keys()) == Some(missing))
}
