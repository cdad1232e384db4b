//! The text of a configuration file and where things are in it.
//!
//! In: the file's name and text. Out: lines, columns and slices for byte ranges.
//! Invariant: every [`Span`] handed out lies within the text and on character boundaries.

use std::ops::Range;

use serde::Serialize;

/// A range of bytes in the configuration's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range from `start` up to, not including, `end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The same range as the standard library writes it.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Ranges that nothing may show, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Masked(Vec<Span>);

impl Masked {
    pub(crate) fn new(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable();
        Self(spans)
    }

    /// Whether any of a span may not be shown.
    pub(crate) fn touches(&self, span: Span) -> bool {
        let after = self.0.partition_point(|masked| masked.end <= span.start);
        self.0.get(after).is_some_and(|masked| masked.start < span.end)
    }
}

/// A place as a person names it; both parts count from 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A configuration's name and text.
#[derive(Debug, Clone, Default)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    /// Takes the name to show (a path, mostly) and the text.
    #[must_use]
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text, line_starts }
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte; a byte past the end is the end.
    #[must_use]
    pub fn place(&self, byte: usize) -> Place {
        let byte = self.boundary(byte);
        let line = self.line_index(byte);
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        let column = self.text[start..byte].chars().count() + 1;
        Place { line: line + 1, column }
    }

    /// The text of a span, empty when the span is not of this text.
    #[must_use]
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// The part of a span that is on its first line, without trailing blanks: what a caret can underline.
    #[must_use]
    pub(crate) fn first_line(&self, span: Span) -> Span {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let line = self.text[start..end].split('\n').next().unwrap_or("").trim_end();
        Span::new(start, start + line.len())
    }

    /// The whole line that holds a byte, without its line break.
    #[must_use]
    pub(crate) fn line_at(&self, byte: usize) -> &str {
        let line = self.line_index(self.boundary(byte));
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        let end = self.line_starts.get(line + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// Where the line that holds a byte begins.
    pub(crate) fn line_start(&self, byte: usize) -> usize {
        let line = self.line_index(self.boundary(byte));
        self.line_starts.get(line).copied().unwrap_or(0)
    }

    /// The same source with the given ranges starred out, character by character, so that places stay right.
    pub(crate) fn masked(&self, masked: &Masked) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut shown = 0;
        for span in &masked.0 {
            let start = span.start.clamp(shown, self.text.len());
            let end = span.end.clamp(start, self.text.len());
            text.push_str(&self.text[shown..start]);
            for character in self.text[start..end].chars() {
                if character.is_whitespace() {
                    text.push(character);
                } else {
                    // As many bytes as before keep every span valid.
                    text.extend(std::iter::repeat_n('*', character.len_utf8()));
                }
            }
            shown = end;
        }
        text.push_str(&self.text[shown..]);
        text
    }

    fn line_index(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    fn boundary(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let source = Source::new("f", "a: 1\nü: é\n");
        assert_eq!(source.place(0), Place { line: 1, column: 1 });
        let e = source.text().find('é').expect("it is there");
        assert_eq!(source.place(e), Place { line: 2, column: 4 });
        assert_eq!(source.place(9999).line, 3);
    }

    #[test]
    fn the_first_line_of_a_span_has_no_break_and_no_trailing_blank() {
        let source = Source::new("f", "a: 1  \nb: 2");
        assert_eq!(source.slice(source.first_line(Span::new(0, 11))), "a: 1");
    }

    #[test]
    fn masking_keeps_every_byte_position() {
        let source = Source::new("f", "token: häh\nb: 2");
        let masked = source.masked(&Masked::new(vec![Span::new(7, 11)]));
        assert_eq!(masked, "token: ****\nb: 2");
        assert_eq!(masked.len(), source.text().len());
    }
}
