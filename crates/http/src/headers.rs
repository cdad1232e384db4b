//! Headers as they may be shown: names in, values without secrets out.
//!
//! A value is left out where we marked it as a credential, and where its name says that it is one: what an API sets as a
//! cookie is as good as a password, although no pipeline file has it. Links are shown as URLs are, for they repeat the
//! request's parameters.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Url;
use spile_model::secret::REDACTED;

use crate::excerpt;
use crate::redact::Redactor;
use crate::redact::scrub::Scrubber;

/// So many characters of a value are shown: the longest that say something are policies that nobody reads here.
const SHOWN: usize = 300;

/// Words in the name of a header that holds a credential, or may.
const SECRETIVE: [&str; 11] =
    ["auth", "cookie", "credential", "csrf", "key", "nonce", "password", "secret", "session", "signature", "token"];

/// Their names have such a word in them, but they say how to prove who one is, and hold no proof.
const CHALLENGES: [&str; 2] = ["www-authenticate", "proxy-authenticate"];

/// Every header with its value; `base` is what relative links in them begin at.
pub(crate) fn shown(headers: &HeaderMap, base: &Url, redactor: &Redactor) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value_shown(name, value, base, redactor))).collect()
}

/// Every header with its value, whole, as it may be kept; `needed`, in small letters, are those that a replay reads, and
/// that are kept whatever their names sound like.
pub(crate) fn kept(
    headers: &HeaderMap,
    base: &Url,
    redactor: &Redactor,
    scrubber: &Scrubber,
    needed: &BTreeSet<String>,
) -> Vec<(String, String)> {
    let url = |url: &Url| redactor.without_secret_parameters(url);
    let value = |name: &HeaderName, value: &HeaderValue| {
        if value.is_sensitive() || (is_secretive(name.as_str()) && !needed.contains(name.as_str())) {
            return REDACTED.to_owned();
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let text = match name.as_str() {
            "location" | "content-location" => link(&text, base, &url),
            "link" => targets(&text, base, &url),
            _ => text.into_owned(),
        };
        let text = scrubber.text(&text).into_owned();
        // Who reads it finds no text in it, and must find none when it is replayed.
        if text.is_ascii() && value.to_str().is_err() { REDACTED.to_owned() } else { text }
    };
    headers.iter().map(|(name, header)| (name.as_str().to_owned(), value(name, header))).collect()
}

fn value_shown(name: &HeaderName, value: &HeaderValue, base: &Url, redactor: &Redactor) -> String {
    if value.is_sensitive() || is_secretive(name.as_str()) {
        return REDACTED.to_owned();
    }
    let text = String::from_utf8_lossy(value.as_bytes());
    let url = |url: &Url| redactor.show_url(url);
    let text = match name.as_str() {
        "location" | "content-location" => link(&text, base, &url),
        "link" => targets(&text, base, &url),
        _ => text.into_owned(),
    };
    excerpt::quote(&text, SHOWN, |text| redactor.clean(text)).unwrap_or_default()
}

/// A value that is shown nowhere; none where `text` has characters that no header can have.
pub(crate) fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn is_secretive(name: &str) -> bool {
    !CHALLENGES.contains(&name) && SECRETIVE.iter().any(|word| name.contains(word))
}

/// What cannot be read as a URL has no parameters to hide.
fn link(text: &str, base: &Url, show: &dyn Fn(&Url) -> String) -> String {
    base.join(text.trim()).map_or_else(|_| text.to_owned(), |url| show(&url))
}

/// The text with each `<target>` in it shown as a URL is.
fn targets(text: &str, base: &Url, show: &dyn Fn(&Url) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (target, after))) =
        rest.split_once('<').and_then(|(before, behind)| Some((before, behind.split_once('>')?)))
    {
        out.push_str(&format!("{before}<{}>", link(target, base, show)));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use spile_model::Secret;

    use super::*;

    #[test]
    fn what_a_header_holds_is_shown_unless_it_is_or_may_be_a_credential() {
        let redactor = Redactor::knowing(vec![Secret::new("s3cret")], ["key".to_owned()].into());
        let base = Url::parse("https://api.test/items").unwrap();
        let mut marked = HeaderValue::from_static("hidden");
        marked.set_sensitive(true);
        for (name, value, expected) in [
            ("content-type", HeaderValue::from_static("application/json"), "application/json"),
            ("x-request-id", HeaderValue::from_static("a s3cret b"), "a [redacted] b"),
            ("x-anything", marked, "[redacted]"),
            ("set-cookie", HeaderValue::from_static("sid=1"), "[redacted]"),
            ("x-amz-security-token", HeaderValue::from_static("abc"), "[redacted]"),
            ("authorization", HeaderValue::from_static("Bearer abc"), "[redacted]"),
            ("www-authenticate", HeaderValue::from_static("Bearer realm=\"x\""), "Bearer realm=\"x\""),
            ("location", HeaderValue::from_static("/login?key=abc&a=1"), "https://api.test/login?key=[redacted]&a=1"),
            (
                "link",
                HeaderValue::from_static("</b?key=x&page=2>; rel=next, <https://c.test/?key=y>; rel=last"),
                "<https://api.test/b?key=[redacted]&page=2>; rel=next, <https://c.test/?key=[redacted]>; rel=last",
            ),
        ] {
            assert_eq!(value_shown(&HeaderName::from_static(name), &value, &base, &redactor), expected, "{name}");
        }
    }
}
