//! The second pass over a record: a cursor over JSON text that is known to be valid.
//!
//! The whole page was validated before (syntax and UTF-8), so this one only moves; it checks bounds, not grammar, and
//! on text that breaks the promise it returns nonsense values but neither panics nor loops.

use std::borrow::Cow;

use spile_model::json::{Expected, plain_until};

/// A place in a record's text.
#[derive(Clone)]
pub(crate) struct Json<'a> {
    text: &'a [u8],
    at: usize,
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
pub(crate) struct RawString<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) escaped: bool,
}

impl<'a> Json<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The first byte of the next token, which stays where it is; 0 at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.text.get(self.at) {
            if byte > b' ' {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// Steps over the one byte that `peek` showed.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.at += 1;
    }

    /// Steps over `null`, `true` or `false`.
    #[inline]
    pub(crate) fn literal(&mut self) {
        self.at += if self.text.get(self.at) == Some(&b'f') { 5 } else { 4 };
    }

    /// Inside an array or object: steps to the next element or key, or over the closing bracket. Whether there is one.
    #[inline]
    pub(crate) fn more(&mut self) -> bool {
        loop {
            match self.peek() {
                b',' | b':' => self.at += 1,
                b']' | b'}' => {
                    self.at += 1;
                    return false;
                }
                0 => return false,
                _ => return true,
            }
        }
    }

    /// Steps over this text, if it is next.
    #[inline]
    pub(crate) fn skip(&mut self, text: &Expected) -> bool {
        let end = text.end(self.text, self.at);
        self.at = end.unwrap_or(self.at);
        end.is_some()
    }

    /// A key, and the colon behind it.
    #[inline]
    pub(crate) fn key(&mut self) -> RawString<'a> {
        let key = self.string();
        if self.peek() == b':' {
            self.at += 1;
        }
        key
    }

    /// A string, whose opening quote is next.
    #[inline]
    pub(crate) fn string(&mut self) -> RawString<'a> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = plain_until(self.text, self.at);
            match self.text.get(self.at) {
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => {
                    let bytes = &self.text[start..self.at];
                    self.at += 1;
                    return RawString { bytes, escaped };
                }
                None => {
                    self.at = self.text.len();
                    return RawString { bytes: &self.text[start..], escaped };
                }
            }
        }
    }

    /// A number's text.
    #[inline]
    pub(crate) fn number(&mut self) -> &'a [u8] {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
        }
        if self.at == start {
            self.at = self.text.len(); // not a number at all: end here rather than stand still
        }
        &self.text[start..self.at]
    }

    /// Any value; its text.
    pub(crate) fn value(&mut self) -> &'a [u8] {
        let first = self.peek();
        let start = self.at.min(self.text.len());
        match first {
            b'"' => {
                self.string();
            }
            b'{' | b'[' => self.skip_nested(),
            b'n' | b't' | b'f' => self.literal(),
            _ => {
                self.number();
            }
        }
        self.at = self.at.min(self.text.len());
        &self.text[start..self.at]
    }

    fn skip_nested(&mut self) {
        let mut depth = 0_usize;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

impl<'a> RawString<'a> {
    /// The string's text. Lone surrogates, which no text can hold, stay as their escapes and set `altered`.
    pub(crate) fn decode(self, altered: &mut bool) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.bytes);
        }
        let mut decoded = Vec::with_capacity(self.bytes.len());
        unescape(self.bytes, &mut decoded, altered);
        Cow::Owned(decoded)
    }

    /// Appends the string's text.
    #[inline]
    pub(crate) fn decode_into(self, into: &mut Vec<u8>, altered: &mut bool) {
        if self.escaped {
            unescape(self.bytes, into, altered);
        } else {
            into.extend_from_slice(self.bytes);
        }
    }
}

fn unescape(mut raw: &[u8], into: &mut Vec<u8>, altered: &mut bool) {
    while let Some(escape) = raw.iter().position(|&byte| byte == b'\\') {
        into.extend_from_slice(&raw[..escape]);
        raw = &raw[escape..];
        let used = match raw.get(1) {
            Some(b'u') => unescape_unicode(raw, into, altered),
            Some(b'n') => push(into, b'\n'),
            Some(b't') => push(into, b'\t'),
            Some(b'r') => push(into, b'\r'),
            Some(b'b') => push(into, 8),
            Some(b'f') => push(into, 12),
            Some(&other) => push(into, other),
            None => 1,
        };
        raw = &raw[used.min(raw.len())..];
    }
    into.extend_from_slice(raw);
}

/// Appends the text of a JSON value as it is, but for the escapes of lone surrogates, which readers of JSON refuse
/// together with all that is around them: they become the text of their escape (`\\ud800`), and `altered` is set.
pub(crate) fn copy_into(mut text: &[u8], into: &mut Vec<u8>, altered: &mut bool) {
    while let Some(escape) = text.iter().position(|&byte| byte == b'\\') {
        into.extend_from_slice(&text[..escape]);
        text = &text[escape..];
        let used = if text.get(1) == Some(&b'u') { escape_length(text) } else { 2 };
        let (escape, rest) = text.split_at(used.min(text.len()));
        if used == UNIT && is_surrogate(hex4(escape.get(2..6))) {
            into.push(b'\\');
            *altered = true;
        }
        into.extend_from_slice(escape);
        text = rest;
    }
    into.extend_from_slice(text);
}

