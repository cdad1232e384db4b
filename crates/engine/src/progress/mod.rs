//! The accounting of one partition during one run: which records are loaded, and what progress each page stands for.
//!
//! Enters: the stored [`Progress`], and every record's cursor in the order of the pages. Leaves: where reading starts,
//! whether a record is loaded, and for each page the [`CheckpointDelta`] that is committed with its rows. Invariant:
//! whatever prefix of the pages becomes durable, a later run that starts from the progress committed with it ends with
//! the same table as a run that was never stopped. It deliberately does no I/O, so that this can be tested with every
//! way of stopping.
//!
//! How the cursor moves (see [`Advance`]):
//!
//! * With every page, where the API returns records in the cursor's order. As the page may end between two records of
//!   one cursor value, and the API may leave its lower bound out, a keyed stream commits the value before the last one
//!   and reads the last one's records again. `append` without a key cannot read anything twice: it commits the last
//!   value together with the hashes of the records that stand at it, and relies on a lower bound that is included.
//! * With the last page, where the order is unknown. Until then `append` marks its rows by the run's number as
//!   unfinished, so that a later run removes them when it reads them again.

mod boundary;
mod complaint;
mod heard;

use std::cmp::Ordering;

use spile_columnar::{Admit, CursorSummary};
use spile_model::{CheckpointDelta, CursorValue, Failure, Page, PartitionKey, Progress, RunId, StreamName};
use spile_plan::{CursorOrder, CursorPlan, Lookback, StreamPlan, WriteMode};
use spile_source::Start;

use boundary::Boundary;
use heard::Heard;

/// When a page's progress moves the stored cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advance {
    /// With every page.
    EachPage,
    /// With the last page; rows of earlier pages do no harm when they are read again (`merge`, `replace`).
    AtEnd,
    /// With the last page; rows of earlier pages are marked as unfinished (`append`).
    AtEndMarked,
}

/// The accounting of one partition.
pub(crate) struct Accounting {
    stream: StreamName,
    partition: PartitionKey,
    run: RunId,
    advance: Advance,
    write: WriteMode,
    keyed: bool,
    cursor: Option<CursorPlan>,
    /// What is committed once everything handed out so far is durable.
    stored: Option<Progress>,
    /// What the next change of progress builds upon: what is stored, or less where this run starts over.
    base: Progress,
    /// Where requests go back to.
    from: Option<CursorValue>,
    /// The run was recorded, and its file may have changed since.
    lived_again: bool,
    /// The highest cursor of this run.
    high: Option<CursorValue>,
    /// A cursor below it that no further record can have, where records come in order.
    below: Option<CursorValue>,
    boundary: Option<Boundary>,
    heard: Heard,
    /// The highest cursor of the page at work.
    page_high: Option<CursorValue>,
    /// Records loaded without a cursor value.
    missing: u64,
}

impl Accounting {
    /// Begins the accounting of `plan`'s one partition from what is stored.
    ///
    /// # Errors
    /// The stored cursor is of a kind that the lookback does not fit.
    pub(crate) fn begin(plan: &StreamPlan, run: RunId, stored: Option<Progress>) -> Result<Self, Failure> {
        let mut accounting = Self::from(plan, run, stored);
        if let Some(cursor) = accounting.base.cursor.clone() {
            accounting.fits_lookback(&cursor)?;
            accounting.from = Some(accounting.looking_back(&cursor));
        }
        Ok(accounting)
    }

    /// Begins the accounting of a run that is lived again: it asks as it did, from what was `recorded`, and goes on from
    /// what is `stored` where it writes now; from what was recorded, if there is nothing.
    pub(crate) fn again(plan: &StreamPlan, run: RunId, recorded: Option<Progress>, stored: Option<Progress>) -> Self {
        let asks_from = recorded.as_ref().and_then(|recorded| recorded.cursor.clone());
        let mut accounting = Self::from(plan, run, stored.clone().or(recorded));
        accounting.lived_again = true;
        accounting.stored = stored;
        accounting.from = asks_from.filter(|_| accounting.cursor.is_some()).map(|at| accounting.looking_back(&at));
        accounting
    }

    fn from(plan: &StreamPlan, run: RunId, stored: Option<Progress>) -> Self {
        let cursor = plan.cursor.clone().filter(|_| plan.write != WriteMode::Replace);
        let keyed = !plan.primary_key.is_empty();
        let advance = match (plan.write, cursor.as_ref().map(|cursor| cursor.order)) {
            (WriteMode::Append | WriteMode::Merge, Some(CursorOrder::Ascending)) => Advance::EachPage,
            (WriteMode::Append, _) => Advance::AtEndMarked,
            (WriteMode::Merge | WriteMode::Replace, _) => Advance::AtEnd,
        };
        let mut accounting = Self {
            stream: plan.name.clone(),
            partition: PartitionKey::whole(),
            run,
            advance,
            write: plan.write,
            keyed,
            high: None,
            below: None,
            boundary: None,
            cursor,
            base: stored.clone().unwrap_or_default(),
            stored,
            from: None,
            lived_again: false,
            heard: Heard::new(plan),
            page_high: None,
            missing: 0,
        };
        if !accounting.heard.is_wanted() {
            accounting.base.answers.clear();
        }
        if accounting.cursor.is_none() {
            accounting.forget_cursor();
        }
        accounting.watch_boundary();
        accounting
    }

