//! Pages to batches: the builders type the records, the accounting says what they stand for.

use std::ops::Range;

use spile_columnar::{Built, TableBuilder};
use spile_destination::Batch;
use spile_model::{Failure, FailureKind, Page, RunId, TableSchema};
use spile_plan::StreamPlan;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::progress::Accounting;
use crate::tally::Tally;

/// Types the pages of one stream, in their order.
pub(crate) struct Typist {
    builder: TableBuilder,
    accounting: Accounting,
    /// The cursor's key, where the stream is incremental.
    cursor: Option<String>,
}

impl Typist {
    pub(crate) fn new(plan: &StreamPlan, run: RunId, known: Option<&TableSchema>, accounting: Accounting) -> Self {
        let cursor = plan.cursor.as_ref().map(|cursor| cursor.field.clone());
        Self { builder: TableBuilder::new(plan, run, known), accounting, cursor }
    }

    /// Types a part of `page` (see [`Page::parts`]); `last` where nothing of the partition follows.
    ///
    /// # Errors
    /// The records' cursors go against what was declared or committed. The typist is of no use afterwards.
    pub(crate) fn type_part(
        &mut self,
        page: &Page,
        part: Range<usize>,
        last: bool,
        tally: &mut Tally,
    ) -> Result<Batch, Failure> {
        let closes_page = part.end == page.records.len();
        let bytes = part.clone().map(|index| page.record(index).len() as u64).sum();
        let built = off_the_async_threads(|| {
            let accounting = &self.accounting;
            self.builder.build(page, part, &|value, text| accounting.admit(value, text))
        });
        let placed = |failure: Failure| failure.in_stream(&page.stream).at_page(page.number);
        self.usable_cursor(&built).map_err(placed)?;
        self.accounting
            .note(built.cursor.as_ref(), built.without_cursor, |index| page.record(index))
            .map_err(placed)?;
        if closes_page {
            self.accounting.hear(page);
        }
        let delta = self.accounting.close_page(last).map_err(placed)?;
        tally.typed(page, bytes, &built);
        Ok(Batch {
            tables: built.tables,
            record_schema: built.record_schema,
            rejects: built.rejects,
            request: page.request.clone(),
            delta,
            bytes,
        })
    }

    /// What deserves a look at the end, in words.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.without_cursor().into_iter().chain(self.not_remembered())
    }

    /// Pages that were read but not remembered.
    fn not_remembered(&self) -> Option<String> {
        let pages = self.accounting.not_remembered();
        (pages > 0).then(|| {
            format!(
                "{pages} pages are more than `cache.pages` remembers: the next run reads and loads them anew, whether they \
                 have changed or not"
            )
        })
    }

    /// Records without a cursor value.
    fn without_cursor(&self) -> Option<String> {
        let (field, missing) = (self.cursor.as_ref()?, self.accounting.missing());
        (missing > 0).then(|| {
            format!(
                "{missing} records have no `{field}`: they are loaded, but an incremental run can neither tell whether \
                 they changed nor leave them out when they come again"
            )
        })
    }

    fn usable_cursor(&self, built: &Built) -> Result<(), Failure> {
        let (Some(field), Some(found)) = (&self.cursor, &built.unusable_cursor) else {
            return Ok(());
        };
        let message =
            format!("the cursor field `{field}` holds values of the type {found}, which have no order to go by");
        Err(Failure::new(FailureKind::Cursor, message))
    }
}

/// Typing a page takes milliseconds, in which its thread can serve no connection: the runtime's other tasks move to
/// another thread meanwhile. A runtime of one thread (in tests, for its clock can be paused) has none to move to.
fn off_the_async_threads<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
