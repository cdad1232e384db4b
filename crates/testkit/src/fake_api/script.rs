//! The script: expectations and routes in, an answer for each request out, and in the end an account.
//!
//! Expectations are asked first, in the order they were written; the first that means the request and is not used up
//! answers. Then routes, in their order. A request that nobody means is answered 501 and fails the test.

use std::fmt::Write as _;
use std::panic::Location;
use std::sync::Arc;

use super::matcher::Matcher;
use super::request::Request;
use super::response::Response;

/// Answers a request from whatever the test keeps behind it.
pub(crate) type Handler = Arc<dyn Fn(&Request) -> Response + Send + Sync>;

/// How an expectation answers.
#[derive(Clone)]
pub(crate) enum Answers {
    Same(Box<Response>),
    /// The n-th request that is meant gets the n-th response; the last one repeats.
    Each(Vec<Response>),
    By(Handler),
}

/// How often an expectation must be met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Times {
    Exactly(usize),
    AtLeast(usize),
}

pub(crate) struct Expectation {
    pub(crate) matcher: Matcher,
    pub(crate) answers: Answers,
    pub(crate) times: Times,
    pub(crate) in_order: bool,
    pub(crate) met: usize,
    pub(crate) written_at: &'static Location<'static>,
}

impl Expectation {
    fn used_up(&self) -> bool {
        matches!(self.times, Times::Exactly(times) if self.met >= times)
    }

    fn satisfied(&self) -> bool {
        let (Times::Exactly(times) | Times::AtLeast(times)) = self.times;
        self.met >= times
    }

    fn describe(&self) -> String {
        let times = match self.times {
            Times::Exactly(1) => "once".to_owned(),
            Times::Exactly(times) => format!("{times} times"),
            Times::AtLeast(times) => format!("at least {times} times"),
        };
        let at = self.written_at;
        format!("{}, {times}, met {} ({}:{})", self.matcher, self.met, at.file(), at.line())
    }

    fn answer(&mut self) -> Answer {
        let turn = self.met;
        self.met += 1;
        match &self.answers {
            Answers::Same(response) => Answer::Ready(response.clone()),
            Answers::Each(responses) => {
                let index = turn.min(responses.len() - 1);
                Answer::Ready(Box::new(responses[index].clone()))
            }
            Answers::By(handler) => Answer::Ask(Arc::clone(handler)),
        }
    }
}

/// An answer, or whom to ask for it once the script is unlocked.
pub(crate) enum Answer {
    Ready(Box<Response>),
    Ask(Handler),
}

#[derive(Default)]
pub(crate) struct Script {
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) routes: Vec<(Matcher, Handler)>,
    complaints: Vec<String>,
}

impl Script {
    /// Decides how `request` is answered, and counts it.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let next_in_order = self.expectations.iter().position(|e| e.in_order && !e.satisfied());
        let chosen = self.expectations.iter().enumerate().position(|(index, expectation)| {
            let early = expectation.in_order && next_in_order.is_some_and(|next| next < index);
            !early && !expectation.used_up() && expectation.matcher.mismatches(request).is_empty()
        });
        if let Some(index) = chosen {
            return self.expectations[index].answer();
        }
        let route = self.routes.iter().find(|(matcher, _)| matcher.mismatches(request).is_empty());
        if let Some((_, handler)) = route {
            return Answer::Ask(Arc::clone(handler));
        }
        let account = self.explain(request, next_in_order);
        let answer = Response::text(account.clone()).with_status(501);
        self.complaints.push(account);
        Answer::Ready(Box::new(answer))
    }

    /// Remembers something that must fail the test.
    pub(crate) fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    /// Everything that went against the script; nothing when all went as written.
    pub(crate) fn account(&self) -> Option<String> {
        let unmet: Vec<String> =
            self.expectations.iter().filter(|e| !e.satisfied()).map(Expectation::describe).collect();
        if self.complaints.is_empty() && unmet.is_empty() {
            return None;
        }
        let mut account = String::from("the fake API did not see what it expected");
        for complaint in &self.complaints {
            let _ = write!(account, "\n  {complaint}");
        }
        if !unmet.is_empty() {
            account.push_str("\n  expectations that were not met:");
            for expectation in unmet {
                let _ = write!(account, "\n    {expectation}");
            }
        }
        Some(account)
    }

    fn explain(&self, request: &Request, next_in_order: Option<usize>) -> String {
        let mut account = format!("an unexpected request: {request}");
        if self.expectations.is_empty() && self.routes.is_empty() {
            account.push_str("\n    the script is empty");
        }
        for (index, expectation) in self.expectations.iter().enumerate() {
            let mut reasons = expectation.matcher.mismatches(request);
            if expectation.used_up() {
                reasons.push("it is used up".to_owned());
            }
            if expectation.in_order
                && let Some(next) = next_in_order.filter(|next| *next < index)
            {
                reasons.push(format!("it comes after {}", self.expectations[next].matcher));
            }
            let _ = write!(account, "\n    not {}: {}", expectation.describe(), reasons.join("; "));
        }
        for (matcher, _) in &self.routes {
            let _ = write!(account, "\n    not the route {matcher}: {}", matcher.mismatches(request).join("; "));
        }
        account
    }
}