    /// Reads from the beginning, whatever is stored. From the first commit on nothing is left of the old cursor, for
    /// the rows below it may not be in the table.
    pub(crate) fn start_over(&mut self) {
        self.from = None;
        self.base.answers.clear();
        self.forget_cursor();
        self.watch_boundary();
    }

    /// The cursor up to which everything is in the table, once what was handed out so far is durable.
    pub(crate) fn cursor(&self) -> Option<&CursorValue> {
        self.base.cursor.as_ref()
    }

    /// Where requests go back to: the committed cursor less the lookback.
    pub(crate) fn reads_from(&self) -> Option<&CursorValue> {
        self.from.as_ref()
    }

    /// What requests start from.
    pub(crate) fn start(&self) -> Start {
        Start { cursor: self.from.clone(), answers: self.base.answers.clone() }
    }

    /// Whether anything is stored that says of rows that they are in the table.
    pub(crate) fn vouches_for_rows(&self) -> bool {
        self.base.cursor.is_some() || self.base.answers.values().any(|answer| answer.records > 0)
    }

    /// Pages whose answers were not remembered, for there were too many.
    pub(crate) fn not_remembered(&self) -> u64 {
        self.heard.beyond()
    }

    /// The run whose rows are removed in the first transaction, for they are read again now.
    pub(crate) fn discards(&self) -> Option<RunId> {
        let unfinished = self.stored.as_ref()?.unfinished;
        unfinished.filter(|_| self.write == WriteMode::Append)
    }

    /// Whether the destination leaves out rows whose key and cursor the table has.
    pub(crate) fn skips_known(&self) -> bool {
        self.write == WriteMode::Append && self.keyed && self.cursor.is_some()
    }

    /// Records that were loaded without a cursor value.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }

    /// Whether a record is loaded: one that an earlier run has committed is not. `text` is the record as it came, a
    /// slice of its page; about one slice this gives one answer, however often it is asked.
    pub(crate) fn admit(&self, value: &CursorValue, text: &[u8]) -> Admit {
        match &self.boundary {
            Some(boundary) if boundary.knows(value, text) => Admit::Known,
            _ => Admit::Load,
        }
    }

