//! Where secrets stand in what is shown or kept, and the same without them.
//!
//! The text is gone through once, whatever the number of secrets and of the ways in which each can be written. What takes
//! a secret's place in data leaves JSON well formed.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use spile_model::Secret;
use spile_model::secret::REDACTED;

use super::written::{self, Form};

/// A secret of fewer bytes is looked for neither in data nor in what is encoded: every hundredth page holds any three
/// digits by chance, and to take them away would spoil the page and hide nothing.
const SHORTEST: usize = 6;

/// Takes secrets out of texts and data.
pub(crate) struct Scrubber {
    /// All that is looked for.
    forms: Vec<Form>,
    /// Finds where one of them may begin: by its first two characters.
    beginnings: AhoCorasick,
    /// Of each beginning, whose it is.
    owners: Vec<usize>,
}

pub(super) fn is_long(secret: &Secret) -> bool {
    secret.expose().len() >= SHORTEST
}

impl Scrubber {
    /// For what is kept and read again as data: short secrets stay in it.
    pub(super) fn of_data<'s>(secrets: impl Iterator<Item = &'s Secret>) -> Self {
        Self::of_texts(secrets.filter(|secret| is_long(secret)))
    }

    /// For what is shown: of short secrets that which is not encoded goes too.
    pub(super) fn of_texts<'s>(secrets: impl Iterator<Item = &'s Secret>) -> Self {
        // What stands for a secret already is written as such, whatever has encoded it: so a request that repeats it is
        // the same request, and no short secret is found in it.
        let mut forms = vec![Form::text(REDACTED.to_owned())];
        for secret in secrets {
            match secret.expose() {
                "" => {}
                short if !is_long(secret) => forms.push(Form::text(short.to_owned())),
                long => forms.extend(written::encoded(long)),
            }
        }
        let ways = forms.iter().enumerate();
        let ways = ways.flat_map(|(owner, form)| form.beginnings().into_iter().map(move |way| (owner, way)));
        let (owners, beginnings): (Vec<usize>, Vec<Vec<u8>>) = ways.unzip();
        let mut automaton = AhoCorasick::builder();
        automaton.match_kind(MatchKind::Standard).ascii_case_insensitive(true);
        // It fails beyond millions of patterns alone, which the limits of a pipeline file do not allow.
        let beginnings = automaton.build(beginnings).expect("few and short patterns");
        Self { forms, beginnings, owners }
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
        let mut shown = String::with_capacity(text.len());
        let mut kept = 0;
        for Range { start, end } in found {
            shown.push_str(&text[kept..start]);
            shown.push_str(REDACTED);
            kept = end;
        }
        shown.push_str(&text[kept..]);
        Cow::Owned(shown)
    }

    /// Where secrets stand, in order and apart from each other.
    fn found(&self, data: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for candidate in self.beginnings.find_overlapping_iter(data) {
            let start = candidate.start();
            let form = &self.forms[self.owners[candidate.pattern().as_usize()]];
            if let Some(length) = form.at_start(&data[start..]) {
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
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    fn scrubber(secrets: &[&str]) -> Scrubber {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        Scrubber::of_data(secrets.iter())
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
    fn where_one_secret_holds_another_or_reaches_into_it_all_of_both_goes() {
        assert_eq!(scrubbed(&["acme-prod", "acme-prod-9f8e7d"], b"-acme-prod-9f8e7d-"), b"-[redacted]-");
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
