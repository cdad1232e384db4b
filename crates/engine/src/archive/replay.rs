//! A recorded run that is lived again: where it begins, where it ends, and whether the place fits.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spile_archive::{Player, Recorded, StreamStart};
use spile_destination::Destination;
use spile_model::event::Outcome;
use spile_model::{Checkpoint, Failure, FailureKind, PartitionKey, Progress, RunEvent, RunId, StreamName};
use spile_plan::{PipelinePlan, StreamPlan, WriteMode};

use super::mark::{mark, told};
use crate::progress::Accounting;
use crate::world::World;

/// Recorded runs of one pipeline, the oldest first, that are replayed into one place one after the other.
pub struct Chain {
    runs: Vec<Recorded>,
    done: Mutex<Done>,
}

/// What has been replayed.
#[derive(Default)]
struct Done {
    last: Option<RunId>,
    /// Streams of which nothing was there before: what is there now is what was replayed.
    own: BTreeSet<StreamName>,
    /// To what each stream had come in the run that was replayed last, as it was recorded.
    ended: BTreeMap<StreamName, u64>,
}

impl Chain {
    /// Nothing of it is replayed yet. `runs`: also those that are not replayed themselves, but tell where others ended.
    pub fn of(runs: Vec<Recorded>) -> Arc<Self> {
        Arc::new(Self { runs, done: Mutex::default() })
    }

