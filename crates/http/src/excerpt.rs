//! What an answer says to a person, in one line for a message.
//!
//! Enters: a body or a part of one, and what removes secrets. Leaves: a bounded number of characters, or nothing where
//! it says nothing. Invariant: secrets are removed before anything is cut, for half of one is one too.

use http::StatusCode;
use serde_json::Value;

/// So much of a body is looked at: problem details and error objects are far smaller.
pub(crate) const LOOKED_AT: usize = 64 * 1024;

/// So much of a text is searched for secrets before some of it is shown.
const SEARCHED: usize = 16 * 1024;

/// So many characters of what an error says are shown.
const SHOWN: usize = 240;

/// Where APIs put what they want to say to a person, the most telling first. RFC 9457 calls them `title` and `detail`.
const MEMBERS: [&str; 7] = ["detail", "message", "error_description", "error", "errors", "title", "reason"];

/// So deep are error objects followed: `{"errors": [{"error": {"message": …}}]}`.
const DEPTH: usize = 4;

/// What the body of a refusal says beyond its status, or how it begins.
pub(crate) fn of_refusal(status: StatusCode, body: &[u8], clean: impl Fn(&str) -> String) -> Option<String> {
    let body = &body[..body.len().min(LOOKED_AT)];
    let is_news = |text: &str| !repeats(status, text);
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(document) => match said(&document, DEPTH, &is_news) {
            Some(words) => words + &which_problem(&document).unwrap_or_default(),
            None if said(&document, DEPTH, &|_| true).is_some() => return None,
            None => document.to_string(),
        },
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            match html_title(&text) {
                Some(title) if is_news(title) => format!("an HTML page, \"{title}\""),
                None if !text.contains('<') || is_news(&without_tags(&text)) => text.into_owned(),
                _ => "an HTML page".to_owned(),
            }
        }
    };
    is_news(&text).then(|| quote(&text, SHOWN, clean)).flatten()
}

/// Which problem it is, and where it happened: `type` and `instance` of problem details (RFC 9457), where they say more
/// than nothing.
fn which_problem(document: &Value) -> Option<String> {
    let member = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    // `type` alone is the name of a field in many error objects, and no address of a problem.
    member("title").or_else(|| member("detail"))?;
    let address = |text: &&str| text.contains(['/', '#', ':']) && *text != "about:blank";
    let kind = member("type").filter(address).map(ToOwned::to_owned);
    let instance = member("instance").map(|instance| format!("instance {instance}"));
    let told: Vec<String> = kind.into_iter().chain(instance).collect();
    (!told.is_empty()).then(|| format!(" ({})", told.join(", ")))
}

/// What an error object says, given as JSON text: its words, or the text itself where it has none.
pub fn of_error(json: &str, clean: impl Fn(&str) -> String) -> Option<String> {
    let error = (json.len() <= LOOKED_AT).then(|| serde_json::from_str::<Value>(json).ok()).flatten();
    let words = error.and_then(|error| said(&error, DEPTH, &|_| true));
    quote(words.as_deref().unwrap_or(json), SHOWN, clean)
}

/// The title of an HTML page, which says more than its first bytes. Untouched: it may hold secrets and line breaks.
pub fn html_title(text: &str) -> Option<&str> {
    let text = beginning(text, LOOKED_AT);
    // Lower case in ASCII alone keeps all offsets.
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let title = text[start..end].trim();
    (!title.is_empty()).then_some(title)
}

/// The words between an HTML page's tags.
fn without_tags(html: &str) -> String {
    let pieces = html.split('<').enumerate();
    let words = pieces
        .map(|(index, piece)| if index == 0 { piece } else { piece.split_once('>').map_or("", |(_, words)| words) });
    words.collect::<Vec<_>>().join(" ")
}

/// The first `most` characters of `text` without secrets, with single spaces for white space and control characters;
/// nothing where nothing is left.
pub fn quote(text: &str, most: usize, clean: impl Fn(&str) -> String) -> Option<String> {
    let cleaned = clean(beginning(text, SEARCHED));
    if text.len() <= SEARCHED {
        return one_line(&cleaned, most);
    }
    // What was searched may end inside a secret, and is shorter now. Cut elsewhere, it reads the same up to that place.
    let shorter = clean(beginning(text, SEARCHED / 2));
    let same = cleaned.bytes().zip(shorter.bytes()).take_while(|(one, other)| one == other).count();
    one_line(&cleaned[..cleaned.floor_char_boundary(same)], most)
}

fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Whether the text only says the status again: `Not Found`, `404 - not found`, `Error 404: Not Found.`
fn repeats(status: StatusCode, text: &str) -> bool {
    let words = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_ascii_lowercase);
        words.filter(|word| !matches!(word.as_str(), "" | "error" | "http") && *word != status.as_str()).collect()
    };
    let said: Vec<String> = words(text);
    said.is_empty() && text.contains(status.as_str()) || status.canonical_reason().is_some_and(|own| words(own) == said)
}

/// The words of an error object that are news; `title: detail` where it has both.
fn said(document: &Value, depth: usize, is_news: &dyn Fn(&str) -> bool) -> Option<String> {
    if depth == 0 {
        return None;
    }
    match document {
        Value::String(text) if !text.trim().is_empty() && is_news(text) => Some(text.clone()),
        Value::Array(items) => items.iter().find_map(|item| said(item, depth - 1, is_news)),
        Value::Object(members) => {
            let words = MEMBERS.iter().find_map(|name| said(members.get(*name)?, depth - 1, is_news))?;
            match members.get("title").and_then(Value::as_str) {
                Some(title) if title != words && is_news(title) => Some(format!("{title}: {words}")),
                _ => Some(words),
            }
        }
        _ => None,
    }
}

fn one_line(text: &str, most: usize) -> Option<String> {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > most {
            return Some(line.chars().take(most).chain(['…']).collect());
        }
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<String> {
        of_refusal(StatusCode::NOT_FOUND, body.as_bytes(), ToOwned::to_owned)
    }

    #[test]
    fn problem_details_show_title_and_detail() {
        let body = r#"{"type":"about:blank","title":"Out of credit","status":403,"detail":"Your balance is 30."}"#;
        assert_eq!(of(body).unwrap(), "Out of credit: Your balance is 30.");
        assert_eq!(of(r#"{"title":"Out of credit"}"#).unwrap(), "Out of credit");
        let body = r#"{"type":"https://bank.test/out-of-credit","title":"Out of credit","detail":"Your balance is 30.","instance":"/account/12"}"#;
        let told = "Out of credit: Your balance is 30. (https://bank.test/out-of-credit, instance /account/12)";
        assert_eq!(of(body).unwrap(), told);
        for wrong in [r#""type":7,"instance":[]"#, r#""type":"order","instance":" ""#, r#""status":"x""#] {
            assert_eq!(of(&format!("{{\"title\":\"Out of credit\",{wrong}}}")).unwrap(), "Out of credit", "{wrong}");
        }
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
    fn a_body_that_only_says_the_status_again_says_nothing() {
        for body in [
            "Not Found",
            "404: not found",
            "404",
            "Error 404 - Not Found.",
            r#"{"message":"Not Found","documentation_url":"https://a.test"}"#,
            r#"{"error":{"code":404,"message":"not found"}}"#,
            r#"{"title":"Not Found","status":404}"#,
        ] {
            assert_eq!(of(body), None, "{body}");
        }
        assert_eq!(of(r#"{"title":"Not Found","detail":"no such repository"}"#).unwrap(), "no such repository");
        assert_eq!(of(r#"{"detail":"Not Found","error":"no such repository"}"#).unwrap(), "no such repository");
        for page in ["<title>404 Not Found</title>", "<html><h1>Not Found</h1></html>"] {
            assert_eq!(of(page).unwrap(), "an HTML page", "{page}");
        }
        assert_eq!(of("Repository not found").unwrap(), "Repository not found");
        assert_eq!(of("Error").unwrap(), "Error");
    }

    #[test]
    fn an_error_inside_an_answer_gives_its_words_or_its_text() {
        let of = |json: &str| of_error(json, |text| text.replace("s3cret", "*"));
        assert_eq!(of(r#"[{"message":"no s3cret","path":["a"]}]"#).unwrap(), "no *");
        assert_eq!(of(r#"{"code":17}"#).unwrap(), r#"{"code":17}"#);
        assert_eq!(of(r#""Not Found""#).unwrap(), "Not Found");
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
        let clean = |text: &str| text.replace("s3cret", "[redacted]");
        let shown = of_refusal(StatusCode::NOT_FOUND, body.as_bytes(), clean).unwrap();
        assert!(shown.ends_with("x[re…"), "{shown}");
        let long = "s3cret".repeat(50);
        for length in SEARCHED - 400..SEARCHED + 400 {
            for filler in ["\n", &long] {
                let text = format!("{}{long}", filler.repeat(length / filler.len()));
                let shown = quote(&text, SHOWN, |text| text.replace(&long, "*")).unwrap_or_default();
                assert!(!shown.contains('s'), "{length}: {shown}");
            }
        }
    }
}
