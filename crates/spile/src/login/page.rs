//! What the browser shows when it comes back.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use html_escape::encode_text;
use spile_model::Failure;

/// With marks in the places of what changes. What is put there is escaped, so that it can hold no mark.
const HTML: &str = include_str!("page.html");

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    status: StatusCode,
    heading: &'static str,
    lines: Vec<String>,
}

impl Page {
    /// The login is done.
    pub(crate) fn done() -> Self {
        let lines = vec!["The login is kept for all runs. You can close this page.".to_owned()];
        Self { status: StatusCode::OK, heading: "You are logged in", lines }
    }

    /// It came to nothing.
    pub(crate) fn failed(failure: &Failure) -> Self {
        let lines = vec![failure.message.clone(), format!("To do: {}.", failure.kind.remedy())];
        Self { status: StatusCode::BAD_REQUEST, heading: "You are not logged in", lines }
    }

    /// What came is no answer to this login.
    pub(crate) fn of_another_login() -> Self {
        let line =
            "This is the answer to another login than the one that waits. Use the address that the terminal shows.";
        Self {
            status: StatusCode::BAD_REQUEST,
            heading: "This is not the login that waits",
            lines: vec![line.to_owned()],
        }
    }

    pub(crate) fn show(self, pipeline: &str) -> Response {
        let lines: Vec<String> = self.lines.iter().map(|line| paragraph(line)).collect();
        let html = HTML
            .replace("<!--class-->", if self.status.is_success() { "good" } else { "bad" })
            .replace("<!--heading-->", &encode_text(self.heading))
            .replace("<!--pipeline-->", &encode_text(pipeline))
            .replace("<!--lines-->", &lines.join("\n"));
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            // The address that led here has the code in it: nobody is to keep it or to learn of it.
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            (CONNECTION, "close"),
        ];
        (self.status, headers, html).into_response()
    }
}

/// A line as a sentence has it: with a capital, and commands as such.
fn paragraph(line: &str) -> String {
    let mut letters = line.chars();
    let line: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let escaped = encode_text(&line);
    let parts: Vec<&str> = escaped.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return format!("<p>{escaped}</p>");
    }
    let marked = parts.chunks(2).map(|chunk| match chunk {
        [text, code] => format!("{text}<code>{code}</code>"),
        rest => rest.concat(),
    });
    format!("<p>{}</p>", marked.collect::<String>())
}

#[cfg(test)]
mod tests {
    use spile_model::FailureKind;

    use super::*;

    async fn shown(page: Page) -> (StatusCode, String) {
        let response = page.show("sh<o>p");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_page_says_how_it_went_and_nothing_in_it_is_code() {
        let (status, done) = shown(Page::done()).await;
        assert!(
            status.is_success()
                && done.contains("<h1>You are logged in</h1>")
                && done.contains("class=\"good\"")
                && !done.contains("<!--"),
            "{done}"
        );
        let failure = Failure::new(FailureKind::LoginNeeded, "refused: <script>alert(1)</script>");
        let (status, failed) = shown(Page::failed(&failure)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(
            failed.contains("&lt;script&gt;") && !failed.contains("<script>") && !failed.contains("sh<o>p"),
            "{failed}"
        );
        assert!(
            failed.contains("<p>Refused: ") && failed.contains("To do: run <code>spile login</code> with"),
            "{failed}"
        );
        assert_eq!(paragraph("`a` < ``"), "<p><code>a</code> &lt; <code></code></p>");
        assert_eq!(paragraph("ä lone `"), "<p>Ä lone `</p>");
    }
}
