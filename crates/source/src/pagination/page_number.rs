//! Pages are numbered. They end at a page without records, where the response says so, or at a short page.

use spile_model::Failure;
use spile_plan::{Injection, PageLimit};

use super::{Inject, Next, Position, Seen, count, says_no_more, size_injection};

pub(crate) struct PageNumber {
    pub(super) place: Injection,
    pub(super) start: u64,
    pub(super) size: Option<PageLimit>,
    pub(super) total_pages: Option<usize>,
    pub(super) has_more: Option<usize>,
    pub(super) stop_on_short_page: bool,
}

impl PageNumber {
    pub(super) fn first(&self) -> Position {
        Position::Page(self.start)
    }

    pub(super) fn next(&self, seen: &Seen<'_>) -> Result<Next, Failure> {
        let Position::Page(number) = seen.position else { return Ok(Next::End) };
        let next = number.saturating_add(1);
        let is_short = self.size.as_ref().is_some_and(|size| seen.records < size.size.get());
        let is_last = seen.records == 0
            || (self.stop_on_short_page && is_short)
            || says_no_more(seen.signals, self.has_more)
            || self.end(seen)?.is_some_and(|end| next >= end);
        Ok(if is_last { Next::End } else { Next::At(Position::Page(next)) })
    }

    pub(super) fn guess(&self, position: &Position, end: Option<u64>) -> Option<Position> {
        let Position::Page(number) = position else { return None };
        let next = number.saturating_add(1);
        end.is_none_or(|end| next < end).then_some(Position::Page(next))
    }

    pub(super) fn end(&self, seen: &Seen<'_>) -> Result<Option<u64>, Failure> {
        let pages = count(seen.signals, self.total_pages, "total_pages")?;
        Ok(pages.map(|pages| self.start.saturating_add(pages)))
    }

    pub(super) fn injections(&self, position: &Position) -> Vec<Inject<'_>> {
        let number = match position {
            Position::Page(number) => Some(Inject { place: &self.place, value: (*number).into() }),
            _ => None,
        };
        number.into_iter().chain(size_injection(self.size.as_ref())).collect()
    }
}
