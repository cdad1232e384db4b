//! The tree of a YAML document, every node with its place.
//!
//! In: what [`crate::parse`] read. Out: nodes to check and to point at.
//! Invariant: keys of a map are unique, aliases and merge keys are resolved, and every span is
//! that of the text which produced the node (for an alias: the text at its anchor).

use crate::source::Span;

/// One value of the document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Map(Vec<Entry>),
    /// Something was wrong here and has been reported; nothing more is to be said about it.
    Broken,
}

/// A leaf: the text as the document means it, and what the core schema makes of it.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) value: Value,
    /// Where `text` begins in the document, if it stands there letter by letter (no escapes, no folding).
    pub(crate) verbatim: Option<usize>,
}

/// A scalar's value under the YAML 1.2 core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// An integer; `None` when it is beyond what 64 bits can hold (the text has it exactly).
    Int(Option<i64>),
    Float(f64),
    Text,
}

/// One key of a map with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// A step from a node to one of its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// A path as messages write it: `streams.issues.columns["a.b"][2]`.
pub(crate) fn show_path<'p>(steps: impl IntoIterator<Item = &'p Step>) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Index(index) => out.push_str(&format!("[{index}]")),
            Step::Key(key) if key.is_empty() || key.contains(['.', '[', ' ', '"']) => {
                out.push_str(&format!("[{key:?}]"))
            }
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
        }
    }
    out
}

impl Node {
    pub(crate) fn broken(span: Span) -> Self {
        Self { span, kind: Kind::Broken }
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether the document has a key here but nothing after its colon.
    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.value == Value::Null)
    }

    /// What the node is, in the words of a message.
    pub(crate) fn described(&self) -> &'static str {
        match &self.kind {
            Kind::Broken => "something unreadable",
            Kind::Sequence(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar(scalar) => match scalar.value {
                Value::Null => "nothing",
                Value::Bool(_) => "true or false",
                Value::Int(_) => "a whole number",
                Value::Float(_) => "a number",
                Value::Text => "text",
            },
        }
    }
}

/// The document: its root and the way from a path to a place.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) root: Node,
}

impl Tree {
    /// The place of a path. Where the document does not go that deep (a short form, a default),
    /// it is the nearest thing above that it does have.
    pub(crate) fn locate(&self, path: &[Step]) -> Located<'_> {
        let mut found = Located { node: &self.root, key: None, whole: true };
        for step in path {
            let next = match (step, &found.node.kind) {
                (Step::Key(key), Kind::Map(entries)) => {
                    entries.iter().find(|entry| entry.key == *key).map(|entry| (&entry.value, Some(entry.key_span)))
                }
                // A number may also be the name of something.
                (Step::Index(index), Kind::Map(entries)) => entries
                    .iter()
                    .find(|entry| entry.key == index.to_string())
                    .map(|entry| (&entry.value, Some(entry.key_span))),
                (Step::Index(index), Kind::Sequence(items)) => items.get(*index).map(|item| (item, None)),
                _ => None,
            };
            match next {
                Some((node, key)) => found = Located { node, key, whole: true },
                None => return Located { whole: false, ..found },
            }
        }
        found
    }
}

/// What [`Tree::locate`] found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located<'t> {
    pub(crate) node: &'t Node,
    /// The key that leads to the node, when it is a map's value.
    pub(crate) key: Option<Span>,
    /// Whether the whole path is in the document.
    pub(crate) whole: bool,
}

impl Located<'_> {
    /// What to underline: a scalar itself, the key of anything larger.
    pub(crate) fn span(&self) -> Span {
        match (&self.node.kind, self.key) {
            (Kind::Scalar(scalar), _) if scalar.value != Value::Null => self.node.span,
            (_, Some(key)) => key,
            _ => self.node.span,
        }
    }
}
