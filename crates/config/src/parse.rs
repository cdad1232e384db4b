//! Text to tree: reads one YAML document.
//!
//! In: the source. Out: the [`Tree`], and problems in [`Diagnostics`]. YAML 1.2 core schema, anchors,
//! aliases and merge keys. Invariant: whatever the text is, this ends, within the limits below, and
//! does not panic. It does not know what the document should contain.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput, StructureStyle, Tag};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::scalar;
use crate::source::{Source, Span};
use crate::syntax::{self, QUOTE_THE_TEMPLATE, TEMPLATE_WITHOUT_QUOTES};
use crate::tree::{Entry, Kind, Node, Scalar, Tree, Value};

/// A pipeline of thousands of streams has some hundred kilobytes.
pub(crate) const MAX_BYTES: usize = 4 << 20;
/// A pipeline needs about ten levels; the rest is room for JSON bodies. Recursion is bounded by this.
const MAX_DEPTH: usize = 64;
/// Nodes after aliases are resolved: what a few nested aliases can blow up without end.
const MAX_NODES: usize = 200_000;

/// Reads the document. `None` when it is so broken that there is nothing to check.
pub(crate) fn parse(source: &Source, diagnostics: &mut Diagnostics) -> Option<Tree> {
    if source.text().len() > MAX_BYTES {
        diagnostics.push(Diagnostic::error(
            Code::Limit,
            format!("the file has more than {} MiB, the limit for a configuration", MAX_BYTES >> 20),
        ));
        return None;
    }
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(source.text(), options()),
        source,
        diagnostics,
        anchors: HashMap::new(),
        nodes: 0,
    };
    reader.document().ok().map(|root| Tree { root })
}

fn options() -> Options {
    granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        emit_comments: false,
    }
}

/// Reading cannot go on; the reason has been reported.
struct Stopped;

type Reading<T> = Result<T, Stopped>;
type Read<'s> = (Event<'s>, Span);

