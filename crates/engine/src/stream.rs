//! The story of one stream: from the stored progress over its pages to the last commit.

use std::sync::Arc;

use spile_destination::{Destination, StreamTarget, StreamWriter, Written};
use spile_http::Client;
use spile_model::event::Outcome;
use spile_model::{Failure, FailureKind, Page, PartitionKey, RunId, StreamReport};
use spile_plan::{StreamPlan, WriteMode};
use spile_source::{Pages, Source};
use tokio_util::sync::CancellationToken;

use crate::World;
use crate::archive::{RunArchive, StreamRecording, StreamReplay};
use crate::progress::Accounting;
use crate::tally::Tally;
use crate::typist::Typist;

/// What all streams of a run share.
pub(crate) struct Shared {
    pub(crate) run: RunId,
    pub(crate) world: World,
    pub(crate) client: Client,
    pub(crate) source: Source,
    pub(crate) destination: Arc<dyn Destination>,
    pub(crate) archive: RunArchive,
}

/// Reads one stream as far as it goes.
pub(crate) async fn read(shared: Arc<Shared>, plan: StreamPlan) -> (StreamReport, Option<Failure>) {
    let mut tally = Tally::begin(&plan, shared.world.events.clone());
    let read = match Reading::open(&shared, &plan, &mut tally).await {
        Ok(reading) => reading.go_to_the_end(&mut tally).await,
        Err(failure) => Err(failure),
    };
    let (outcome, failure) = match read {
        Ok(outcome) => (outcome, None),
        // A budget that is spent ends a stream as its user would: what was read is committed, and the next run goes on.
        Err(failure) if failure.kind == FailureKind::BudgetSpent => {
            (Outcome::Interrupted, Some(failure.in_stream(&plan.name)))
        }
        Err(failure) => (Outcome::Failed, Some(failure.in_stream(&plan.name))),
    };
    let report = tally.close(outcome, shared.client.usages(&plan.name), failure.as_ref());
    (report, failure)
}

/// A stream that is being read.
struct Reading {
    pages: Pages,
    typist: Typist,
    writer: Box<dyn StreamWriter>,
    stop: CancellationToken,
    /// What is written takes the place of the table.
    replaces: bool,
    /// The table stays as it is.
    kept: bool,
    /// What the recorded run did that this one lives again, if it is one.
    replay: Option<StreamReplay>,
    /// What is told an archive, if it is recorded.
    recording: Option<StreamRecording>,
    /// Pages read so far.
    page: u64,
    /// The last page is behind us.
    complete: bool,
}

/// Why reading ended early.
enum Break {
    /// Reading failed; what was accepted before is sound.
    Reading(Failure),
    /// Writing failed; the writer is of no use any more.
    Writing(Failure),
}

impl From<Failure> for Break {
    fn from(failure: Failure) -> Self {
        Self::Reading(failure)
    }
}

impl Reading {
    async fn open(shared: &Shared, plan: &StreamPlan, tally: &mut Tally) -> Result<Self, Failure> {
        let mut checkpoint = shared.destination.checkpoint(&plan.name).await?;
        let stored = checkpoint.partitions.remove(&PartitionKey::whole());
        let replay = shared.archive.replay().map(|replay| replay.of_stream(&plan.name)).transpose()?;
        let mut accounting = match &replay {
            Some(replay) => replay.accounting(plan, shared.run, stored.clone()),
            None => Accounting::begin(plan, shared.run, stored.clone())?,
        };
        let writer = shared.destination.open_stream(target(shared.run, plan, &accounting)).await?;
        let over = match &replay {
            Some(replay) => replay.starts_over(plan, stored.is_some(), writer.known_schema().is_some())?,
            None => starts_over(&shared.world, plan, &accounting, writer.known_schema().is_some(), tally)?,
        };
        if over {
            accounting.start_over();
        }
        let recording = shared.archive.stream(plan, stored, writer.known_schema().is_some(), over)?;
        tally.started(accounting.cursor(), accounting.reads_from());
        Ok(Self {
            pages: shared.source.pages(plan, accounting.start()),
            replaces: plan.write == WriteMode::Replace,
            kept: false,
            typist: Typist::new(plan, shared.run, writer.known_schema(), accounting),
            writer,
            stop: shared.world.stop.clone(),
            replay,
            recording,
            page: 0,
            complete: false,
        })
    }

