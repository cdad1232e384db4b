//! Data that is kept holds no secret: bytes of any size in, the pieces of them that may be kept out.
//!
//! Where messages are short and shown, data is long, stored, and read again as data. So the text is gone through once,
//! whatever the number of secrets; a secret is recognised in base64 and in hexadecimal too; what takes its place leaves
//! JSON well formed; and what is too short to be told from chance is left alone.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use spile_model::Secret;
use spile_model::secret::REDACTED;

use super::written_at_start;

/// A secret of fewer bytes is not looked for in data: every hundredth page holds any three digits by chance, and to take
/// them away would spoil the page and hide nothing.
pub(crate) const SHORTEST: usize = 6;

/// Takes secrets out of data.
pub(crate) struct Scrubber {
    /// Every text that is looked for, in all its ways to be written.
    texts: Vec<String>,
    /// Finds where one of them may begin: by its first two characters.
    beginnings: AhoCorasick,
    /// Of each beginning, whose it is.
    owners: Vec<usize>,
}

impl Scrubber {
    pub(super) fn new<'s>(secrets: impl Iterator<Item = &'s Secret>) -> Self {
        // What stands for a secret already is written as such, whatever has encoded it: so a request that repeats it is
        // the same request.
        let mut secrets: Vec<&str> = secrets.map(Secret::expose).filter(|secret| secret.len() >= SHORTEST).collect();
        secrets.push(REDACTED);
        // The shortest first: what holds one of them needs no place of its own, and more of it stays readable.
        secrets.sort_by_key(|secret| secret.len());
        let mut kept: Vec<&str> = Vec::new();
        for secret in secrets {
            if !kept.iter().any(|inner| secret.contains(inner)) {
                kept.push(secret);
            }
        }
        let mut texts: Vec<String> = kept.iter().map(|secret| (*secret).to_owned()).collect();
        let themselves = texts.len();
        texts.extend(kept.iter().filter(|secret| **secret != REDACTED).flat_map(|secret| encodings(secret)));
        // Who encodes a secret further writes its letters and digits as they are.
        let ways = texts.iter().enumerate().map(|(owner, text)| (owner, beginnings(text, owner >= themselves)));
        let ways = ways.flat_map(|(owner, ways)| ways.into_iter().map(move |way| (owner, way)));
        let (owners, beginnings): (Vec<usize>, Vec<Vec<u8>>) = ways.unzip();
        let mut automaton = AhoCorasick::builder();
        automaton.match_kind(MatchKind::Standard).ascii_case_insensitive(true);
        // It fails beyond millions of patterns alone, which the limits of a pipeline file do not allow.
        let beginnings = automaton.build(beginnings).expect("few and short patterns");
        Self { texts, beginnings, owners }
    }

    /// `data` in pieces, without secrets.
    pub(crate) fn pieces<'d>(&self, data: &'d [u8]) -> Vec<&'d [u8]> {
        let mut pieces = Vec::new();
        let mut kept = 0;
        for found in self.found(data) {
            pieces.push(&data[kept..found.start]);
            pieces.push(stand_in(data, &found));
            kept = found.end;
        }
        pieces.push(&data[kept..]);
        pieces
    }

    /// `text` without secrets.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.found(text.as_bytes());
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(String::from_utf8_lossy(&self.pieces(text.as_bytes()).concat()).into_owned())
    }

    /// Where secrets stand, in order and apart from each other.
    fn found(&self, data: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for candidate in self.beginnings.find_overlapping_iter(data) {
            let start = candidate.start();
            let text = &self.texts[self.owners[candidate.pattern().as_usize()]];
            if let Some(length) = written_at_start(&data[start..], text) {
                found.push(start..start + length);
            }
        }
        found.sort_unstable_by_key(|range| range.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for range in found {
            match apart.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }
}

/// A secret as others would encode it, alone or among other bytes. How each character of that is written then
/// (percent-encoded, escaped as in JSON) is for [`written_at_start`] to see.
fn encodings(secret: &str) -> BTreeSet<String> {
    let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut encodings = BTreeSet::from([hexadecimal.to_uppercase(), hexadecimal]);
    for before in 0..3_usize {
        // Base64 writes three bytes as four characters, so that it depends on what stands before and behind.
        let bytes = [&[0; 2][..before], secret.as_bytes()].concat();
        let shared_before = [0, 2, 3][before];
        let shared_behind = usize::from(!bytes.len().is_multiple_of(3));
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            encodings.insert(encoded[shared_before..encoded.len() - shared_behind].to_owned());
        }
    }
    encodings
}

