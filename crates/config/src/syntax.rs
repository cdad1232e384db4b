//! What the YAML parser complains about, said so that a person knows what to change.
//!
//! In: the parser's error and the text around it. Out: one [`Diagnostic`]. The parser names the rule
//! of the grammar that was broken; here that becomes the usual mistake behind it.

use granit_parser::{ErrorKind, ScanError, Scanner, StrInput, TokenType};

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Source, Span};

/// What to do about text in braces that YAML reads as a map of its own.
pub(crate) const QUOTE_THE_TEMPLATE: &str =
    "quote the template: YAML reads `{{ … }}` without quotes as a map; write \"{{ … }}\"";

/// What is said of a template that YAML has taken for a map.
pub(crate) const TEMPLATE_WITHOUT_QUOTES: &str = "a template without quotes";

/// Turns the parser's error into ours.
pub(crate) fn diagnose(error: &ScanError, source: &Source) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or(source.text().len());
    let place = Place { source, at: at.min(source.text().len()) };
    if let Some(template) = place.unquoted_template() {
        let diagnostic = Diagnostic::error(Code::Syntax, TEMPLATE_WITHOUT_QUOTES).with_span(template);
        return diagnostic.with_help(QUOTE_THE_TEMPLATE);
    }
    let colon = matches!(error.kind(), ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement);
    if let Some(diagnostic) = place.open_bracket().or_else(|| if colon { place.colon_without_blank() } else { None }) {
        return diagnostic;
    }
    let (message, help) = explain(error.kind(), &place);
    let span = if colon { place.key() } else { place.word() };
    Diagnostic::error(Code::Syntax, message).with_span(span).with_help_if(help)
}

fn explain(kind: &ErrorKind, place: &Place<'_>) -> (String, Option<String>) {
    let said = |message: &str, help: &str| (message.to_owned(), Some(help.to_owned()));
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => {
            said("a tab where YAML wants blanks", "YAML is indented with blanks only; replace the tab")
        }
        ErrorKind::UnexpectedCharacter { character } => (
            format!("a value cannot begin with `{}`", character.escape_default()),
            Some("put the value in quotes".to_owned()),
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => explain_colon(place),
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockScalarIndent => said(
            "this line does not fit the indentation of the lines before it",
            "the keys of one map, and the `-` of one list, begin in the same column",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            said("a key without a colon", "write `key: value`; the colon is followed by a blank")
        }
        ErrorKind::UnclosedQuotedScalar => said("a quote that is opened and never closed", "close the quote"),
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("`{open}` is opened and never closed"), Some(format!("close it with `{}`", closing(*open))))
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), Some(format!("close it with `{}`", closing(*open))))
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            said("a closing bracket that nothing opened", "remove it, or put the value in quotes")
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::UnexpectedEofFlowMapping => {
            said("`{` is not closed where it should be", "separate the entries by commas and close the map with `}`")
        }
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::UnexpectedEofFlowSequence => {
            said("`[` is not closed where it should be", "separate the items by commas and close the list with `]`")
        }
        ErrorKind::UnknownAnchor => said(
            "this alias has no anchor before it",
            "a value that begins with `*` must be in quotes, if it is no alias",
        ),
        ErrorKind::UnknownQuotedScalarEscape => said(
            "an unknown escape in double quotes",
            "write `\\\\` for a backslash, or use single quotes, where it stands for itself",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            said("text after the closing quote", "quote the whole value, and use the other kind of quotes inside it")
        }
        ErrorKind::CommentNotSeparated => said("a comment needs a blank before its `#`", "put a blank before the `#`"),
        ErrorKind::RecursionLimitExceeded => {
            said("lists and maps are nested too deeply", "a pipeline file needs a few levels only")
        }
        other => (format!("this is not YAML: {other}"), None),
    }
}

/// `a: b: c`, or a line that is indented below a value.
fn explain_colon(place: &Place<'_>) -> (String, Option<String>) {
    let before = place.before();
    if before.trim_start().contains(": ") {
        return (
            "a second `: ` in one line".to_owned(),
            Some("a value that contains `: ` must be in quotes".to_owned()),
        );
    }
    (
        "this line is indented below a line that already has a value".to_owned(),
        Some("give both lines the same indentation, or remove the value above".to_owned()),
    )
}

fn closing(open: char) -> char {
    match open {
        '{' => '}',
        '[' => ']',
        '(' => ')',
        other => other,
    }
}

/// Where the parser stopped.
struct Place<'s> {
    source: &'s Source,
    at: usize,
}

impl Place<'_> {
    /// The text of the line before the place.
    fn before(&self) -> &str {
        let start = self.source.line_start(self.at);
        self.source.text().get(start..self.at).unwrap_or("")
    }

    /// The word at the place, so that there is something to underline.
    fn word(&self) -> Span {
        let rest = self.source.text().get(self.at..).unwrap_or("");
        let word = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
        Span::new(self.at, self.at + word)
    }

    /// The key before the colon at the place.
    fn key(&self) -> Span {
        let before = self.before();
        let key = before.rfind([' ', '\t']).map_or(0, |blank| blank + 1);
        if key == before.len() { self.word() } else { Span::new(self.at - before.len() + key, self.at) }
    }

    /// A bracket of an earlier line that is still open: the mistake is there, not here.
    fn open_bracket(&self) -> Option<Diagnostic> {
        let mut open: Vec<(char, usize)> = Vec::new();
        let tokens = Scanner::new(StrInput::new(self.source.text())).map_while(Result::ok);
        for (span, token) in tokens.map(granit_parser::Token::into_parts) {
            let start = span.start.byte_offset().unwrap_or(usize::MAX);
            if start >= self.at {
                break;
            }
            match token {
                TokenType::FlowSequenceStart => open.push(('[', start)),
                TokenType::FlowMappingStart => open.push(('{', start)),
                TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd => drop(open.pop()),
                _ => {}
            }
        }
        let (bracket, start) = open.pop().filter(|(_, start)| *start < self.source.line_start(self.at))?;
        let diagnostic = Diagnostic::error(Code::Syntax, format!("`{bracket}` is opened and never closed"));
        Some(
            diagnostic
                .with_span(Span::new(start, start + 1))
                .with_label("opened here")
                .with_related(self.key(), "this no longer belongs to it")
                .with_help(format!("close it with `{}`", closing(bracket))),
        )
    }

    /// `name:github` in the line before: YAML takes it for text, and the next key for something inside it.
    fn colon_without_blank(&self) -> Option<Diagnostic> {
        let before = self.source.text().get(..self.source.line_start(self.at))?;
        let line = before.lines().rfind(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?;
        let (key, value) = line.trim().split_once(':')?;
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if !is_key || value.is_empty() || value.starts_with([' ', '/']) {
            return None;
        }
        let start = before.rfind(line)? + (line.len() - line.trim_start().len());
        let diagnostic = Diagnostic::error(Code::Syntax, format!("no blank after the colon of `{key}`"));
        let help = "put a blank after the colon: `key: value`";
        Some(diagnostic.with_span(Span::new(start, start + key.len() + 1)).with_help(help))
    }

    /// A template in the line that is not in quotes: `path: {{ base }}/items`.
    fn unquoted_template(&self) -> Option<Span> {
        let line = self.source.line_at(self.at);
        let start = self.source.line_start(self.at);
        let open = line.find("{{")?;
        let before = line[..open].trim_end();
        if !(before.is_empty() || before.ends_with([':', '-', ',', '[', '{'])) {
            return None;
        }
        let end = line[open..].find("}}").map_or(line.len(), |close| open + close + 2);
        Some(Span::new(start + open, start + end))
    }
}