    /// The runs, the oldest first.
    pub fn runs(&self) -> &[Recorded] {
        &self.runs
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A recorded run, to be lived again.
pub struct Replay {
    pub(super) player: Arc<Player>,
    chain: Arc<Chain>,
    /// Its place in the chain.
    at: usize,
}

impl Replay {
    /// Makes ready to replay the run of `chain` that is `at` this place.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub fn of(chain: &Arc<Chain>, at: usize) -> Result<Self, Failure> {
        let run = chain.runs.get(at).cloned().ok_or_else(|| unreadable(io::ErrorKind::NotFound.into()))?;
        let player = Player::of(run).map_err(unreadable)?;
        Ok(Self { player: Arc::new(player), chain: Arc::clone(chain), at })
    }

    pub(super) fn recorded(&self) -> &Recorded {
        self.player.recorded()
    }

    /// What the recorded run did with that stream.
    ///
    /// # Errors
    /// [`FailureKind::NotRecorded`] where it did not read it.
    pub(crate) fn of_stream(&self, stream: &StreamName) -> Result<StreamReplay, Failure> {
        let recorded = self.recorded();
        let start = self.player.start_of(stream).cloned().ok_or_else(|| {
            let message = format!("run {} did not read this stream", recorded.head.run);
            Failure::new(FailureKind::NotRecorded, message).in_stream(stream)
        })?;
        self.ending(start)
    }

    /// Where the recorded run ended with that stream. A run that was killed could not tell, and of one that could not write
    /// nobody knows which of its pages were committed: both ended where a later one began.
    fn ending(&self, start: StreamStart) -> Result<StreamReplay, Failure> {
        let stream = &start.stream;
        let began = mark(&whole(&start.checkpoint).unwrap_or_default());
        let last = self.player.reached(stream).next_back().map_or(began, |reached| reached.progress);
        let end = self.recorded().end.as_ref();
        let end = end.and_then(|end| end.streams.iter().find(|end| end.stream == *stream));
        let spent = end.filter(|end| end.failure == Some(FailureKind::BudgetSpent)).map(|end| {
            let message = end.message.as_deref().unwrap_or("not sent");
            Failure { page: end.page, ..Failure::new(FailureKind::BudgetSpent, message) }
        });
        let (pages, ended) = match end {
            Some(end) if end.outcome == Outcome::Interrupted => (Some(end.pages), last),
            Some(end) if !end.failure.as_ref().is_some_and(is_of_the_place) => (None, last),
            _ => {
                let next = self.begins_later(stream)?;
                let mut reached = self.player.reached(stream);
                let pages = match next {
                    Some(next) if next == began => Some(0),
                    next => reached.find(|reached| Some(reached.progress) == next).map(|reached| reached.pages),
                };
                (pages, next.unwrap_or(last))
            }
        };
        Ok(StreamReplay { start, pages, spent, ended })
    }

    /// What the next recorded run that read this stream began with.
    fn begins_later(&self, stream: &StreamName) -> Result<Option<u64>, Failure> {
        let later = self.chain.runs.iter().skip(self.at + 1).find(|run| run.streams.contains_key(stream));
        let start = later.map(|run| run.start_of(stream).map_err(unreadable)).transpose()?.flatten();
        Ok(start.map(|start| mark(&whole(&start.checkpoint).unwrap_or_default())))
    }

    /// Whether what `destination` holds is what the recorded run began with, or nothing; or whether it can be brought to
    /// that. Nothing is changed before all streams are known to fit.
    ///
    /// # Errors
    /// [`FailureKind::ReplayPlace`], in the words of the first stream of which it is not.
    pub(super) async fn fits(
        &self,
        plan: &PipelinePlan,
        world: &World,
        destination: &dyn Destination,
    ) -> Result<(), Failure> {
        let mut emptied = Vec::new();
        let mut ended = Vec::new();
        // One that was not recorded fails by itself.
        let is_lived_again = |stream: &&StreamName| world.wants(stream) && self.player.start_of(stream).is_some();
        for stream in plan.streams.iter().map(|stream| &stream.name).filter(is_lived_again) {
            let StreamReplay { start, ended: mark, .. } = self.of_stream(stream)?;
            ended.push((stream.clone(), mark));
            let Some(stored) = whole(&destination.checkpoint(stream).await?) else {
                self.chain.done().own.insert(stream.clone());
                continue;
            };
            let began = whole(&start.checkpoint);
            let place = began.clone().unwrap_or_default();
            if is_same_place(&stored, &place) || (self.goes_on(stream, &place) && told(&stored) == told(&place)) {
                continue;
            }
            match (began, start.has_table) {
                // Its progress was forgotten between the runs, as it is now.
                (None, true) if self.chain.done().last.is_some() => {}
                (None, false) if self.chain.done().own.contains(stream) => emptied.push(stream),
                (began, _) => return Err(self.unfit(destination, stream, &stored, began.as_ref()).in_stream(stream)),
            }
        }
        for stream in emptied {
            let run = self.recorded().head.run;
            let message = format!("before run {run} was recorded, its tables were dropped, and so they are now");
            world.events.emit(RunEvent::Warning { stream: Some(stream.clone()), message });
            destination.reset(stream, true).await?;
        }
        let mut done = self.chain.done();
        done.last = Some(self.recorded().head.run);
        done.ended.extend(ended);
        Ok(())
    }

    /// Whether this run began with `began` where the one that was replayed before it ended: both as they were recorded,
    /// for the file may make other progress of the same answers.
    fn goes_on(&self, stream: &StreamName, began: &Progress) -> bool {
        self.chain.done().ended.get(stream) == Some(&mark(began))
    }

    /// Why the run that began with `began` cannot be replayed into what is there, which has `stored`.
    fn unfit(
        &self,
        destination: &dyn Destination,
        stream: &StreamName,
        stored: &Progress,
        began: Option<&Progress>,
    ) -> Failure {
        let (place, run) = (destination.describe(), self.recorded().head.run);
        let last_run = |progress: &Progress| progress.unfinished.max(progress.finished);
        let (last, reached) = (self.chain.done().last, began.and_then(last_run));
        let message = match (last, reached) {
            _ if began.is_some_and(|began| self.goes_on(stream, began)) => format!(
                "run {run} was told of pages only that they had not changed, and the file as it is now does not remember \
                 these: replay with `write`, `primary_key`, `cursor` and `pagination` as they were when it was recorded"
            ),
            (None, Some(reached)) if last_run(stored) == Some(reached) => format!(
                "{place} holds what run {reached} left, but not as it was when run {run} went on from it: where the file has \
                 changed since, replay both at once: `--run {reached}.. --to FILE`"
            ),
            (Some(last), Some(reached)) if reached > last => format!(
                "run {reached} was not recorded: run {run} went on from it, and what it brought is missing here; to replay \
                 from run {run} on into another file: `--run {run}.. --to FILE`"
            ),
            (Some(_), _) if began.is_none() => format!(
                "run {run} began anew, with none of the progress and the rows that {place} holds; to replay from there on \
                 into another file: `--run {run}.. --to FILE`"
            ),
            _ => format!(
                "{place} holds other progress of this stream than run {run} began with: to replay that run here would \
                 double rows or move the progress back"
            ),
        };
        Failure::new(FailureKind::ReplayPlace, message)
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::new(FailureKind::Archive, "the archive cannot be read").caused_by(error)
}

/// Whether a run failed with what a replay does not meet again: with the place that it wrote to, not with what it read.
fn is_of_the_place(kind: &FailureKind) -> bool {
    use FailureKind as Kind;
    matches!(
        kind,
        Kind::DestinationLocked
            | Kind::DestinationMissing
            | Kind::DestinationForeign
            | Kind::DestinationFull
            | Kind::DestinationMemory
            | Kind::DestinationSchema
            | Kind::StateConflict
            | Kind::Destination
            | Kind::Archive
            | Kind::Io
            | Kind::Interrupted
    )
}

/// What a recorded run did with one stream.
pub(crate) struct StreamReplay {
    start: StreamStart,
    /// After so many pages it ended, which was before the stream's end and before what was recorded of it: the user had asked to
    /// stop, or it was killed and this is what the next run found.
    pages: Option<u64>,
    /// What was not sent any more after them, where the budget ended it.
    spent: Option<Failure>,
    /// To what it had come then, as it was recorded.
    ended: u64,
}

impl StreamReplay {
    /// The accounting of the stream, which asks from where the recorded run began, and goes on from what is `stored`.
    pub(crate) fn accounting(&self, plan: &StreamPlan, run: RunId, stored: Option<Progress>) -> Accounting {
        Accounting::again(plan, run, whole(&self.start.checkpoint), stored)
    }

    /// Whether the recorded run read the stream from the beginning, whatever was stored.
    ///
    /// # Errors
    /// [`FailureKind::ReplayPlace`] where there are rows of which nothing is known.
    pub(crate) fn starts_over(&self, plan: &StreamPlan, is_stored: bool, has_table: bool) -> Result<bool, Failure> {
        if has_table && !is_stored && plan.write != WriteMode::Replace {
            let message =
                format!("the table `{}` is there, but no progress: a replay might double its rows", plan.table);
            return Err(Failure::new(FailureKind::ReplayPlace, message));
        }
        Ok(self.start.from_beginning || (is_stored && whole(&self.start.checkpoint).is_none()))
    }

    /// Whether the recorded run went no further than that page.
    ///
    /// # Errors
    /// [`FailureKind::BudgetSpent`] where this is why.
    pub(crate) fn ends_after(&mut self, page: u64) -> Result<bool, Failure> {
        let ends = self.pages.is_some_and(|pages| page >= pages);
        self.spent.take_if(|_| ends).map_or(Ok(ends), Err)
    }
}

/// Whether two progresses say that the same was read. What was made of it may differ, where one is of a replay and the
/// file has changed: so the texts of the records at the cursor do not count, but how many there are; and of answers
/// that are remembered not what they held, but what was asked and which version was told.
fn is_same_place(one: &Progress, other: &Progress) -> bool {
    let place = |progress: &Progress| {
        (progress.cursor.clone(), progress.boundary.len(), progress.unfinished, progress.finished)
    };
    place(one) == place(other) && told(one) == told(other)
}

/// The progress of a stream that is not divided.
fn whole(checkpoint: &Checkpoint) -> Option<Progress> {
    checkpoint.partitions.get(&PartitionKey::whole()).cloned()
}
