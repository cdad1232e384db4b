//! A request as it arrived: bytes off a connection in, a readable record out.
//!
//! Nothing is normalised: the target, header order and repeated headers stay as they were sent, because tests
//! assert on exactly what a client put on the wire.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

/// How much of a body an account of a failure shows, in bytes: enough to recognise it, short enough to read.
const EXCERPT: usize = 300;

/// One request that the fake API received.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST` and so on, as sent.
    pub method: String,
    /// The request target as sent, with its query and without decoding.
    pub target: String,
    /// The path of the target, still percent-encoded. A target in absolute form (a proxy request) loses its origin.
    pub path: String,
    /// The query parameters, percent-decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// The headers in the order sent; names as the client wrote them.
    pub headers: Vec<(String, String)>,
    /// The body after transfer decoding.
    pub body: Bytes,
    /// When the request had been read whole. On paused time this is virtual time.
    pub at: Instant,
    /// The number of the connection that it came over, from 1.
    pub connection: usize,
    /// The number of this request among all, from 1, in the order they were read.
    pub number: usize,
}

impl Request {
    /// The first header of this name; the case of the name does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).first().copied()
    }

    /// Every header of this name, in the order sent.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The first query parameter of this name, decoded.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, or nothing where it is not JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body read as `application/x-www-form-urlencoded`, decoded, in the order sent.
    pub fn form(&self) -> Vec<(String, String)> {
        decode_pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} {}", self.number, self.method, self.target)?;
        for (name, value) in &self.headers {
            write!(f, "\n      {name}: {value}")?;
        }
        if !self.body.is_empty() {
            write!(f, "\n      body ({} bytes): {}", self.body.len(), excerpt(&self.body))?;
        }
        Ok(())
    }
}

/// The beginning of a body, for a person to recognise it.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]).into_owned();
    if body.len() > EXCERPT {
        text.push('…');
    }
    text
}

/// Splits a target into its raw path and its decoded query.
pub(crate) fn split_target(target: &str) -> (String, Vec<(String, String)>) {
    let origin_form = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => target,
    };
    match origin_form.split_once('?') {
        Some((path, query)) => (path.to_owned(), decode_pairs(query)),
        None => (origin_form.to_owned(), Vec::new()),
    }
}

/// Reads `a=1&b=2` with percent and plus decoding.
pub(crate) fn decode_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Writes a list of parameters so that `decode_pairs` reads them back.
pub(crate) fn encode_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let written: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    written.join("&")
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[at], escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', None) => {
                out.push(b' ');
                at += 1;
            }
            (byte, None) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_target_splits_into_its_raw_path_and_its_decoded_query() {
        let (path, query) = split_target("/a%20b/c?since=2024-01-01T00%3A00%3A00%2B01%3A00&q=x+y&flag&broken=%zz");
        assert_eq!(path, "/a%20b/c");
        let expected = [("since", "2024-01-01T00:00:00+01:00"), ("q", "x y"), ("flag", ""), ("broken", "%zz")];
        assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_target_in_absolute_form_loses_its_origin_and_a_url_in_the_query_does_not_confuse_it() {
        assert_eq!(split_target("http://api.test/x?a=1").0, "/x");
        assert_eq!(split_target("http://api.test").0, "/");
        assert_eq!(split_target("/x?next=http://api.test/y").0, "/x");
    }

    #[test]
    fn encoded_pairs_decode_to_themselves() {
        let pairs = [("a b", "1&2=3"), ("ключ", "%+é"), ("", "")];
        let read = decode_pairs(&encode_pairs(pairs));
        assert_eq!(read, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
