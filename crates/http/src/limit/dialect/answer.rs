//! The headers of an answer, as the dialects look at them.

use http::header::{AGE, DATE};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use super::reset::http_date;

/// No more than so many lines of a header, or items of its lists, are looked at: no API has more limits, and the work
/// stays bounded whatever is sent.
pub(super) const MOST_ITEMS: usize = 64;
/// Longer lines are not looked at, for the same reason.
const LONGEST_LINE: usize = 4096;
/// Longer names are cut: they are kept for as long as the API is used.
const LONGEST_NAME: usize = 64;

pub(super) struct Answer<'a> {
    headers: &'a HeaderMap,
    /// When the answer was made, by the clock that times in it are told by.
    pub(super) made_at: Timestamp,
    /// Whether that is told by a `Date`, which knows no parts of a second.
    pub(super) dated: bool,
}

impl<'a> Answer<'a> {
    pub(super) fn new(headers: &'a HeaderMap, now: Timestamp) -> Self {
        let date = headers.get(DATE).and_then(|value| http_date(value.to_str().ok()?));
        Self { headers, made_at: date.unwrap_or(now), dated: date.is_some() }
    }

    /// Whether its `Age` is more than nothing (RFC 9111, 5.1).
    pub(super) fn came_from_a_cache(&self) -> bool {
        self.text(AGE.as_str()).and_then(super::number::plain).is_some_and(|age| age > 0.0)
    }

    /// The first line of the header `name` that can be read.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.lines(name).next()
    }

    /// All lines of the header `name` that can be read, without the space around them.
    pub(super) fn lines(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let lines = self.headers.get_all(name).iter().take(MOST_ITEMS);
        lines.filter(|line| line.len() <= LONGEST_LINE).filter_map(|line| line.to_str().ok()).map(str::trim)
    }

    /// The names of all headers, in lower case.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.headers.keys().map(HeaderName::as_str)
    }
}

/// `text` as the name of a limit.
pub(super) fn name(text: &str) -> Box<str> {
    text.chars().take(LONGEST_NAME).collect()
}
