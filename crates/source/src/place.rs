//! Where a response keeps a value that is neither a record nor for paging.

use spile_http::Response;
use spile_plan::TokenSource;

use crate::extract::Signals;
use crate::pagination::Wanted;

pub(crate) enum Place {
    /// The path of that number.
    Body(usize),
    Header(String),
}

impl Place {
    /// The path that it needs, if any, is added to `wanted`.
    pub(crate) fn new(source: &TokenSource, wanted: &mut Wanted) -> Self {
        match source {
            TokenSource::Body(path) => Self::Body(wanted.add(path)),
            TokenSource::Header(name) => Self::Header(name.clone()),
        }
    }

    /// The text or number there.
    pub(crate) fn text<'r>(&self, response: &'r Response, signals: &'r Signals) -> Option<&'r str> {
        match self {
            Self::Body(index) => signals.get(*index)?.as_text(),
            Self::Header(name) => response.header(name.as_str()),
        }
    }
}
