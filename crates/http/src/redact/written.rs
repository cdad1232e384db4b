//! The ways in which a secret can be written in a text: each of its characters as it is, percent-encoded or escaped as in
//! JSON, all or some; and the whole, alone or among other bytes, once more in percent signs, in hexadecimal or in base64,
//! also as a URL or JSON has it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// What URLs percent-encode: all but the unreserved characters (RFC 3986, section 2.3); what JavaScript's
/// `encodeURIComponent` does; and what the queries of browsers do (the URL standard's query percent-encode set).
const URL_SETS: [&AsciiSet; 3] = [
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~'),
    &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'!')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')')
        .remove(b'*'),
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>'),
];

/// A text that is looked for.
pub(super) struct Form {
    pub(super) text: String,
    /// Its letters and digits are written as they are: who encodes further what is encoded has no reason to change them.
    has_plain_letters: bool,
}

impl Form {
    /// What is written in characters that may each be written in their own way.
    pub(super) fn text(text: String) -> Self {
        Self { text, has_plain_letters: false }
    }

    /// The ways in which its first two characters can be written; upper and lower case are the same.
    pub(super) fn beginnings(&self) -> Vec<Vec<u8>> {
        let mut characters = self.text.chars().map(|character| ways(character, self.has_plain_letters));
        let (first, second) = (characters.next().unwrap_or_default(), characters.next().unwrap_or(vec![Vec::new()]));
        first.iter().flat_map(|a| second.iter().map(|b| [a.as_slice(), b.as_slice()].concat())).collect()
    }

    /// How many bytes it takes where `data` begins with it, in whatever way each of its characters is written.
    pub(super) fn at_start(&self, data: &[u8]) -> Option<usize> {
        let mut rest = data;
        for character in self.text.chars() {
            rest = without_first(rest, character)?;
        }
        Some(data.len() - rest.len())
    }
}

/// All that is looked for so that `secret` is found in whatever way it was encoded.
pub(super) fn encoded(secret: &str) -> Vec<Form> {
    let texts = as_in_urls_and_json(secret);
    let encodings: BTreeSet<String> = texts.iter().flat_map(|text| encodings(text)).collect();
    let encodings = encodings.into_iter().map(|text| Form { text, has_plain_letters: true });
    texts.into_iter().map(Form::text).chain(encodings).collect()
}

/// `secret` as URLs, forms and JSON hold it, and as it is.
fn as_in_urls_and_json(secret: &str) -> BTreeSet<String> {
    let mut texts = BTreeSet::from([secret.to_owned()]);
    let in_urls = URL_SETS.iter().map(|set| utf8_percent_encode(secret, set).to_string());
    let in_forms = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    for text in in_urls.chain([in_forms]) {
        texts.insert(with_small_digits(&text));
        texts.insert(text);
    }
    let in_json = serde_json::Value::from(secret).to_string();
    let in_json = in_json[1..in_json.len() - 1].to_owned();
    let in_ascii: String = in_json.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect();
    texts.extend([in_ascii.replace('/', "\\/"), in_ascii, in_json]);
    texts
}

/// `text` with the digits behind its percent signs in lower case.
fn with_small_digits(text: &str) -> String {
    let mut pieces = text.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| match piece.split_at_checked(2) {
        Some((digits, rest)) => format!("{text}%{}{rest}", digits.to_ascii_lowercase()),
        None => format!("{text}%{piece}"),
    })
}

/// `text` in hexadecimal and base64, as far as it does not depend on what stands before and behind.
fn encodings(text: &str) -> BTreeSet<String> {
    let hexadecimal: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut encodings = BTreeSet::from([hexadecimal.to_uppercase(), hexadecimal]);
    for before in 0..3_usize {
        // Base64 writes three bytes as four characters.
        let bytes = [&[0; 2][..before], text.as_bytes()].concat();
        let shared_before = [0, 2, 3][before];
        let shared_behind = usize::from(!bytes.len().is_multiple_of(3));
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            encodings.insert(encoded[shared_before..encoded.len() - shared_behind].to_owned());
        }
    }
    encodings
}

fn ways(character: char, plain_letters: bool) -> Vec<Vec<u8>> {
    let plain = character.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
    if plain_letters && character.is_ascii_alphanumeric() {
        return vec![plain];
    }
    let percent: String = plain.iter().map(|byte| format!("%{byte:02x}")).collect();
    let short = match character {
        ' ' => Some("+"),
        '\n' => Some("\\n"),
        '\t' => Some("\\t"),
        '\r' => Some("\\r"),
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        '/' => Some("\\/"),
        _ => None,
    };
    let short = short.map(|way| way.as_bytes().to_vec());
    [plain, percent.into_bytes(), escaped(character).into_bytes()].into_iter().chain(short).collect()
}

/// `character` as JSON can write every one.
fn escaped(character: char) -> String {
    character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// `text` behind its first character, where that is `wanted`.
fn without_first(text: &[u8], wanted: char) -> Option<&[u8]> {
    let plain = || text.strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes());
    match text.first()? {
        b'%' => without_percent_encoded(text, wanted).or_else(plain),
        b'+' if wanted == ' ' => Some(&text[1..]),
        b'\\' => without_json_escape(text, wanted).or_else(plain),
        _ => plain(),
    }
}

fn without_percent_encoded(text: &[u8], wanted: char) -> Option<&[u8]> {
    let mut rest = text;
    for byte in wanted.encode_utf8(&mut [0; 4]).bytes() {
        let digits = rest.strip_prefix(b"%")?.get(..2)?;
        if hexadecimal(digits) != Some(u32::from(byte)) {
            return None;
        }
        rest = &rest[3..];
    }
    Some(rest)
}

/// A text that was put into JSON more than once has a character behind many backslashes.
fn without_json_escape(text: &[u8], wanted: char) -> Option<&[u8]> {
    let escaped = text.strip_prefix(b"\\")?;
    let first_other = escaped.iter().position(|byte| *byte != b'\\').unwrap_or(escaped.len());
    if first_other > 0 && matches!(wanted, '"' | '/') {
        return escaped[first_other..].strip_prefix(wanted.encode_utf8(&mut [0; 4]).as_bytes());
    }
    let first = *escaped.first()?;
    if first != b'u' {
        let meant = match first {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'"' | b'\\' | b'/' => char::from(first),
            _ => return None,
        };
        return (meant == wanted).then(|| &escaped[1..]);
    }
    let mut rest = text;
    for unit in wanted.encode_utf16(&mut [0; 2]) {
        let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
        if hexadecimal(digits) != Some(u32::from(*unit)) {
            return None;
        }
        rest = &rest[6..];
    }
    Some(rest)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}
