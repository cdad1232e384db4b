//! What is wrong with a configuration, for people and for machines.
//!
//! In: problems as the stages find them, in any order. Out: [`Diagnostics`], sorted by place,
//! free of secrets, which render as text with the source line and a caret, or serialise for `--json`.
//! This module does not decide what is wrong.

use std::collections::HashSet;

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::render;
use crate::source::{Masked, Place, Source, Span};

/// More problems than this are counted, not kept: nobody reads the thousandth.
const MAX_KEPT: usize = 1_000;

/// The class of a problem: stable, for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The file cannot be read, or is not text.
    Unreadable,
    /// The text is not YAML.
    Syntax,
    /// The document is larger or deeper than the limits allow.
    Limit,
    /// A key occurs twice in one map.
    DuplicateKey,
    /// A key that does not exist here.
    UnknownKey,
    /// A key that must be given and is not.
    MissingKey,
    /// A value of the wrong kind: a list where text was expected.
    WrongType,
    /// A value of the right kind that is not allowed.
    InvalidValue,
    /// A template that does not compile, or names something that does not exist here.
    Template,
    /// A name (of a variable) that is not declared.
    UnknownName,
    /// A variable without a value.
    MissingVariable,
    /// Two settings, each fine, that do not go together.
    Conflict,
    /// A credential that cannot be had from where the file says that it is.
    Credential,
    /// A credential that others can read where it is kept.
    Exposed,
    /// A defect of Spile itself: the configuration passed every check and could still not be read.
    Internal,
}

/// A second place that belongs to a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The place.
    pub span: Span,
    /// What it has to do with the problem.
    pub label: String,
}

/// What a problem does to the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot run.
    Error,
    /// It can, and something should not stay as it is.
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What it does to the pipeline.
    pub severity: Severity,
    /// Its class.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// Where in the document, as a path of keys (`streams.issues.cursor.field`); empty for the whole.
    pub path: String,
    /// Where in the text; `None` when it does not come from the file.
    pub span: Option<Span>,
    /// What to write beside the caret.
    pub label: Option<String>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// What would have been right.
    pub expected: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A problem with its class and message; the rest is added by the `with_…` methods.
    #[must_use]
    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            path: String::new(),
            span: None,
            label: None,
            related: Vec::new(),
            expected: None,
            help: None,
        }
    }

    /// Something that should not stay as it is.
    #[must_use]
    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Says where in the text.
    #[must_use]
    pub(crate) fn with_span(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Says where in the document.
    #[must_use]
    pub(crate) fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Says what to write beside the caret.
    #[must_use]
    pub(crate) fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what would have been right.
    #[must_use]
    pub(crate) fn with_expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do about it, when there is something to say.
    #[must_use]
    pub(crate) fn with_help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Adds a second place.
    #[must_use]
    pub(crate) fn with_related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push(Related { span, label: label.into() });
        self
    }
}

/// All problems of one configuration.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    // Boxed, so that a result with problems in it stays small.
    source: Box<Source>,
    found: Vec<Diagnostic>,
    dropped: usize,
    masked: Masked,
    seen: HashSet<(Option<Span>, String)>,
}

impl Diagnostics {
    /// Nothing wrong yet with this source.
    #[must_use]
    pub(crate) fn new(source: Source) -> Self {
        Self { source: Box::new(source), ..Self::default() }
    }

    /// Notes a problem. The same problem at the same place (an alias, a default) is noted once.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let key = (diagnostic.span, diagnostic.message.clone());
        if diagnostic.span.is_some() && !self.seen.insert(key) {
            return;
        }
        if self.is_full() {
            self.dropped += 1;
        } else {
            self.found.push(diagnostic);
        }
    }

    /// Hides ranges of the source (secrets) from everything that is rendered.
    pub(crate) fn mask(&mut self, masked: Masked) {
        self.masked = masked;
    }

    /// Whether further problems are only counted, so that finding the right words for them is in vain.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_KEPT
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether something keeps the pipeline from running.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many of the problems that were kept only warn.
    pub(crate) fn warnings(&self) -> usize {
        self.found.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning).count()
    }

    /// How many problems there are, with those that were not kept.
    #[must_use]
    pub fn total(&self) -> usize {
        self.found.len() + self.dropped
    }

    /// The problems, by place; those that do not come from the file at the end.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<_> = self.found.iter().collect();
        sorted.sort_by_key(|diagnostic| diagnostic.span.map_or((usize::MAX, 0), |span| (span.start, span.end)));
        sorted
    }

    /// The source that the problems are about.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The problems as text, each with its source line and a caret.
    #[must_use]
    pub fn render(&self, style: RenderStyle) -> String {
        render::render(self, &self.masked_source(), style)
    }

    fn masked_source(&self) -> String {
        self.source.masked(&self.masked)
    }
}

/// How to render problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderStyle {
    /// With the terminal's colours.
    pub colour: bool,
    /// How many problems to show; the rest is counted.
    pub shown: usize,
    /// The width of the terminal in characters.
    pub width: usize,
}

impl Default for RenderStyle {
    /// Plain text, the first twenty problems, 140 characters wide.
    fn default() -> Self {
        Self { colour: false, shown: 20, width: 140 }
    }
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(RenderStyle::default()))
    }
}

impl std::error::Error for Diagnostics {}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let problems: Vec<_> =
            self.sorted().into_iter().map(|diagnostic| Located { diagnostic, source: &self.source }).collect();
        let mut out = serializer.serialize_struct("Diagnostics", 3)?;
        out.serialize_field("file", self.source.name())?;
        out.serialize_field("total", &self.total())?;
        out.serialize_field("problems", &problems)?;
        out.end()
    }
}

/// A problem together with the source that turns its span into lines and columns.
struct Located<'d> {
    diagnostic: &'d Diagnostic,
    source: &'d Source,
}

#[derive(serde::Serialize)]
struct LocatedRelated<'d> {
    start: Place,
    label: &'d str,
}

impl Serialize for Located<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Diagnostic { severity, code, message, path, span, label, related, expected, help } = self.diagnostic;
        let related: Vec<_> = related
            .iter()
            .map(|related| LocatedRelated { start: self.source.place(related.span.start), label: &related.label })
            .collect();
        let mut out = serializer.serialize_struct("Diagnostic", 10)?;
        out.serialize_field("severity", severity)?;
        out.serialize_field("code", code)?;
        out.serialize_field("message", message)?;
        out.serialize_field("path", path)?;
        out.serialize_field("start", &span.map(|span| self.source.place(span.start)))?;
        out.serialize_field("end", &span.map(|span| self.source.place(span.end)))?;
        out.serialize_field("label", label)?;
        out.serialize_field("expected", expected)?;
        out.serialize_field("help", help)?;
        out.serialize_field("related", &related)?;
        out.end()
    }
}