/// The ways in which the first two characters of `text` can be written; upper and lower case are the same.
fn beginnings(text: &str, plain_letters: bool) -> Vec<Vec<u8>> {
    let mut characters = text.chars().map(|character| ways(character, plain_letters));
    let (first, second) = (characters.next().unwrap_or_default(), characters.next().unwrap_or_default());
    first.iter().flat_map(|a| second.iter().map(|b| [a.as_slice(), b.as_slice()].concat())).collect()
}

fn ways(character: char, plain_letters: bool) -> Vec<Vec<u8>> {
    let plain = character.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
    if plain_letters && character.is_ascii_alphanumeric() {
        return vec![plain];
    }
    let percent: String = plain.iter().map(|byte| format!("%{byte:02x}")).collect();
    let unicode: String = character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
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
    [plain, percent.into_bytes(), unicode.into_bytes()].into_iter().chain(short).collect()
}

/// What stands in the place of a secret. A bare number in JSON stays one.
fn stand_in(data: &[u8], found: &Range<usize>) -> &'static [u8] {
    let numeric = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    let before = &data[..found.start];
    let before = before.iter().rposition(|byte| !numeric(byte)).map(|at| before[at]);
    let is_bare = before.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b':' | b',' | b'['));
    if is_bare && data[found.clone()].iter().all(numeric) { b"1" } else { REDACTED.as_bytes() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scrubber(secrets: &[&str]) -> Scrubber {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        Scrubber::new(secrets.iter())
    }

    fn scrubbed(secrets: &[&str], data: &[u8]) -> Vec<u8> {
        scrubber(secrets).pieces(data).concat()
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = "p/w \"ü\"😀%";
        let basic = STANDARD_NO_PAD.encode(format!("user:{secret}:x"));
        for form in [
            "p/w \"ü\"😀%",
            "p%2Fw+%22%C3%BC%22%F0%9F%98%80%25",
            "p%2fw%20%22%c3%bc%22%f0%9f%98%80%25",
            "p\\/w \\\"\\u00fc\\\"\\ud83d\\uDE00%",
            "%70%2f%77+\"ü\"😀%",
            "702f772022c3bc22f09f988025",
            "702F772022C3BC22F09F988025",
        ] {
            let data = format!("é {form} b");
            assert_eq!(scrubbed(&[secret], data.as_bytes()), "é [redacted] b".as_bytes(), "{form}");
        }
        let left = String::from_utf8(scrubbed(&[secret], basic.as_bytes())).unwrap();
        assert!(left.contains(REDACTED) && left.len() < 24, "{left}");
        let others = "p/w %22 %2 %zz \\ \\u12 \\q p%2";
        assert_eq!(scrubbed(&[secret], others.as_bytes()), others.as_bytes());
    }

    #[test]
    fn a_bare_number_stays_one_and_what_is_short_stays_as_it_is() {
        let data = br#"{"a":1234567,"b":"x1234567","c":[1234567, -1234567.5],"d":"?k=1234567","e":12345}"#;
        let left = scrubbed(&["1234567", "12345"], data);
        let expected = br#"{"a":1,"b":"x[redacted]","c":[1, -1.5],"d":"?k=[redacted]","e":12345}"#;
        assert_eq!(String::from_utf8_lossy(&left), String::from_utf8_lossy(expected));
    }

    #[test]
    fn what_stands_for_a_secret_is_written_in_one_way() {
        assert_eq!(scrubbed(&[], b"?a=%5Bredacted%5D&b=[redacted]"), b"?a=[redacted]&b=[redacted]");
    }

    #[test]
    fn what_holds_another_secret_is_not_taken_away_as_a_whole() {
        assert_eq!(
            scrubbed(&["/v1/s3cret/items", "s3cret"], b"https://a/v1/s3cret/items"),
            b"https://a/v1/[redacted]/items"
        );
        assert_eq!(scrubbed(&["abcdef", "defghi"], b"-abcdefghi-"), b"-[redacted]-");
        assert_eq!(scrubbed(&[], b"abc"), b"abc");
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_is_left_among_any_bytes(
            secret in "[a-zA-Z0-9+/=_ü-]{8,40}",
            before in proptest::collection::vec(any::<u8>(), 0..40),
            behind in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let scrubber = scrubber(&[&secret]);
            let whole = [&before, secret.as_bytes(), &behind].concat();
            let plain = scrubber.pieces(&whole).concat();
            prop_assert!(!plain.windows(secret.len()).any(|window| window == secret.as_bytes()));
            // What is left of its base64 decodes to no more than the ends that it shares with its neighbours.
            let left = scrubber.pieces(STANDARD_NO_PAD.encode(&whole).as_bytes()).concat();
            prop_assert!(left.windows(REDACTED.len()).any(|window| window == REDACTED.as_bytes()));
        }
    }
}
