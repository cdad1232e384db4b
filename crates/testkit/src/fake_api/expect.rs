//! Writing one expectation into the script.

use std::panic::Location;
use std::sync::Arc;

use super::matcher::Matcher;
use super::request::Request;
use super::response::Response;
use super::script::{Answers, Expectation, Times};
use super::serve::Shared;

/// An expectation being written: how often, in which order, and at last the answer, which puts it into the script.
#[must_use = "an expectation is in the script only after one of its respond methods"]
pub struct Expect<'a> {
    shared: &'a Arc<Shared>,
    matcher: Matcher,
    times: Option<Times>,
    in_order: bool,
    written_at: &'static Location<'static>,
}

impl<'a> Expect<'a> {
    #[track_caller]
    pub(super) fn new(shared: &'a Arc<Shared>, matcher: Matcher) -> Self {
        Self { shared, matcher, times: None, in_order: false, written_at: Location::caller() }
    }

    /// Expects exactly this many such requests. `times(0)` says that there must be none.
    pub fn times(self, times: usize) -> Self {
        Self { times: Some(Times::Exactly(times)), ..self }
    }

    /// Expects this many such requests or more.
    pub fn at_least(self, times: usize) -> Self {
        Self { times: Some(Times::AtLeast(times)), ..self }
    }

    /// Expects it only after every earlier expectation that is also in order has been met.
    pub fn in_order(self) -> Self {
        Self { in_order: true, ..self }
    }

    /// Answers each time with this response.
    pub fn respond(self, response: Response) {
        self.write(Answers::Same(Box::new(response)), Times::Exactly(1));
    }

    /// Answers the first request with the first response and so on; expects as many requests as there are responses
    /// unless said otherwise, and the last response repeats.
    ///
    /// # Panics
    /// When there is no response.
    pub fn respond_each(self, responses: impl IntoIterator<Item = Response>) {
        let responses: Vec<Response> = responses.into_iter().collect();
        assert!(!responses.is_empty(), "respond_each needs at least one response");
        let times = Times::Exactly(responses.len());
        self.write(Answers::Each(responses), times);
    }

    /// Answers with what the function makes of the request.
    pub fn respond_with(self, handler: impl Fn(&Request) -> Response + Send + Sync + 'static) {
        self.write(Answers::By(Arc::new(handler)), Times::Exactly(1));
    }

    fn write(self, answers: Answers, default: Times) {
        let expectation = Expectation {
            matcher: self.matcher,
            answers,
            times: self.times.unwrap_or(default),
            in_order: self.in_order,
            met: 0,
            written_at: self.written_at,
        };
        self.shared.script().expectations.push(expectation);
    }
}