struct Reader<'s, 'd> {
    events: Parser<'s, StrInput<'s>>,
    source: &'s Source,
    diagnostics: &'d mut Diagnostics,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'s> Reader<'s, '_> {
    fn document(&mut self) -> Reading<Node> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, span) => return Ok(self.empty(span)),
                event => {
                    let root = self.node(event, 0)?;
                    self.ending()?;
                    return Ok(root);
                }
            }
        }
    }

    /// An empty document is a map without keys: the check then says what is missing.
    fn empty(&self, span: Span) -> Node {
        let start = span.start.min(self.source.text().len());
        Node { span: Span::new(start, start), kind: Kind::Map(Vec::new()) }
    }

    fn ending(&mut self) -> Reading<()> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => {
                    let second = Diagnostic::error(Code::Syntax, "a second document in the file")
                        .with_span(span)
                        .with_help("one file is one pipeline: put the rest into a file of its own");
                    return self.stop(second);
                }
            }
        }
    }

    fn next(&mut self) -> Reading<Read<'s>> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or_default();
                Ok((event, Span::new(range.start, range.end.max(range.start))))
            }
            Some(Err(error)) => {
                let diagnostic = syntax::diagnose(&error, self.source);
                self.stop(diagnostic)
            }
            None => Ok((Event::StreamEnd, Span::new(self.source.text().len(), self.source.text().len()))),
        }
    }

    fn stop<T>(&mut self, diagnostic: Diagnostic) -> Reading<T> {
        self.diagnostics.push(diagnostic);
        Err(Stopped)
    }

    fn node(&mut self, (event, span): Read<'s>, depth: usize) -> Reading<Node> {
        self.count(1, span)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (self.scalar(text, style, tag.as_deref(), span), anchor),
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "seq", span);
                let depth = self.deeper(depth, span)?;
                (self.sequence(span, depth)?, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "map", span);
                let depth = self.deeper(depth, span)?;
                (self.map(style, span, depth)?, anchor)
            }
            Event::Alias(anchor) => (self.alias(anchor, span)?, 0),
            _ => (Node::broken(span), 0),
        };
        if anchor != 0 {
            // The copy counts: anchors inside anchors would otherwise multiply unseen.
            self.count(size(&node), span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The parser has its own limit on nesting; this one also covers what it does not count.
    fn deeper(&mut self, depth: usize, span: Span) -> Reading<usize> {
        if depth < MAX_DEPTH {
            return Ok(depth + 1);
        }
        let too_deep = format!("lists and maps are nested more than {MAX_DEPTH} levels deep");
        self.stop(Diagnostic::error(Code::Limit, too_deep).with_span(span))
    }

    fn count(&mut self, nodes: usize, span: Span) -> Reading<()> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("the document has more than {MAX_NODES} values, aliases counted with all they bring in");
        self.stop(Diagnostic::error(Code::Limit, message).with_span(span))
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Reading<Node> {
        let Some(target) = self.anchors.get(&anchor).cloned() else {
            let inside = Diagnostic::error(Code::Syntax, "this alias refers to the value that it is a part of");
            return self.stop(inside.with_span(span));
        };
        self.count(size(&target), span)?;
        Ok(target)
    }

    fn scalar(&mut self, text: Cow<'s, str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let value = match tag {
            Some(tag) => self.tagged(tag, &text, span),
            None if style == ScalarStyle::Plain => scalar::resolve_plain(&text),
            None => Value::Text,
        };
        let verbatim = verbatim(self.source.slice(span), &text, style).map(|skip| span.start + skip);
        Node { span, kind: Kind::Scalar(Scalar { text: text.into_owned(), value, verbatim }) }
    }

    fn tagged(&mut self, tag: &Tag, text: &str, span: Span) -> Value {
        let resolved = tag.core_suffix().and_then(|suffix| scalar::resolve_tagged(suffix, text));
        if resolved.is_none() {
            self.report_tag(tag, span);
        }
        resolved.unwrap_or(Value::Text)
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, fitting: &str, span: Span) {
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(fitting)) {
            self.report_tag(tag, span);
        }
    }

    fn report_tag(&mut self, tag: &Tag, span: Span) {
        let message = format!("the tag `{}` means nothing here", tag.original());
        let help = "remove it; values from the environment are variables: `variables: { token: { env: NAME } }`";
        self.diagnostics.push(Diagnostic::error(Code::Syntax, message).with_span(span).with_help(help));
    }

    fn sequence(&mut self, start: Span, depth: usize) -> Reading<Node> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => {
                    let last = items.last().map_or(start.end, |item: &Node| item.span.end);
                    let span = collection_span(start, last, end);
                    return Ok(Node { span, kind: Kind::Sequence(items) });
                }
                event => items.push(self.node(event, depth)?),
            }
        }
    }

    fn map(&mut self, style: StructureStyle, start: Span, depth: usize) -> Reading<Node> {
        let mut map = Map::default();
        loop {
            match self.next()? {
                (Event::MappingEnd, end) => {
                    let span = collection_span(start, map.end.max(start.end), end);
                    return Ok(self.finish_map(map, style, span));
                }
                key => {
                    let key = self.node(key, depth)?;
                    let value = self.next()?;
                    let value = self.node(value, depth)?;
                    map.end = value.span.end.max(key.span.end);
                    self.add_entry(&mut map, key, value);
                }
            }
        }
    }

    fn add_entry(&mut self, map: &mut Map, key: Node, value: Node) {
        match key.kind {
            Kind::Scalar(scalar) if scalar.text == "<<" => map.merged.push((key.span, value)),
            Kind::Scalar(scalar) => {
                let entry = Entry { key: scalar.text, key_span: key.span, value };
                match map.keys.get(&entry.key) {
                    Some(earlier) => self.report_duplicate(*earlier, &entry),
                    None => {
                        map.keys.insert(entry.key.clone(), entry.key_span);
                        map.entries.push(entry);
                    }
                }
            }
            Kind::Broken => map.unusable = true,
            Kind::Map(_) | Kind::Sequence(_) => {
                map.unusable = true;
                map.template |= self.source.slice(key.span).starts_with('{');
                if !map.template {
                    let message = "a key must be text, not a list or a map";
                    self.diagnostics.push(Diagnostic::error(Code::Syntax, message).with_span(key.span));
                }
            }
        }
    }

    fn report_duplicate(&mut self, earlier: Span, entry: &Entry) {
        let duplicate = Diagnostic::error(Code::DuplicateKey, format!("the key `{}` occurs twice", entry.key))
            .with_span(entry.key_span)
            .with_label("again here")
            .with_related(earlier, "first here")
            .with_help("keep one of them");
        self.diagnostics.push(duplicate);
    }

    fn finish_map(&mut self, map: Map, style: StructureStyle, span: Span) -> Node {
        if map.template {
            let is_template = style == StructureStyle::Flow && self.source.slice(span).starts_with("{{");
            let message = if is_template { TEMPLATE_WITHOUT_QUOTES } else { "a map as a key" };
            let diagnostic = Diagnostic::error(Code::Syntax, message).with_span(span);
            self.diagnostics.push(diagnostic.with_help(QUOTE_THE_TEMPLATE));
        }
        if map.unusable {
            return Node::broken(span);
        }
        let mut entries = map.entries;
        for (key_span, value) in map.merged {
            self.merge(&mut entries, key_span, value);
        }
        Node { span, kind: Kind::Map(entries) }
    }

    /// `<<: *anchor`: the keys of the other map, where the map has none of its own.
    fn merge(&mut self, entries: &mut Vec<Entry>, key_span: Span, value: Node) {
        match value.kind {
            Kind::Map(others) => {
                let known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
                entries.extend(others.into_iter().filter(|other| !known.contains(&other.key)));
            }
            Kind::Sequence(maps) if maps.iter().all(|map| matches!(map.kind, Kind::Map(_))) => {
                for map in maps {
                    self.merge(entries, key_span, map);
                }
            }
            Kind::Broken => {}
            Kind::Scalar(_) | Kind::Sequence(_) => self.diagnostics.push(
                Diagnostic::error(Code::WrongType, "`<<` merges maps, and this is none")
                    .with_span(key_span)
                    .with_expected("an alias of a map (`<<: *defaults`), or a list of them"),
            ),
        }
    }
}

