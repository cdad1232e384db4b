//! A recorded run that is lived again: where it begins, where it ends, and whether the place fits.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spile_archive::{Player, Recorded, StreamStart};
use spile_destination::Destination;
use spile_model::event::Outcome;
use spile_model::{Answer, Checkpoint, Failure, FailureKind, PartitionKey, Progress, RunEvent, RunId, StreamName};
use spile_plan::{PipelinePlan, StreamPlan, WriteMode};

use crate::progress::Accounting;
use crate::world::World;

/// Recorded runs of one pipeline, the oldest first, that are replayed into one place one after the other.
pub struct Chain {
    runs: Vec<Recorded>,
    done: Mutex<Done>,
}

/// What has been replayed.
#[derive(Default)]
pub(super) struct Done {
    pub(super) last: Option<RunId>,
    /// Streams of which nothing was there before: what is there now is what was replayed.
    own: BTreeSet<StreamName>,
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

    pub(super) fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A recorded run, to be lived again.
pub struct Replay {
    pub(super) player: Arc<Player>,
    pub(super) chain: Arc<Chain>,
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
        let stop = self.stop(stream)?;
        let is_there = stop.is_at(&whole(&start.checkpoint).unwrap_or_default());
        Ok(StreamReplay { start, stop, is_there })
    }

    /// Where the recorded run ended with that stream. A run that was killed could not tell, and of one that could not write
    /// nobody knows which of its pages were committed: both ended where a later one began.
    fn stop(&self, stream: &StreamName) -> Result<Stop, Failure> {
        let end = self.recorded().end.as_ref();
        let end = end.and_then(|end| end.streams.iter().find(|end| end.stream == *stream));
        match end {
            Some(end) if end.outcome == Outcome::Interrupted => return Ok(Stop::AfterPages(end.pages)),
            Some(end) if !end.failure.as_ref().is_some_and(is_of_the_place) => return Ok(Stop::AtEnd),
            _ => {}
        }
        let later = self.chain.runs.iter().skip(self.at + 1).find(|run| run.streams.contains_key(stream));
        let later = later.map(|run| run.start_of(stream).map_err(unreadable)).transpose()?.flatten();
        Ok(later.map_or(Stop::AtEnd, |start| Stop::At(whole(&start.checkpoint).unwrap_or_default())))
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
        for stream in plan.streams.iter().map(|stream| &stream.name).filter(|stream| world.wants(stream)) {
            let Some(stored) = whole(&destination.checkpoint(stream).await?) else {
                self.chain.done().own.insert(stream.clone());
                continue;
            };
            let start = self.of_stream(stream)?.start;
            let began = whole(&start.checkpoint);
            if is_same_place(&stored, &began.clone().unwrap_or_default()) {
                continue;
            }
            match (began, start.has_table) {
                // Its progress was forgotten between the runs, as it is now.
                (None, true) if self.chain.done().last.is_some() => {}
                (None, false) if self.chain.done().own.contains(stream) => emptied.push(stream),
                (began, _) => return Err(self.unfit(destination, began.as_ref()).in_stream(stream)),
            }
        }
        for stream in emptied {
            let run = self.recorded().head.run;
            let message = format!("before run {run} was recorded, its tables were dropped, and so they are now");
            world.events.emit(RunEvent::Warning { stream: Some(stream.clone()), message });
            destination.reset(stream, true).await?;
        }
        Ok(())
    }

    /// Why the run that began with `began` cannot be replayed into what is there.
    fn unfit(&self, destination: &dyn Destination, began: Option<&Progress>) -> Failure {
        let (place, run) = (destination.describe(), self.recorded().head.run);
        let reached = began.and_then(|began| began.unfinished.max(began.finished));
        let message = match (self.chain.done().last, reached) {
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
    stop: Stop,
    /// The progress is the one to stop at.
    is_there: bool,
}

/// Where a stream stops.
enum Stop {
    /// At its end, or at the failure that was recorded.
    AtEnd,
    /// After so many pages: the user had asked to stop.
    AfterPages(u64),
    /// When this is its progress: the run was killed, and this is what the next one found.
    At(Progress),
}

impl Stop {
    fn is_at(&self, progress: &Progress) -> bool {
        matches!(self, Self::At(end) if is_same_place(end, progress))
    }
}

impl StreamReplay {
    /// The accounting of the stream from where the recorded run began, which is `stored` if anything is.
    pub(crate) fn accounting(
        &self,
        plan: &StreamPlan,
        run: RunId,
        stored: Option<Progress>,
    ) -> Result<Accounting, Failure> {
        if stored.is_some() {
            return Accounting::begin(plan, run, stored);
        }
        let mut accounting = Accounting::begin(plan, run, whole(&self.start.checkpoint))?;
        accounting.write_to_an_empty_place();
        Ok(accounting)
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

    /// The progress is this, once what was handed out so far is durable.
    pub(crate) fn comes_to(&mut self, progress: &Progress) {
        self.is_there = self.stop.is_at(progress);
    }

    /// Whether the recorded run went no further than that page.
    pub(crate) fn ends_after(&self, page: u64) -> bool {
        match self.stop {
            Stop::AtEnd => false,
            Stop::AfterPages(pages) => page >= pages,
            Stop::At(_) => self.is_there,
        }
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

fn told(progress: &Progress) -> BTreeMap<u64, [Option<&str>; 2]> {
    let version = |answer| {
        let Answer { etag, last_modified, .. }: &Answer = answer;
        [etag.as_deref(), last_modified.as_deref()]
    };
    progress.answers.iter().map(|(key, answer)| (key.request, version(answer))).collect()
}

/// The progress of a stream that is not divided.
fn whole(checkpoint: &Checkpoint) -> Option<Progress> {
    checkpoint.partitions.get(&PartitionKey::whole()).cloned()
}
