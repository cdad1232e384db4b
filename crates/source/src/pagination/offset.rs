//! Pages are offsets into the list of all records. The next offset is the last one plus the records that came; they end
//! at a page without records, where the response says so, or at a short page.

use spile_model::Failure;
use spile_plan::{Injection, PageLimit};

use super::{Inject, Next, Position, Seen, count, says_no_more, size_injection};

pub(crate) struct Offset {
    pub(super) place: Injection,
    pub(super) start: u64,
    pub(super) limit: PageLimit,
    pub(super) total: Option<usize>,
    pub(super) has_more: Option<usize>,
    pub(super) stop_on_short_page: bool,
}

impl Offset {
    pub(super) fn first(&self) -> Position {
        Position::Offset(self.start)
    }

    pub(super) fn next(&self, seen: &Seen<'_>) -> Result<Next, Failure> {
        let Position::Offset(offset) = seen.position else { return Ok(Next::End) };
        let next = offset.saturating_add(seen.records);
        let is_last = seen.records == 0
            || (self.stop_on_short_page && seen.records < self.limit.size.get())
            || says_no_more(seen.signals, self.has_more)
            || self.end(seen)?.is_some_and(|end| next >= end);
        Ok(if is_last { Next::End } else { Next::At(Position::Offset(next)) })
    }

    pub(super) fn guess(&self, position: &Position, end: Option<u64>) -> Option<Position> {
        let Position::Offset(offset) = position else { return None };
        let next = offset.saturating_add(self.limit.size.get());
        end.is_none_or(|end| next < end).then_some(Position::Offset(next))
    }

    pub(super) fn end(&self, seen: &Seen<'_>) -> Result<Option<u64>, Failure> {
        let total = count(seen.signals, self.total, "total")?;
        Ok(total.map(|total| self.start.saturating_add(total)))
    }

    pub(super) fn injections(&self, position: &Position) -> Vec<Inject<'_>> {
        let offset = match position {
            Position::Offset(offset) => Some(Inject { place: &self.place, value: (*offset).into() }),
            _ => None,
        };
        offset.into_iter().chain(size_injection(Some(&self.limit))).collect()
    }
}
