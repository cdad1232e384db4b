//! Text that a document can hold: JSON in, the same JSON with stand-ins for what no document can hold out.
//!
//! Two things are JSON and fit no document: an escape of half a surrogate pair, and a number beyond the doubles. One
//! record that holds such a thing must not cost its page, so they get a stand-in of the very same length: U+FFFD, and
//! a number near the end of the doubles. Invariant: every other byte stays as it is and where it is, so that a place
//! in the one text is that place in the other.

use std::borrow::Cow;

/// `text` with stand-ins for what a document cannot hold. It must be JSON.
pub(super) fn readable(text: &str) -> Cow<'_, str> {
    let mut stand_ins = Vec::new();
    let bytes = text.as_bytes();
    let (mut at, mut in_string) = (0, false);
    while let Some(byte) = bytes.get(at) {
        let length = match byte {
            b'"' => {
                in_string = !in_string;
                1
            }
            b'\\' if in_string => {
                let (length, is_half) = escape(&bytes[at..]);
                if is_half {
                    stand_ins.push((at, r"\ufffd".to_owned()));
                }
                length
            }
            b'-' | b'0'..=b'9' if !in_string => {
                let length = bytes[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                stand_ins.extend(smaller(&text[at..at + length]).map(|number| (at, number)));
                length
            }
            _ => 1,
        };
        at += length;
    }
    if stand_ins.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut readable = text.to_owned();
    for (at, stand_in) in stand_ins {
        readable.replace_range(at..at + stand_in.len(), &stand_in);
    }
    Cow::Owned(readable)
}

/// How long the escape is with which the bytes begin, and whether it is half a surrogate pair alone. A pair is taken as
/// one.
fn escape(bytes: &[u8]) -> (usize, bool) {
    match unit(bytes) {
        None => (2, false),
        Some(0xD800..=0xDBFF) => match bytes.get(6..).and_then(unit) {
            Some(0xDC00..=0xDFFF) => (12, false),
            _ => (6, true),
        },
        Some(unit) => (6, (0xDC00..=0xDFFF).contains(&unit)),
    }
}

/// The code unit of `\uXXXX`.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(br"\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

/// A number of the same sign and length where this one is beyond the doubles. Such a number has five characters at
/// least, without its sign.
fn smaller(number: &str) -> Option<String> {
    if !number.parse::<f64>().is_ok_and(f64::is_infinite) {
        return None;
    }
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    Some(format!("{sign}9e{:0>width$}", 307, width = digits.len() - 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn what_a_document_cannot_hold_gets_a_stand_in_of_its_length() {
        let cases = [
            (r#"{"a":"\ud800x"}"#, r#"{"a":"\ufffdx"}"#),
            (r#"["\uDFFF\uD83D\uDE00\ud83d\u0041"]"#, r#"["\ufffd\uD83D\uDE00\ufffd\u0041"]"#),
            (r#"["\\ud800",1e5]"#, r#"["\\ud800",1e5]"#),
            ("[1e999,-1E+400 ,1e-999]", "[9e307,-9e0307 ,1e-999]"),
            (r#"{"1e999":"1e999\""}"#, r#"{"1e999":"1e999\""}"#),
        ];
        for (text, expected) in cases {
            assert_eq!(readable(text), expected);
            assert!(serde_json::from_str::<Value>(expected).is_ok(), "{expected}");
        }
        let long = format!("[{}]", "9".repeat(400));
        assert!(
            serde_json::from_str::<Value>(&long).is_err() && serde_json::from_str::<Value>(&readable(&long)).is_ok()
        );
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_length(text in r#"[\[\]{}"\\u0-9a-fD.eE+,:é-]{0,60}"#) {
            prop_assert_eq!(readable(&text).len(), text.len());
        }

        #[test]
        fn readable_json_stays_as_it_is(text in r#""([a-z\[{é]|\\["\\n]|\\u00[0-9a-f]{2})*""#, number: f64) {
            let json = format!("[{text},{}]", Value::from(number));
            prop_assert_eq!(readable(&json), json.as_str());
        }
    }
}