/// A map while it is read.
#[derive(Default)]
struct Map {
    entries: Vec<Entry>,
    keys: HashMap<String, Span>,
    merged: Vec<(Span, Node)>,
    end: usize,
    /// A key is a map in braces: most likely `{{ … }}` without quotes.
    template: bool,
    unusable: bool,
}

/// From the opening to the end of the last child, or to the closing bracket when there is one.
fn collection_span(start: Span, last_child: usize, end: Span) -> Span {
    let close = if end.end > end.start { end.end } else { last_child };
    Span::new(start.start, close.max(start.start))
}

/// How far into its span a scalar's text begins, if the text stands there letter by letter.
fn verbatim(raw: &str, text: &str, style: ScalarStyle) -> Option<usize> {
    let quote = match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
        ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    raw.get(quote..)?.starts_with(text).then_some(quote)
}

/// How many nodes there are in a tree; its depth is bounded, so this recursion is too.
fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) | Kind::Broken => 1,
        Kind::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tree::Step;

    fn read(text: &str) -> (Source, Node) {
        let source = Source::new("test.yaml", text);
        let mut diagnostics = Diagnostics::new(source.clone());
        let tree = parse(&source, &mut diagnostics).unwrap();
        assert!(diagnostics.is_empty(), "{diagnostics}");
        (source, tree.root)
    }

    fn text_at<'s>(source: &'s Source, root: &Node, path: &[&str]) -> &'s str {
        let steps: Vec<Step> = path.iter().map(|key| Step::Key((*key).to_owned())).collect();
        let tree = Tree { root: root.clone() };
        source.slice(tree.locate(&steps).node.span)
    }

    #[test]
    fn every_key_and_every_scalar_knows_its_bytes() {
        fn visit(source: &Source, node: &Node, seen: &mut usize) {
            match &node.kind {
                Kind::Scalar(scalar) => {
                    let at = scalar.verbatim.unwrap();
                    assert_eq!(&source.text()[at..at + scalar.text.len()], scalar.text);
                    *seen += 1;
                }
                Kind::Sequence(items) => items.iter().for_each(|item| visit(source, item, seen)),
                Kind::Map(entries) => {
                    for entry in entries {
                        assert_eq!(source.slice(entry.key_span), entry.key);
                        visit(source, &entry.value, seen);
                    }
                }
                Kind::Broken => panic!("broken at {:?}", node.span),
            }
        }
        let (source, root) = read(include_str!("../tests/it/pipelines/github.yaml"));
        let mut seen = 0;
        visit(&source, &root, &mut seen);
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn places_are_right_behind_letters_of_several_bytes_and_a_byte_order_mark() {
        let (source, root) = read("\u{feff}näme: 'größe'\r\nb: \"ü\"\r\n");
        assert_eq!(text_at(&source, &root, &["näme"]), "'größe'");
        assert_eq!(text_at(&source, &root, &["b"]), "\"ü\"");
    }

    #[test]
    fn a_collection_ends_with_its_last_child_or_its_bracket() {
        let (source, root) = read("a:\n  b: 1\n  c: [x, y]   # why\n\nd: { e: f }\n");
        assert_eq!(text_at(&source, &root, &["a"]), "b: 1\n  c: [x, y]");
        assert_eq!(text_at(&source, &root, &["d"]), "{ e: f }");
    }

    #[test]
    fn text_that_is_not_there_letter_by_letter_says_so() {
        let (_, root) = read("a: \"x\\ty\"\nb: |\n  x\nc: 'it''s'\nd: plain\n");
        let verbatim = |key: &str| root.entry(key).unwrap().value.scalar().unwrap().verbatim;
        assert_eq!([verbatim("a"), verbatim("b"), verbatim("c")], [None, None, None]);
        assert!(verbatim("d").is_some());
    }

    #[test]
    fn an_own_key_goes_before_a_merged_one_and_the_first_of_several_merged_maps_before_the_others() {
        let (_, root) = read("a: &a { x: 1, y: 1 }\nb: &b { y: 2, z: 2 }\nc: { <<: [*a, *b], x: 3 }\n");
        let merged = root.entry("c").unwrap().value.entries().unwrap();
        let merged: Vec<_> = merged.iter().map(|e| (e.key.as_str(), e.value.scalar().unwrap().text.as_str())).collect();
        assert_eq!(merged, [("x", "3"), ("y", "1"), ("z", "2")]);
    }

    #[test]
    fn quoted_scalars_are_text_whatever_they_look_like() {
        let (_, root) = read("a: '1'\nb: \"true\"\nc: 1\nd: !!str 1\ne:\n");
        let value = |key: &str| root.entry(key).unwrap().value.scalar().unwrap().value;
        assert_eq!([value("a"), value("b"), value("d")], [Value::Text; 3]);
        assert_eq!(value("c"), Value::Int(Some(1)));
        assert_eq!(value("e"), Value::Null);
    }
}