/// The bytes of `\uXXXX`; a character beyond 16 bits takes two of them.
const UNIT: usize = 6;

/// The bytes that the escape `\uXXXX` at the beginning of `text` takes for one character.
fn escape_length(text: &[u8]) -> usize {
    let low = text.get(UNIT..UNIT + 2).filter(|next| *next == b"\\u").and_then(|_| hex4(text.get(8..12)));
    match (hex4(text.get(2..6)), low) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * UNIT,
        _ => UNIT,
    }
}

fn is_surrogate(unit: Option<u32>) -> bool {
    matches!(unit, Some(0xD800..=0xDFFF))
}

fn push(into: &mut Vec<u8>, byte: u8) -> usize {
    into.push(byte);
    2
}

/// `\uXXXX`, alone or as a surrogate pair (RFC 8259 section 7). Returns how many bytes it took.
fn unescape_unicode(raw: &[u8], into: &mut Vec<u8>, altered: &mut bool) -> usize {
    let Some(unit) = hex4(raw.get(2..6)) else { return push(into, b'u') };
    let (code, used) = match unit {
        0xD800..=0xDBFF => match hex4(raw.get(8..12)).filter(|_| raw[6..8] == *b"\\u") {
            Some(low @ 0xDC00..=0xDFFF) => (0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12),
            _ => (unit, 6),
        },
        _ => (unit, 6),
    };
    if let Some(character) = char::from_u32(code) {
        into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        into.extend_from_slice(&raw[..used]);
        *altered = true;
    }
    used
}

fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits?;
    digits.iter().try_fold(0, |code, &digit| Some(code * 16 + char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn decode(raw: &str) -> (String, bool) {
        let mut altered = false;
        let mut json = Json::new(raw.as_bytes());
        let text = json.string().decode(&mut altered).into_owned();
        (String::from_utf8(text).unwrap(), altered)
    }

    #[test]
    fn strings_decode_like_the_reference_parser() {
        for raw in [
            r#""""#,
            r#""plain text that is longer than eight bytes""#,
            r#""q\"uote and \\ and \/ \b\f\n\r\t""#,
            r#""\u0041\u00e9\u20AC\ud83d\ude00""#,
            r#""nul \u0000 inside""#,
            "\"Grüße, 世界\"",
        ] {
            let (text, altered) = decode(raw);
            assert_eq!(text, serde_json::from_str::<String>(raw).unwrap());
            assert!(!altered);
        }
    }

    #[test]
    fn a_lone_surrogate_stays_as_its_escape_and_is_told() {
        assert_eq!(decode(r#""a\ud800b""#), (r"a\ud800b".to_owned(), true));
        assert_eq!(decode(r#""\udc00\ud800""#), (r"\udc00\ud800".to_owned(), true));
        assert_eq!(decode(r#""\ud800\u0041""#), ("\\ud800A".to_owned(), true));
    }

    #[test]
    fn json_is_copied_as_it_is_but_for_lone_surrogates() {
        let copy = |text: &str| {
            let (mut copied, mut altered) = (Vec::new(), false);
            copy_into(text.as_bytes(), &mut copied, &mut altered);
            (String::from_utf8(copied).unwrap(), altered)
        };
        for whole in [r#"{"a": [1E-999, "\\ud800 \"\u0000\ud83d\uDE00"]}"#, "[]", r#""\\\\""#, r#""\\\u00e9\\u""#] {
            assert_eq!(copy(whole), (whole.to_owned(), false));
        }
        assert_eq!(copy(r#"["\uD800"]"#), (r#"["\\uD800"]"#.to_owned(), true));
        assert_eq!(
            copy(r#"{"\udc00\ud800\ud83d\ude00": "\\\ud800x"}"#).0,
            r#"{"\\udc00\\ud800\ud83d\ude00": "\\\\ud800x"}"#
        );
        for broken in ["\\", "\\u", "\\ud8", "\\ud800\\", "\\ud800\\u", "\\ud800\\udc"] {
            copy(broken);
        }
    }

    #[test]
    fn any_value_is_skipped_to_its_end() {
        let mut json = Json::new(br#" {"a":[1,{"b":"]}\""}],"c":null} , -1.5e3 ,"x""#);
        assert_eq!(json.value(), br#"{"a":[1,{"b":"]}\""}],"c":null}"#);
        assert!(json.more());
        assert_eq!(json.value(), b"-1.5e3");
        assert!(json.more());
        assert_eq!(json.value(), br#""x""#);
        assert!(!json.more());
    }

    #[test]
    fn broken_text_neither_panics_nor_loops() {
        for broken in ["", "\"", "\"\\", "{", "[1,", "tru", "\"\\u12", "\"\\ud800\\u", "@", "{\"a\"", "[[[["] {
            let mut json = Json::new(broken.as_bytes());
            let mut altered = false;
            for _ in 0..20 {
                if json.peek() == b'"' {
                    json.string().decode(&mut altered);
                }
                json.value();
                json.more();
            }
        }
    }
}
