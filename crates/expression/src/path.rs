//! Record paths: JSONPath as RFC 9535 defines it.
//!
//! A path that only names keys, indexes and `[*]` is also had as [`Step`]s, which a reader can follow through a
//! response's text without building a document; everything else (filters, slices, `..`) is asked of a document.

use std::fmt;
use std::sync::Arc;

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

/// One step of a simple path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into the member of that name.
    Key(Arc<str>),
    /// Into the element at that place, counted from 0.
    Index(usize),
    /// Into every element of an array, or every member of an object.
    Each,
}

/// Real paths have dozens of characters.
const MAX_LENGTH: usize = 1_000;
/// Brackets and parentheses inside each other: the parser works by recursion, and must not run out of stack.
const MAX_NESTING: usize = 16;

/// A compiled record path. `data.items`, `.data.items` and `[0]` are short for `$.data.items` and `$[0]`.
#[derive(Clone)]
pub struct RecordPath {
    source: Arc<str>,
    query: Arc<JpQuery>,
    steps: Option<Arc<[Step]>>,
}

/// Why a path does not compile.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is not a JSONPath: {reason}")]
pub struct PathError {
    /// The path as written.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl RecordPath {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub fn compile(text: &str) -> Result<Self, PathError> {
        let full = match text.chars().next() {
            Some('$') => text.to_owned(),
            // As jq writes paths: two dots would mean members at any depth.
            Some('.' | '[') => format!("${text}"),
            _ => format!("$.{text}"),
        };
        let refused = |reason: String| PathError { path: text.to_owned(), reason };
        if full.len() > MAX_LENGTH || nesting(&full) > MAX_NESTING {
            return Err(PathError {
                path: full.chars().take(40).chain(['…']).collect(),
                reason: format!("it has more than {MAX_LENGTH} characters, or brackets {MAX_NESTING} deep"),
            });
        }
        let query = parse_json_path(&full).map_err(|error| refused(explanation(&error.to_string())))?;
        let steps = simple_steps(&query).map(Into::into);
        Ok(Self { source: full.into(), query: Arc::new(query), steps })
    }

    /// The whole document.
    pub fn root() -> Self {
        Self { source: "$".into(), query: Arc::new(JpQuery::new(Vec::new())), steps: Some(Vec::new().into()) }
    }

    /// The path, beginning with `$`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The steps, where the path is simple.
    pub fn steps(&self) -> Option<&[Step]> {
        self.steps.as_deref()
    }

    /// All that the path selects in `document`, in document order.
    pub fn select<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        // The only errors are of the path's own form, and that was checked when it was compiled.
        js_path_process(&self.query, document)
            .map(|found| found.into_iter().map(jsonpath_rust::query::QueryRef::val).collect())
            .unwrap_or_default()
    }
}

impl fmt::Debug for RecordPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecordPath").field(&self.source).finish()
    }
}

impl fmt::Display for RecordPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// How many brackets are open at once, at most. One inside quotes counts too: no harm in that.
fn nesting(text: &str) -> usize {
    let mut open = 0_usize;
    let depths = text.chars().map(|c| {
        match c {
            '(' | '[' => open += 1,
            ')' | ']' => open = open.saturating_sub(1),
            _ => {}
        }
        open
    });
    depths.max().unwrap_or(0)
}

fn simple_steps(query: &JpQuery) -> Option<Vec<Step>> {
    query
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Selector(Selector::Name(name)) => Some(Step::Key(unquoted(name).into())),
            Segment::Selector(Selector::Index(index)) => usize::try_from(*index).ok().map(Step::Index),
            Segment::Selector(Selector::Wildcard) => Some(Step::Each),
            _ => None,
        })
        .collect()
}

/// The parser resolves the escapes of `$['name']` and keeps its quotes.
fn unquoted(name: &str) -> &str {
    let bare = |quote| name.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    bare('\'').or_else(|| bare('"')).unwrap_or(name)
}

/// The parser draws the place over several lines; the last one says what it expected.
fn explanation(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or("unknown error")
        .trim_start_matches("= ")
        .to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn simple_paths_are_had_as_steps() {
        let steps = |text: &str| RecordPath::compile(text).unwrap().steps().map(<[Step]>::to_vec);
        let key = |name: &str| Step::Key(name.into());
        assert_eq!(steps("$").unwrap(), []);
        assert_eq!(steps("$.data[*].node").unwrap(), [key("data"), Step::Each, key("node")]);
        assert_eq!(steps("data.items").unwrap(), [key("data"), key("items")]);
        assert_eq!(steps("$['odd name'][0]").unwrap(), [key("odd name"), Step::Index(0)]);
        assert_eq!(steps(r#"$['it\'s']["a\\b"]['\u00e9']"#).unwrap(), [key("it's"), key(r"a\b"), key("é")]);
        assert_eq!(steps(".data.items"), steps("$.data.items"));
        assert_eq!(steps("[0].id"), steps("$[0].id"));
        assert_eq!(steps("$..id"), None);
        assert_eq!(steps("$.data[?@.kind == 'x']"), None);
        assert_eq!(steps("$.data[-1]"), None);
    }

    #[test]
    fn any_path_selects_in_a_document() {
        let document = json!({"data": [{"kind": "x", "id": 1}, {"kind": "y", "id": 2}]});
        let select = |text: &str| RecordPath::compile(text).unwrap().select(&document).into_iter().cloned().collect();
        let found: Vec<Value> = select("$.data[?@.kind == 'x'].id");
        assert_eq!(found, [json!(1)]);
        let found: Vec<Value> = select("$..id");
        assert_eq!(found, [json!(1), json!(2)]);
        assert_eq!(RecordPath::root().select(&document), [&document]);
    }

    #[test]
    fn a_path_without_end_is_refused_before_it_is_parsed() {
        for (open, close) in [("(", ")"), ("[?@", "]"), ("!", "")] {
            let deep = format!("$.a[?{}@.a{}]", open.repeat(20_000), close.repeat(20_000));
            assert!(RecordPath::compile(&deep).unwrap_err().reason.contains("1000 characters"));
            let _ = RecordPath::compile(&format!("$.a[?{}@.a{}]", open.repeat(300), close.repeat(300)));
        }
        assert!(RecordPath::compile(&format!("$[?{}@.a{}]", "(".repeat(14), ")".repeat(14))).is_ok());
    }

    #[test]
    fn a_broken_path_says_so() {
        let error = RecordPath::compile("$.data[").unwrap_err();
        assert_eq!(error.path, "$.data[");
        assert!(!error.reason.is_empty());
    }
}
