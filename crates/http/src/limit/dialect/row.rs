//! A limit whose headers have names of their own: one row of a table.

use std::time::Duration;

use super::answer::{Answer, name};
use super::{Reading, number, reset};

/// The headers that tell of one limit; what a vendor does not send is left out.
pub(crate) struct Row {
    pub(super) name: &'static str,
    /// The header that tells the name.
    pub(super) named_by: Option<&'static str>,
    pub(super) limit: Option<&'static str>,
    pub(super) remaining: Option<&'static str>,
    /// In one of the forms that `reset` knows.
    pub(super) reset: Option<&'static str>,
    /// How many requests come back in each second.
    pub(super) restore: Option<&'static str>,
    pub(super) window: Window,
}

/// How long a limit is for.
pub(crate) enum Window {
    Unknown,
    Of(Duration),
    /// Told by this header.
    Milliseconds(&'static str),
}

/// What rows begin with.
pub(super) const NOTHING: Row =
    Row { name: "", named_by: None, limit: None, remaining: None, reset: None, restore: None, window: Window::Unknown };

pub(super) fn read(rows: &[Row], answer: &Answer<'_>) -> Vec<Reading> {
    rows.iter().filter_map(|row| row.reading(answer)).collect()
}

impl Row {
    fn reading(&self, answer: &Answer<'_>) -> Option<Reading> {
        let text = |header: Option<&str>| answer.text(header?);
        let reading = Reading {
            limit: text(self.limit).and_then(number::count),
            remaining: text(self.remaining).and_then(number::count),
            restore: text(self.restore).and_then(number::count).filter(|rate| *rate > 0.0),
            ..Reading::of_requests(text(self.named_by).map_or(self.name.into(), name))
        };
        let reset = text(self.reset).and_then(|text| reset::decode(text, answer));
        let reading = reading.with_reset(reset).if_told()?;
        let window = match self.window {
            Window::Unknown => None,
            Window::Of(window) => Some(window),
            Window::Milliseconds(header) => answer.text(header).and_then(number::milliseconds),
        };
        Some(Reading { window, ..reading })
    }
}