    /// Takes note of the rows that were built: their cursor values, and how many of them have none. `text` gives the
    /// record of that index.
    ///
    /// # Errors
    /// A cursor cannot be compared with earlier ones, or is below them although the order was declared.
    pub(crate) fn note<'t>(
        &mut self,
        seen: Option<&CursorSummary>,
        missing: u64,
        text: impl Fn(usize) -> &'t [u8],
    ) -> Result<(), Failure> {
        self.missing += missing;
        let Some(seen) = seen else {
            return Ok(());
        };
        self.forget_another_kind(&seen.max);
        let compared = self.compare(&seen.max)?;
        if self.advance == Advance::EachPage {
            self.keeps_order(seen)?;
            self.below = self.complete_below(seen).or(self.below.take());
        }
        if compared == Ordering::Greater {
            self.high = Some(seen.max.clone());
        }
        self.page_high = later(self.page_high.take(), Some(seen.max.clone()));
        if let Some(boundary) = &mut self.boundary {
            boundary.loaded(&seen.max, seen.at_max.iter().map(|&record| text(record)));
        }
        Ok(())
    }

    /// A recorded run began with a cursor of the type that its field had then: where it has another one now, the cursor
    /// begins anew with its values.
    fn forget_another_kind(&mut self, value: &CursorValue) {
        let is_other = |cursor: &CursorValue| value.partial_cmp(cursor).is_none();
        if self.lived_again && self.base.cursor.as_ref().is_some_and(is_other) {
            self.forget_cursor();
            self.high = self.high.take().filter(|high| !is_other(high));
            self.boundary.iter_mut().for_each(Boundary::forget_cursor);
        }
    }

    /// How a value stands to the highest one so far. The first one is held against what is stored and configured.
    fn compare(&self, value: &CursorValue) -> Result<Ordering, Failure> {
        let Some(high) = &self.high else {
            self.fits_lookback(value)?;
            return match &self.base.cursor {
                Some(stored) if value.partial_cmp(stored).is_none() => Err(self.incomparable(value, stored)),
                _ => Ok(Ordering::Greater),
            };
        };
        value.partial_cmp(high).ok_or_else(|| self.incomparable(value, high))
    }

    fn keeps_order(&self, seen: &CursorSummary) -> Result<(), Failure> {
        match &self.high {
            Some(high) if seen.min < *high => Err(self.out_of_order(&format!("{} after {high}", seen.min))),
            _ if !seen.ascending => Err(self.out_of_order(&format!("between {} and {}", seen.min, seen.max))),
            _ => Ok(()),
        }
    }

    /// A value below the highest one, so that every record up to it has been read: the next page may still go on with
    /// the highest one.
    fn complete_below(&self, seen: &CursorSummary) -> Option<CursorValue> {
        let candidates = [Some(&seen.min), self.high.as_ref()];
        candidates.into_iter().flatten().find(|value| **value < seen.max).cloned()
    }

    /// Takes note of what a page's answer told, after the last of its records was noted.
    pub(crate) fn hear(&mut self, page: &Page) {
        let reached = self.page_high.take();
        let Some((key, answer)) = page.answer.as_ref().filter(|_| self.heard.is_wanted()) else { return };
        let mut answer = answer.clone();
        if page.unchanged {
            self.reach(answer.cursor.as_ref());
        } else {
            answer.cursor = reached;
        }
        self.heard.add(*key, answer);
    }

    /// The records of an unchanged page, which are not here, stand up to `cursor`. Where hashes tell which records stand at
    /// the cursor, the run that loaded them has moved it already.
    fn reach(&mut self, cursor: Option<&CursorValue>) {
        let Some(cursor) = cursor.filter(|_| self.cursor.is_some() && self.boundary.is_none()) else { return };
        if self.high.as_ref().is_none_or(|high| high < cursor) {
            self.high = Some(cursor.clone());
        }
    }

    /// Closes a page: the change of progress that its rows account for.
    ///
    /// # Errors
    /// More records share the cursor's last value than the state can name.
    pub(crate) fn close_page(&mut self, last: bool) -> Result<CheckpointDelta, Failure> {
        let mut to = self.base.clone();
        if last {
            to.finished = Some(self.run);
        }
        to.unfinished = (self.advance == Advance::AtEndMarked && !last).then_some(self.run);
        if self.cursor.is_some() && (last || self.advance == Advance::EachPage) {
            self.move_cursor(&mut to, last)?;
        }
        if self.heard.is_wanted() {
            to.answers = self.heard.remembered(to.answers, self.advance, last);
        }
        if let Some(boundary) = &mut self.boundary {
            boundary.close_page();
        }
        self.base = to.clone();
        let from = self.stored.replace(to.clone());
        Ok(CheckpointDelta { stream: self.stream.clone(), partition: self.partition.clone(), from, to })
    }

    fn move_cursor(&self, to: &mut Progress, last: bool) -> Result<(), Failure> {
        let reached = if last || self.boundary.is_some() { &self.high } else { &self.below };
        to.cursor = later(to.cursor.take(), reached.clone());
        if let Some(boundary) = &self.boundary {
            to.boundary = boundary.hashes().map_err(|at| self.crowded(&at))?;
        } else {
            to.boundary.clear();
        }
        Ok(())
    }

    fn forget_cursor(&mut self) {
        self.base.cursor = None;
        self.base.boundary.clear();
    }

    /// Only `append` without a key must tell by itself which records it has: the others are made out by their key.
    fn watch_boundary(&mut self) {
        let needed = self.write == WriteMode::Append && !self.keyed && self.cursor.is_some();
        self.boundary = needed.then(|| Boundary::new(self.base.cursor.clone(), self.base.boundary.clone()));
    }

    fn looking_back(&self, cursor: &CursorValue) -> CursorValue {
        match self.lookback() {
            Lookback::None => cursor.clone(),
            Lookback::Time(time) => cursor.earlier_by_micros(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)),
            Lookback::Count(count) => cursor.earlier_by(count),
        }
    }

    fn lookback(&self) -> Lookback {
        self.cursor.as_ref().map_or(Lookback::None, |cursor| cursor.lookback)
    }

    fn fits_lookback(&self, value: &CursorValue) -> Result<(), Failure> {
        use CursorValue::{Date, Int, LocalTimestamp, Text, Timestamp};
        let wanted = match (self.lookback(), value) {
            (Lookback::None, _)
            | (Lookback::Time(_), Timestamp(_) | LocalTimestamp(_) | Date(_))
            | (Lookback::Count(_), Int(_)) => return Ok(()),
            (Lookback::Time(_), Int(_) | Text(_)) => "a time",
            (Lookback::Count(_), _) => "a whole number",
        };
        Err(self.unfit_lookback(wanted, value))
    }
}

/// The later of two cursors: one that is stored never moves back.
fn later(a: Option<CursorValue>, b: Option<CursorValue>) -> Option<CursorValue> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.partial_cmp(&b) == Some(Ordering::Greater) { a } else { b }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests;
