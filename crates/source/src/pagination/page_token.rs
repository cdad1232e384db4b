//! The response hands out a token for the next page. They end where it is absent, null, false or empty, or where the
//! response says that nothing follows.

use serde_json::Value;
use spile_expression::RecordPath;
use spile_plan::{Injection, TokenSource};

use super::{Inject, Next, Position, Seen, Wanted, says_no_more};

pub(crate) struct PageToken {
    token: Source,
    place: Injection,
    has_more: Option<usize>,
}

enum Source {
    Body(usize),
    Header(String),
}

impl PageToken {
    pub(super) fn new(
        token: &TokenSource,
        place: &Injection,
        has_more: Option<&RecordPath>,
        wanted: &mut Wanted,
    ) -> Self {
        let token = match token {
            TokenSource::Body(path) => Source::Body(wanted.add(path)),
            TokenSource::Header(name) => Source::Header(name.clone()),
        };
        Self { token, place: place.clone(), has_more: wanted.add_if(has_more) }
    }

    pub(super) fn place(&self) -> &Injection {
        &self.place
    }

    pub(super) fn is_in_header(&self) -> bool {
        matches!(self.token, Source::Header(_))
    }

    pub(super) fn next(&self, seen: &Seen<'_>) -> Next {
        if says_no_more(seen.signals, self.has_more) {
            return Next::End;
        }
        match self.found(seen) {
            Some(token) => Next::At(Position::Token(token)),
            None => Next::End,
        }
    }

    fn found(&self, seen: &Seen<'_>) -> Option<Value> {
        match &self.token {
            Source::Body(index) => seen.signals.get(*index)?.as_token(),
            Source::Header(name) => {
                let token = seen.headers.get(name.as_str())?.to_str().ok()?.trim();
                (!token.is_empty()).then(|| Value::String(token.to_owned()))
            }
        }
    }

    pub(super) fn injections(&self, position: &Position) -> Vec<Inject<'_>> {
        match position {
            Position::Token(token) => vec![Inject { place: &self.place, value: token.clone() }],
            _ => Vec::new(),
        }
    }
}