    /// Reads and commits what there is; what was accepted before a failure is committed too, for each batch carries
    /// the progress that makes it sound.
    async fn go_to_the_end(mut self, tally: &mut Tally) -> Result<Outcome, Failure> {
        let read = self.read_pages(tally).await;
        self.typist.warnings().for_each(|warning| tally.warn(warning));
        let failure = match read {
            Ok(()) => None,
            Err(Break::Reading(failure)) => Some(failure),
            Err(Break::Writing(failure)) => return Err(failure),
        };
        let committed = self.writer.finish(self.complete && !self.kept).await;
        match (failure, committed) {
            (Some(failure), committed) => {
                match committed {
                    Ok(committed) => committed.into_iter().for_each(|committed| tally.committed(committed)),
                    Err(second) => tally.warn(format!("nor could what was read before be committed: {second}")),
                }
                Err(failure)
            }
            (None, committed) => {
                committed?.into_iter().for_each(|committed| tally.committed(committed));
                Ok(if self.complete { Outcome::Succeeded } else { Outcome::Interrupted })
            }
        }
    }

    async fn read_pages(&mut self, tally: &mut Tally) -> Result<(), Break> {
        while let Some(page) = self.next_page().await? {
            if page.unchanged && self.replaces {
                // The one page there is: the table stays as it is.
                tally.kept(&page);
                (self.page, self.complete, self.kept) = (page.number, page.last, true);
                continue;
            }
            let parts = page.parts();
            for (index, part) in parts.iter().enumerate() {
                let last = page.last && index + 1 == parts.len();
                let batch = self.typist.type_part(&page, part.clone(), last, tally)?;
                if let Some(recording) = &mut self.recording {
                    recording.comes_to(&batch.delta.to, page.number)?;
                }
                match self.writer.write(batch).await.map_err(Break::Writing)? {
                    Written::Durable(committed) => tally.committed(committed),
                    Written::Accepted => {}
                }
            }
            self.page = page.number;
            self.complete = page.last;
        }
        Ok(())
    }

    /// The next page; none after the last one, and none when the user has asked to stop.
    async fn next_page(&mut self) -> Result<Option<Page>, Failure> {
        if self.complete {
            return Ok(None);
        }
        if let Some(replay) = &mut self.replay
            && replay.ends_after(self.page)?
        {
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(None),
            page = self.pages.next_page() => match page? {
                Some(page) => Ok(Some(page)),
                None => Err(Failure::new(FailureKind::BadBody, "the pages ended, but none was the last").at_page(self.page)),
            },
        }
    }
}

fn target(run: RunId, plan: &StreamPlan, accounting: &Accounting) -> StreamTarget {
    StreamTarget {
        run,
        stream: plan.name.clone(),
        table: plan.table.clone(),
        write: plan.write,
        primary_key: plan.primary_key.clone(),
        cursor: plan.cursor.as_ref().map(|cursor| cursor.field.clone()),
        skip_known: accounting.skips_known(),
        discard: accounting.discards(),
    }
}

/// Whether the stream is read from the beginning, whatever is stored.
fn starts_over(
    world: &World,
    plan: &StreamPlan,
    accounting: &Accounting,
    has_table: bool,
    tally: &Tally,
) -> Result<bool, Failure> {
    if world.full_refresh {
        refuse_doubling(plan)?;
        return Ok(true);
    }
    let is_gone = !has_table && accounting.vouches_for_rows();
    if is_gone {
        tally.warn(format!("the table `{}` is gone, so the stream is read from the beginning", plan.table));
    }
    Ok(is_gone)
}

fn refuse_doubling(plan: &StreamPlan) -> Result<(), Failure> {
    if plan.write != WriteMode::Append {
        return Ok(());
    }
    let message = "a full refresh would load every row of this stream once more, for it is written by `append`; to read \
                   it anew, first run `spile state reset` with `--drop-tables`";
    Err(Failure::new(FailureKind::Configuration, message))
}
