//! What came instead of records, said so that a person sees the mistake.
//!
//! What is quoted is cleaned of secrets first and cut afterwards: half of a secret is one too.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use spile_expression::RecordPath;
use spile_model::{ByteSize, Failure, FailureKind};

use super::Clean;
use super::text::OtherEncoding;

/// So many keys of a response are named.
const KEYS_SHOWN: usize = 12;

/// So many characters of a response are quoted.
const QUOTED: usize = 120;

/// The members in which APIs tell of errors while they answer 200.
const ERROR_MEMBERS: [&str; 4] = ["errors", "error", "message", "error_description"];

/// So much of a response is looked at for a quotation: what is quoted stands at its beginning.
const LOOKED_AT: usize = 16 * 1024;

pub(super) fn not_utf8(encoding: &OtherEncoding, content_type: Option<&str>, clean: Clean<'_>) -> Failure {
    bad(&format!("the body is {}{}; JSON is UTF-8", encoding.0, labelled(content_type, clean)))
}

pub(super) fn not_json(text: &str, content_type: Option<&str>, error: &serde_json::Error, clean: Clean<'_>) -> Failure {
    let label = labelled(content_type, clean);
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        return bad(&format!("the body is empty{label}"));
    }
    if trimmed.starts_with('<') {
        let what = match title(beginning(trimmed)) {
            Some(title) => format!("an HTML page titled \"{}\"", quote(&title, clean)),
            None => format!("HTML or XML that begins with `{}`", quote(trimmed, clean)),
        };
        return bad(&format!("the body is not JSON but {what}{label}"));
    }
    let begins = quote(trimmed, clean);
    if error.classify() == Category::Eof {
        let size = ByteSize(text.len() as u64);
        return bad(&format!("the JSON breaks off after {size}; it begins with `{begins}`"));
    }
    bad(&format!("the body is not JSON{label}: {error}; it begins with `{begins}`"))
}

pub(super) fn no_records(text: &str, path: &RecordPath, clean: Clean<'_>) -> Failure {
    let mut reader = serde_json::Deserializer::from_str(text);
    let top = text.trim_start();
    let held = match top.bytes().next() {
        Some(b'{') => {
            let read = reader.deserialize_map(TopLevel);
            read.map_or_else(|_| "an object".to_owned(), |top| top.describe(clean))
        }
        Some(b'[') => "an array".to_owned(),
        _ => format!("`{}`", quote(top, clean)),
    };
    let message = format!("the record path `{path}` selects nothing: the response holds {held}");
    Failure::new(FailureKind::NoRecords, message)
}

fn bad(message: &str) -> Failure {
    Failure::new(FailureKind::BadBody, message)
}

fn labelled(content_type: Option<&str>, clean: Clean<'_>) -> String {
    content_type.map_or_else(String::new, |content_type| format!(" (labelled {})", quote(content_type, clean)))
}

/// The first characters, in one line.
fn quote(text: &str, clean: Clean<'_>) -> String {
    let cleaned = clean(beginning(text));
    let in_line = cleaned.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut quoted: String = in_line.take(QUOTED).collect();
    if cleaned.chars().nth(QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

fn title(html: &str) -> Option<String> {
    // `to_ascii_lowercase` keeps all offsets.
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let words: Vec<&str> = html[start..end].split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Reads the keys of the top level, and what an error member says.
struct TopLevel;

#[derive(Default)]
struct Top {
    keys: Vec<String>,
    more: usize,
    error: Option<(String, String)>,
}

impl Top {
    fn describe(&self, clean: Clean<'_>) -> String {
        if self.keys.is_empty() {
            return "an empty object".to_owned();
        }
        let keys: Vec<String> = self.keys.iter().map(|key| format!("`{}`", quote(key, clean))).collect();
        let mut held = format!("an object with {}", keys.join(", "));
        if self.more > 0 {
            held.push_str(&format!(" and {} more", self.more));
        }
        if let Some((name, said)) = &self.error {
            held.push_str(&format!("; `{name}` says {}", quote(said, clean)));
        }
        held
    }
}

impl<'t> Visitor<'t> for TopLevel {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Top, A::Error> {
        let mut top = Top::default();
        while let Some(key) = members.next_key::<String>()? {
            if top.error.is_none() && ERROR_MEMBERS.contains(&key.as_str()) {
                let said = members.next_value::<&RawValue>()?;
                top.error = Some((key.clone(), beginning(said.get()).to_owned()));
            } else {
                members.next_value::<IgnoredAny>()?;
            }
            if top.keys.len() < KEYS_SHOWN {
                top.keys.push(key);
            } else {
                top.more += 1;
            }
        }
        Ok(top)
    }
}
