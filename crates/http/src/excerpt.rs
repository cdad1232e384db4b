//! What an error body says, in one line for a message. Secrets are removed before it is cut: half of one is one too.

use serde_json::Value;

/// So much of a body is looked at: problem details and error objects are far smaller.
pub(crate) const LOOKED_AT: usize = 64 * 1024;

/// So many characters are shown.
const SHOWN: usize = 240;

/// Where APIs put what they want to say to a person, the most telling first. RFC 9457 calls them `title` and `detail`.
const MEMBERS: [&str; 7] = ["detail", "message", "error_description", "error", "errors", "title", "reason"];

/// So deep are error objects followed: `{"errors": [{"error": {"message": …}}]}`.
const DEPTH: usize = 4;

/// What the body says, or how it begins; nothing for an empty one.
pub(crate) fn of_body(body: &[u8], clean: impl Fn(&str) -> String) -> Option<String> {
    let body = &body[..body.len().min(LOOKED_AT)];
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(document) => said(&document, DEPTH).unwrap_or_else(|| document.to_string()),
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            html_title(&text).map_or_else(|| text.to_string(), |title| format!("an HTML page, \"{title}\""))
        }
    };
    let text = one_line(&clean(&text));
    (!text.is_empty()).then_some(text)
}

/// The words of an error object; `title: detail` where it has both.
fn said(document: &Value, depth: usize) -> Option<String> {
    if depth == 0 {
        return None;
    }
    match document {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(items) => items.iter().find_map(|item| said(item, depth - 1)),
        Value::Object(members) => {
            let words = MEMBERS.iter().find_map(|name| said(members.get(*name)?, depth - 1))?;
            match members.get("title").and_then(Value::as_str) {
                Some(title) if title != words => Some(format!("{title}: {words}")),
                _ => Some(words),
            }
        }
        _ => None,
    }
}

/// The title of an HTML page, which says more than its first bytes.
fn html_title(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let title = text[start..end].trim();
    (!title.is_empty()).then(|| title.to_owned())
}

/// White space and control characters become single spaces, and a long text is cut.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > SHOWN {
            return line.chars().take(SHOWN).chain(['…']).collect();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<String> {
        of_body(body.as_bytes(), ToOwned::to_owned)
    }

    #[test]
    fn problem_details_show_title_and_detail() {
        let body = r#"{"type":"about:blank","title":"Out of credit","status":403,"detail":"Your balance is 30."}"#;
        assert_eq!(of(body).unwrap(), "Out of credit: Your balance is 30.");
        assert_eq!(of(r#"{"title":"Out of credit"}"#).unwrap(), "Out of credit");
    }

    #[test]
    fn error_objects_of_every_usual_form_are_read() {
        for body in [
            r#"{"message":"Bad credentials"}"#,
            r#"{"error":{"code":1,"message":"Bad credentials"}}"#,
            r#"{"errors":[{"message":"Bad credentials"}]}"#,
            r#"{"error":"invalid_token","error_description":"Bad credentials"}"#,
            r#""Bad credentials""#,
            "Bad\n  credentials\r\n",
        ] {
            assert_eq!(of(body).unwrap(), "Bad credentials", "{body}");
        }
    }

    #[test]
    fn an_html_page_shows_its_title_and_other_bodies_their_beginning() {
        let page = "<!DOCTYPE html><html><head><TITLE lang=x>\n Sign in </TITLE></head>";
        assert_eq!(of(page).unwrap(), "an HTML page, \"Sign in\"");
        assert_eq!(of(r#"{"code":17}"#).unwrap(), r#"{"code":17}"#);
        assert_eq!(of("  \n"), None);
        let long = of(&"é".repeat(5000)).unwrap();
        assert_eq!(long.chars().count(), SHOWN + 1);
    }

    #[test]
    fn a_secret_that_stands_where_the_text_is_cut_is_removed_whole() {
        let body = format!("{}s3cret", "x".repeat(SHOWN - 3));
        let shown = of_body(body.as_bytes(), |text| text.replace("s3cret", "[redacted]")).unwrap();
        assert!(shown.ends_with("x[re…"), "{shown}");
    }
}
