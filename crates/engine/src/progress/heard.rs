//! The answers of this run's pages, and what is remembered of them with their rows.
//!
//! A remembered answer says that the rows that came of it are in the table. So it is stored with the last of these rows,
//! and where rows are removed when an unfinished run is repeated (see [`Advance::AtEndMarked`]), with the last page. A
//! run that reads to the end leaves the answers that it met, and no others: what was not asked for again is over.

use std::collections::BTreeMap;

use spile_model::{Answer, RequestKey};
use spile_plan::{PaginationKind, StreamPlan, WriteMode};

use super::Advance;

pub(super) struct Heard {
    /// So many are remembered.
    limit: usize,
    answers: BTreeMap<RequestKey, Answer>,
    /// So many more there were.
    beyond: u64,
}

impl Heard {
    pub(super) fn new(plan: &StreamPlan) -> Self {
        let limit = plan.cache.as_ref().filter(|_| can_keep_rows(plan)).map_or(0, |cache| cache.pages.get());
        Self { limit, answers: BTreeMap::new(), beyond: 0 }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.limit > 0
    }

    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    pub(super) fn add(&mut self, key: RequestKey, answer: Answer) {
        if self.answers.len() < self.limit || self.answers.contains_key(&key) {
            self.answers.insert(key, answer);
        } else {
            self.beyond += 1;
        }
    }

    /// What is stored once the rows up to here are: `stored` brought up to date.
    pub(super) fn remembered(
        &self,
        mut stored: BTreeMap<RequestKey, Answer>,
        advance: Advance,
        last: bool,
    ) -> BTreeMap<RequestKey, Answer> {
        match (last, advance) {
            (true, _) => self.answers.clone(),
            (false, Advance::AtEndMarked) => stored,
            (false, Advance::EachPage | Advance::AtEnd) => {
                stored.extend(self.answers.iter().map(|(key, answer)| (*key, answer.clone())));
                if stored.len() > 2 * self.limit {
                    stored.retain(|key, _| self.answers.contains_key(key));
                }
                stored
            }
        }
    }
}

/// Whether the rows of an unchanged page stay in the table while those of others come. Under `replace` they do only where
/// there is but one page; `append` without a cursor adds a whole copy with each run.
fn can_keep_rows(plan: &StreamPlan) -> bool {
    match plan.write {
        WriteMode::Merge => true,
        WriteMode::Append => plan.cursor.is_some(),
        WriteMode::Replace => matches!(plan.pagination.kind, PaginationKind::None),
    }
}
