//! A place in JSON text that moves on by whole tokens and values, and checks each by the grammar (RFC 8259).
//!
//! Enters: text that is UTF-8. Invariant: what it has gone over is JSON; where it is not, it says so by `None` and no
//! more (who needs to know why asks a reader that explains, see `slice`). It builds nothing, and nesting costs one byte
//! a level, never a stack frame. The records of a page have the same keys in the same order: a key that stands where
//! the record before had it is compared instead of read.

use std::ops::Range;

use spile_model::json::{Expected, plain_until};

/// A place in a text.
pub(super) struct Scan<'t> {
    text: &'t str,
    at: usize,
    /// Inside the value that is being gone over: what closes the arrays and objects around the innermost that is open.
    open: Vec<u8>,
    /// The members' keys of the value before, colons included, in their order.
    keys: Vec<Expected>,
    /// Which of them is expected next.
    expected: usize,
}

/// Of a record with more keys than this the further ones are read anew.
const KEYS: usize = 1024;

/// In the place of a closing bracket: no array or object is open.
const OUTSIDE: u8 = 0;

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, open: Vec::new(), keys: Vec::new(), expected: 0 }
    }

    /// The first byte of the next token; `None` at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Steps over that byte, which must be the next token.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Inside an array or object: whether an element or member must come (`first`: the first one), or `close` came, which
    /// is stepped over.
    #[inline]
    pub(super) fn more(&mut self, first: bool, close: u8) -> Option<bool> {
        let next = self.peek()?;
        if first && next != close {
            return Some(true);
        }
        self.at += 1;
        if next == close { Some(false) } else { (next == b',').then_some(true) }
    }

    /// A member's key as it is written, quotes included; the colon behind it is stepped over.
    pub(super) fn key(&mut self) -> Option<&'t str> {
        self.expect(b'"')?;
        let start = self.at - 1;
        self.string()?;
        let key = &self.text[start..self.at];
        self.expect(b':')?;
        Some(key)
    }

    /// The next value: where it stands.
    #[inline]
    pub(super) fn value(&mut self) -> Option<Range<usize>> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        Some(start..self.at)
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// Goes over one value, however deep.
    fn skip(&mut self) -> Option<()> {
        self.expected = 0;
        self.open.clear();
        let mut close = OUTSIDE;
        loop {
            let first = self.peek()?;
            self.at += 1;
            match first {
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number(first)?,
                b'{' | b'[' => {
                    let inner = first + 2; // `}` is two behind `{`, and `]` behind `[`
                    if self.more(true, inner)? {
                        self.open.push(close);
                        close = inner;
                        self.member(close)?;
                        continue;
                    }
                }
                b't' => self.literal("rue")?,
                b'f' => self.literal("alse")?,
                b'n' => self.literal("ull")?,
                _ => return None,
            }
            while close != OUTSIDE {
                if self.more(false, close)? {
                    self.member(close)?;
                    break;
                }
                close = self.open.pop()?;
            }
            if close == OUTSIDE {
                return Some(());
            }
        }
    }

    /// What stands before a value inside of what `close` closes: in an object its key.
    #[inline]
    fn member(&mut self, close: u8) -> Option<()> {
        if close == b']' {
            return Some(());
        }
        if self.byte() != Some(b'"') {
            self.peek()?; // white space, which many write behind a comma
        }
        let expected = self.keys.get(self.expected).and_then(|key| key.end(self.text.as_bytes(), self.at));
        let Some(end) = expected else { return self.new_key() };
        self.at = end;
        self.expected += 1;
        Some(())
    }

    #[cold]
    fn new_key(&mut self) -> Option<()> {
        self.peek()?;
        let start = self.at;
        self.key()?;
        if self.expected < KEYS {
            self.keys.truncate(self.expected);
            self.keys.push(Expected::new(&self.text.as_bytes()[start..self.at]));
            self.expected += 1;
        }
        Some(())
    }

    fn literal(&mut self, rest: &str) -> Option<()> {
        let is_next = self.text.as_bytes()[self.at..].starts_with(rest.as_bytes());
        is_next.then(|| self.at += rest.len())
    }

    /// The rest of a string, whose opening quote was stepped over.
    #[inline]
    fn string(&mut self) -> Option<()> {
        loop {
            match self.special()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None, // a control character
            }
        }
    }

    /// Steps over the next quote, backslash or control character; which one it was.
    #[inline]
    fn special(&mut self) -> Option<u8> {
        let text = self.text.as_bytes();
        let at = plain_until(text, self.at);
        self.at = at + 1;
        text.get(at).copied()
    }

    /// The rest of an escape. Whether surrogates come in pairs is no question of the grammar.
    fn escape(&mut self) -> Option<()> {
        let text = self.text.as_bytes();
        let letter = *text.get(self.at)?;
        self.at += 1;
        match letter {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    /// The rest of a number, whose first byte was stepped over.
    #[inline]
    fn number(&mut self, first: u8) -> Option<()> {
        let first = if first == b'-' { self.digit()? } else { first };
        if first != b'0' {
            self.digits();
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digit()?;
            self.digits();
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit()?;
            self.digits();
        }
        Some(())
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn digit(&mut self) -> Option<u8> {
        let digit = self.byte().filter(u8::is_ascii_digit)?;
        self.at += 1;
        Some(digit)
    }

    #[inline]
    fn digits(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::Scan;

    fn accepts(text: &str) -> bool {
        let mut scan = Scan::new(text);
        scan.value().and_then(|_| scan.end()).is_some()
    }

    /// Whether all elements of an array are accepted, each with the keys of the one before in mind.
    fn accepts_elements(text: &str) -> bool {
        let mut scan = Scan::new(text);
        let mut elements = || {
            scan.expect(b'[')?;
            let mut first = true;
            while scan.more(first, b']')? {
                first = false;
                scan.value()?;
            }
            scan.end()
        };
        elements().is_some()
    }

    fn reference(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    /// Texts near JSON: pieces of it in any order.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\"a\"",
            "\"\\u00e9\"",
            "\\u12",
            "\"\\ud800\"",
            "\"1234567\u{1f}\"",
            "\"long enough for a word\"",
            "é",
            "-",
            "0",
            "01",
            "12",
            ".5",
            "1.5",
            "1.",
            "e",
            "E+7",
            "1e5",
            "true",
            "tru",
            "false",
            "null",
            " ",
            "\n",
            "\u{b}",
            "\u{0}",
            "{\"k\":",
            "[1,",
            "[]",
            "{}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    const RECORD: &str =
        r#" {"id":-12.5e+3,"name":"a \"q\" \u00e9\\","tags":["x",[],{}],"on":true,"off":false,"none":null,"n":0} "#;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn it_accepts_what_the_usual_reader_accepts(text in pieces()) {
            prop_assert_eq!(accepts(&text), reference(&text), "{}", text);
        }

        #[test]
        fn a_changed_byte_is_judged_as_the_usual_reader_does(at in 0_usize..110, byte in 0_u8..128) {
            let mut changed = RECORD.as_bytes().to_vec();
            changed[at % RECORD.len()] = byte;
            let changed = String::from_utf8_lossy(&changed);
            prop_assert_eq!(accepts(&changed), reference(&changed), "{}", changed);
            let page = format!("[{RECORD},{changed},{RECORD}]");
            prop_assert_eq!(accepts_elements(&page), reference(&page), "{}", page);
        }
    }

    #[test]
    fn depth_has_no_limit() {
        let depth = 1_000_000;
        assert!(accepts(&["[".repeat(depth), "]".repeat(depth)].concat()));
        assert!(!accepts(&["[".repeat(depth), "]".repeat(depth - 1)].concat()));
    }
}
