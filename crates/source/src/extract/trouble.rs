//! What came instead of records, said so that a person sees the mistake.
//!
//! What is quoted is cleaned of secrets first and cut afterwards: half of a secret is one too.

use serde_json::error::Category;
use spile_expression::RecordPath;
use spile_http::excerpt;
use spile_model::{ByteSize, Failure, FailureKind};

use super::survey::{Speaking, Survey};
use super::text::OtherEncoding;
use super::{Clean, Reached, nearest};

/// So many characters of a response are quoted.
const QUOTED: usize = 120;

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
        let what = match excerpt::html_title(trimmed) {
            Some(title) => format!("an HTML page titled \"{}\"", quote(title, clean)),
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

/// What a response without records means: an error in their place, a path that leads nowhere, or (`None`) nothing but
/// an empty page. Where the path led to a list, only an error of the form that GraphQL prescribes counts: under other
/// names and forms, APIs tell of other things beside an empty list.
pub(super) fn without_records(text: &str, path: &RecordPath, reached: Reached, clean: Clean<'_>) -> Option<Failure> {
    let survey = Survey::of(text);
    if let Some(error) = &survey.error
        && (reached != Reached::Values || error.is_list_of_objects())
    {
        let selects = if reached == Reached::No { "nothing" } else { "no record" };
        let message = format!(
            "the answer holds an error instead of records: {}; the record path `{path}` selects {selects}",
            error.quoted(clean)
        );
        return Some(Failure::new(FailureKind::ErrorInBody, message));
    }
    if reached != Reached::No {
        return None;
    }
    let mut message =
        format!("the record path `{path}` selects nothing: the response holds {}", held(text, &survey, clean));
    if let Some(message_of_api) = &survey.message {
        message.push_str(&format!("; {}", message_of_api.quoted(clean)));
    }
    let existing = nearest::paths(text, path, &survey.lists, clean);
    if let Some((last, others)) = existing.split_last() {
        let others = if others.is_empty() { String::new() } else { format!("{} or ", others.join(", ")) };
        message.push_str(&format!("; did you mean {others}{last}?"));
    }
    Some(Failure::new(FailureKind::NoRecords, message))
}

fn held(text: &str, survey: &Survey<'_>, clean: Clean<'_>) -> String {
    let top = text.trim_start();
    if top.starts_with('[') {
        return "an array".to_owned();
    }
    if !top.starts_with('{') {
        return format!("`{}`", quote(top, clean));
    }
    if survey.keys.is_empty() {
        return "an empty object".to_owned();
    }
    let keys: Vec<String> = survey.keys.iter().map(|key| format!("`{}`", quote(key, clean))).collect();
    let more = if survey.more > 0 { format!(" and {} more", survey.more) } else { String::new() };
    format!("an object with {}{more}", keys.join(", "))
}

impl Speaking<'_> {
    fn quoted(&self, clean: Clean<'_>) -> String {
        let said = excerpt::of_error(self.said, clean).unwrap_or_default();
        format!("`{}` says \"{said}\"", self.name)
    }
}

fn bad(message: &str) -> Failure {
    Failure::new(FailureKind::BadBody, message)
}

fn labelled(content_type: Option<&str>, clean: Clean<'_>) -> String {
    content_type.map_or_else(String::new, |content_type| format!(" (labelled {})", quote(content_type, clean)))
}

/// The first characters, in one line.
fn quote(text: &str, clean: Clean<'_>) -> String {
    excerpt::quote(text, QUOTED, clean).unwrap_or_default()
}
