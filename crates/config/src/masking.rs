//! Which parts of the file are credentials, so that no message shows them.
//!
//! In: the tree, or only the text when it could not be read. Out: spans to star out. A credential
//! should stand in a variable and not in the file; where somebody writes one into it all the same, an
//! error about the next line must not carry it into a log. A template is not a credential.

use crate::source::{Masked, Source, Span};
use crate::tree::{Entry, Kind, Node, Scalar, Tree, Value};

/// A key that has one of these in it holds a credential.
const TELLING: [&str; 11] = [
    "token",
    "secret",
    "password",
    "passwd",
    "bearer",
    "api_key",
    "apikey",
    "api-key",
    "authorization",
    "credential",
    "private_key",
];
/// What stands in every private key in PEM (RFC 7468), whatever the key above it is called.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Below `auth`, only these hold no credential.
const HARMLESS_IN_AUTH: [&str; 28] = [
    "header",
    "query",
    "cookie",
    "username",
    "token_url",
    "client_id",
    "client_auth",
    "scopes",
    "audience",
    "lifetime",
    "algorithm",
    "key_id",
    "subject",
    "url",
    "method",
    "expires_in",
    "expires_at",
    "access_key_id",
    "region",
    "service",
    "encoding",
    "message",
    "mount",
    "authorization_url",
    "device_url",
    "redirect_uri",
    "issuer",
    "by",
];
/// Keys that have a telling word in them and hold the name or place of something.
const HARMLESS: [&str; 4] = ["token", "page_token", "secret", "secrets"];

/// The spans of credentials in a document.
pub(crate) fn credentials(tree: &Tree) -> Masked {
    let mut found = Vec::new();
    visit(&tree.root, Around::Nothing, &mut found);
    Masked::new(found)
}

/// The same for text that is not a document: what stands behind a telling key in its line.
pub(crate) fn credentials_of_text(source: &Source) -> Masked {
    let mut found = Vec::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        if let Some((key, value)) = line.split_once(':').filter(|(key, _)| tells(key)) {
            let at = start + key.len() + 1;
            if !value.contains("{{") {
                found.push(Span::new(at, at + value.len()));
            }
        }
        start += line.len();
    }
    Masked::new(found)
}

/// What a node stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Variables,
    Auth,
    /// Everything below is a credential.
    Secret,
}

fn visit(node: &Node, around: Around, found: &mut Vec<Span>) {
    match &node.kind {
        Kind::Scalar(scalar) if around == Around::Secret && shows_something(scalar) => found.push(node.span),
        Kind::Scalar(scalar) if scalar.text.contains(PRIVATE_KEY) => found.push(node.span),
        Kind::Scalar(scalar) => found.extend(user_info(scalar)),
        Kind::Broken => {}
        Kind::Sequence(items) => items.iter().for_each(|item| visit(item, around, found)),
        Kind::Map(entries) => {
            let secret_variable = node.entry("secret").is_some_and(|entry| is_true(&entry.value));
            for entry in entries {
                let inside =
                    if secret_variable && entry.key == "default" { Around::Secret } else { below(entry, around) };
                visit(&entry.value, inside, found);
            }
        }
    }
}

/// The part of an address between `//` and `@`.
fn user_info(scalar: &Scalar) -> Option<Span> {
    let start = scalar.text.find("://")? + 3;
    let rest = &scalar.text[start..];
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let end = start + authority.rfind('@')?;
    let offset = scalar.verbatim?;
    Some(Span::new(offset + start, offset + end))
}

fn below(entry: &Entry, around: Around) -> Around {
    let is_map = matches!(entry.value.kind, Kind::Map(_));
    match around {
        Around::Secret => Around::Secret,
        Around::Auth if is_map => Around::Auth,
        Around::Auth if HARMLESS_IN_AUTH.contains(&entry.key.as_str()) => Around::Nothing,
        // Where an answer has its token, and not a token.
        Around::Auth if entry.key == "token" && is_path(&entry.value) => Around::Nothing,
        Around::Auth => Around::Secret,
        Around::Variables if is_map => Around::Nothing,
        Around::Variables if tells(&entry.key) => Around::Secret,
        Around::Variables => Around::Nothing,
        Around::Nothing if entry.key == "auth" => Around::Auth,
        Around::Nothing if entry.key == "variables" => Around::Variables,
        Around::Nothing if is_map || HARMLESS.contains(&entry.key.as_str()) => Around::Nothing,
        Around::Nothing if tells(&entry.key) => Around::Secret,
        Around::Nothing => Around::Nothing,
    }
}

/// Whether a key says that its value is a credential.
pub(crate) fn tells(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    TELLING.iter().any(|word| key.contains(word))
}

fn is_path(node: &Node) -> bool {
    node.scalar().is_some_and(|scalar| scalar.text.starts_with("$."))
}

fn is_true(node: &Node) -> bool {
    node.scalar().is_some_and(|scalar| scalar.value == Value::Bool(true))
}

fn shows_something(scalar: &Scalar) -> bool {
    scalar.value == Value::Text && !scalar.text.contains("{{")
        || matches!(scalar.value, Value::Int(_) | Value::Float(_))
}
