//! The address that a browser ended at, pasted into the terminal: for a browser on another machine.

use std::io::BufRead as _;

use tokio::sync::mpsc;
use url::{Url, form_urlencoded};

use crate::login::listener::Answer;
use crate::output::terminal::Terminal;

/// Takes each line of stdin for an answer, until it ends. The thread that reads ends with the program.
pub(crate) fn listen(answers: mpsc::Sender<Answer>, terminal: Terminal) {
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines();
        for line in lines.map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
            match parameters(line.trim()) {
                Some(parameters) => {
                    if answers.blocking_send(Answer { parameters, page: None }).is_err() {
                        return;
                    }
                }
                None => terminal
                    .tell("that is not an address with an answer in it: paste all of it, `?` and what follows too"),
            }
        }
    });
}

/// What an address carries behind its `?`; or what was copied of it.
fn parameters(line: &str) -> Option<Vec<(String, String)>> {
    let query = match Url::parse(line) {
        Ok(url) => url.query()?.to_owned(),
        Err(_) => line.rsplit('?').next().unwrap_or(line).to_owned(),
    };
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    parameters.iter().any(|(name, _)| name == "code" || name == "error").then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_what_follows_its_question_mark_is_taken() {
        let expected = vec![("code".to_owned(), "a b".to_owned()), ("state".to_owned(), "s".to_owned())];
        for line in ["http://127.0.0.1:1/cb?code=a+b&state=s", "?code=a%20b&state=s", "code=a+b&state=s"] {
            assert_eq!(parameters(line).as_ref(), Some(&expected), "{line}");
        }
        assert_eq!(parameters("http://127.0.0.1:1/cb"), None);
        assert_eq!(parameters("yes"), None);
    }
}
