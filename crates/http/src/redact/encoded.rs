//! Secrets inside of longer texts that are encoded as a whole: a request that a server tells back in base64 holds its
//! credentials although no character of them is there.
//!
//! Enters: a text, and who knows secrets. Leaves: the text with `[redacted]` in the place of every run of characters that
//! holds a secret once it is decoded. It deliberately decodes once and no more.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use spile_model::secret::REDACTED;

/// Shorter secrets are not looked for in what is decoded.
pub(super) const SHORTEST_SECRET: usize = 6;

/// A run of fewer characters cannot hold one in any encoding.
const SHORTEST_RUN: usize = 8;

/// A way of encoding: which characters it uses, and what a run of them may stand for.
type Encoding = (fn(char) -> bool, fn(&str) -> Vec<Vec<u8>>);

const ENCODINGS: [Encoding; 3] = [
    (|c| c.is_ascii_hexdigit(), |run| (0..2).map(|start| hex(&run.as_bytes()[start..], 0)).collect()),
    (
        |c| c.is_ascii_hexdigit() || c == '%',
        |run| run.find('%').map(|start| hex(&run.as_bytes()[start..], 1)).into_iter().collect(),
    ),
    (
        |c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_'),
        |run| (0..4).filter_map(|start| base64(&run[start..])).collect(),
    ),
];

pub(super) fn without(text: &str, holds_secret: impl Fn(&str) -> bool) -> String {
    ENCODINGS.iter().fold(text.to_owned(), |text, (is_part, decode)| {
        replaced(&text, is_part, |run| decode(run).iter().any(|bytes| holds_secret(&String::from_utf8_lossy(bytes))))
    })
}

/// `text` with the mark in the place of the runs that are `hidden`.
fn replaced(text: &str, is_part: &fn(char) -> bool, hidden: impl Fn(&str) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let gap = rest.find(is_part).unwrap_or(rest.len());
        shown.push_str(&rest[..gap]);
        rest = &rest[gap..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let run = &rest[..end];
        shown.push_str(if run.len() >= SHORTEST_RUN && hidden(run) { REDACTED } else { run });
        rest = &rest[end..];
    }
    shown
}

/// The bytes that pairs of digits stand for, each pair behind so many other characters; up to what is none.
fn hex(text: &[u8], between: usize) -> Vec<u8> {
    let pair = |chunk: &[u8]| u8::from_str_radix(std::str::from_utf8(chunk.get(between..)?).ok()?, 16).ok();
    text.chunks_exact(2 + between).map_while(pair).collect()
}

/// What stands in base64, in either alphabet; where its end is none, as much as is whole.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.replace('-', "+").replace('_', "/");
    let whole = STANDARD_NO_PAD.decode(&text);
    whole.or_else(|_| STANDARD_NO_PAD.decode(&text[..text.len() - text.len() % 4])).ok()
}
