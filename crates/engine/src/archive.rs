//! A run that is recorded, and a recorded run that is lived again.
//!
//! Requests depend on what a stream starts from, so that this is recorded too: a replay starts where the recorded run
//! did and ends where that one ended. It goes into a place that stands exactly there, or that has nothing of the stream yet. So
//! no row is doubled and no progress goes back, whatever is replayed, and the recorded runs of a pipeline can be
//! replayed one after the other.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use spile_archive::{Head, Player, Recorded, Recorder, RunEnd, StreamEnd, StreamStart};
use spile_destination::Destination;
use spile_http::Archiving;
use spile_model::event::Outcome;
use spile_model::{Checkpoint, Failure, FailureKind, PartitionKey, Progress, RunId, StreamName};
use spile_plan::{AuthPlan, BudgetPlan, PipelinePlan, StreamPlan, Variable, WriteMode};

use crate::progress::Accounting;
use crate::report::RunReport;
use crate::world::World;

/// What a run does with an archive.
#[derive(Clone, Default)]
pub enum ArchiveUse {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything that is answered goes into the archive in `folder`; `file` is the pipeline file.
    Record {
        /// Made where there is none.
        folder: PathBuf,
        /// By which a replay finds the pipeline.
        file: Option<PathBuf>,
    },
    /// Everything comes from an archive.
    Replay(Arc<Replay>),
}

/// A recorded run, to be lived again.
pub struct Replay {
    player: Arc<Player>,
    /// What the next recorded run started from: where this one ended, if it was killed and could not tell.
    next: Option<Recorded>,
}

impl Replay {
    /// Makes ready to replay `run`, behind which comes `next`.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub fn of(run: Recorded, next: Option<Recorded>) -> Result<Self, Failure> {
        let message = "the archive cannot be read";
        let player = Player::of(run).map_err(|error| Failure::new(FailureKind::Archive, message).caused_by(error))?;
        Ok(Self { player: Arc::new(player), next })
    }

    fn recorded(&self) -> &Recorded {
        self.player.recorded()
    }

    /// What the recorded run did with that stream.
    ///
    /// # Errors
    /// [`FailureKind::NotRecorded`] where it did not read it.
    pub(crate) fn of_stream(&self, stream: &StreamName) -> Result<StreamReplay, Failure> {
        let recorded = self.recorded();
        let start = recorded.streams.get(stream).cloned().ok_or_else(|| {
            let message = format!("run {} did not read this stream", recorded.head.run);
            Failure::new(FailureKind::NotRecorded, message).in_stream(stream)
        })?;
        let stop = match (&recorded.end, &self.next) {
            (Some(end), _) => {
                let stopped =
                    end.streams.iter().find(|end| end.stream == *stream && end.outcome == Outcome::Interrupted);
                stopped.map_or(Stop::AtEnd, |end| Stop::AfterPages(end.pages))
            }
            (None, Some(next)) => next
                .streams
                .get(stream)
                .map_or(Stop::AtEnd, |start| Stop::At(whole(&start.checkpoint).unwrap_or_default())),
            (None, None) => Stop::AtEnd,
        };
        let is_there = Stop::At(whole(&start.checkpoint).unwrap_or_default()) == stop;
        Ok(StreamReplay { start, stop, is_there })
    }

    /// Whether what `destination` holds is what the recorded run began with, or nothing.
    ///
    /// # Errors
    /// [`FailureKind::ReplayPlace`], in the words of the first stream of which it is not.
    async fn fits(&self, plan: &PipelinePlan, world: &World, destination: &dyn Destination) -> Result<(), Failure> {
        for stream in plan.streams.iter().filter(|stream| world.wants(&stream.name)) {
            let stored = whole(&destination.checkpoint(&stream.name).await?);
            let recorded = whole(&self.of_stream(&stream.name)?.start.checkpoint).unwrap_or_default();
            if stored.is_some_and(|stored| stored != recorded) {
                let (place, run) = (destination.describe(), self.recorded().head.run);
                let message = format!(
                    "{place} holds other progress of this stream than run {run} began with: to replay that run here would \
                     double rows or move the progress back"
                );
                return Err(Failure::new(FailureKind::ReplayPlace, message).in_stream(&stream.name));
            }
        }
        Ok(())
    }
}

/// What a recorded run did with one stream.
pub(crate) struct StreamReplay {
    start: StreamStart,
    stop: Stop,
    /// The progress is the one to stop at.
    is_there: bool,
}

/// Where a stream stops.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// At its end, or at the failure that was recorded.
    AtEnd,
    /// After so many pages: the user had asked to stop.
    AfterPages(u64),
    /// When this is its progress: the run was killed, and this is what the next one found.
    At(Progress),
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
        Ok(self.start.from_beginning)
    }

    /// The progress is this, once what was handed out so far is durable.
    pub(crate) fn comes_to(&mut self, progress: &Progress) {
        self.is_there = matches!(&self.stop, Stop::At(end) if end == progress);
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

/// The archive of a run under way.
pub(crate) enum RunArchive {
    None,
    Recording { recorder: Arc<Recorder>, file: Option<PathBuf> },
    Replaying(Arc<Replay>),
}

impl RunArchive {
    /// # Errors
    /// [`FailureKind::Archive`] where nothing can be recorded in the folder.
    pub(crate) fn open(what: &ArchiveUse) -> Result<Self, Failure> {
        Ok(match what {
            ArchiveUse::Nothing => Self::None,
            ArchiveUse::Replay(replay) => Self::Replaying(Arc::clone(replay)),
            ArchiveUse::Record { folder, file } => {
                let recorder = Recorder::into_folder(folder).map_err(|error| {
                    let message = format!("no archive can be kept in {}", folder.display());
                    Failure::new(FailureKind::Archive, message).caused_by(error)
                })?;
                Self::Recording { recorder: Arc::new(recorder), file: file.clone() }
            }
        })
    }

    /// What of it concerns the client.
    pub(crate) fn of_client(&self) -> Archiving {
        match self {
            Self::None => Archiving::Off,
            Self::Recording { recorder, .. } => Archiving::Records(Arc::clone(recorder)),
            Self::Replaying(replay) => Archiving::Replays(Arc::clone(&replay.player)),
        }
    }

    /// The plan as it is lived: who replays needs no credentials, no limits and no second try, and pays nothing.
    pub(crate) fn plan(&self, plan: &Arc<PipelinePlan>) -> Arc<PipelinePlan> {
        let Self::Replaying(_) = self else { return Arc::clone(plan) };
        let mut plan = PipelinePlan::clone(plan);
        plan.source.auth = AuthPlan::None;
        plan.source.rate_limits.clear();
        plan.budget = BudgetPlan::default();
        plan.streams.iter_mut().for_each(|stream| stream.price = None);
        plan.source.retries.attempts = std::num::NonZeroU32::MIN;
        Arc::new(plan)
    }

    /// The number that the run must have, before which nothing is written.
    ///
    /// # Errors
    /// As [`Replay::fits`].
    pub(crate) async fn number(
        &self,
        plan: &PipelinePlan,
        world: &World,
        destination: &dyn Destination,
    ) -> Result<Option<RunId>, Failure> {
        let Self::Replaying(replay) = self else { return Ok(None) };
        replay.fits(plan, world, destination).await?;
        Ok(Some(replay.recorded().head.run))
    }

    /// The run has its number.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub(crate) fn begin(&self, plan: &PipelinePlan, run: RunId, started_at: jiff::Timestamp) -> Result<(), Failure> {
        let Self::Recording { recorder, file } = self else { return Ok(()) };
        let shown = plan.variables.0.iter().filter_map(|(name, variable)| match variable {
            Variable::Plain(value) => Some((name.clone(), value.clone())),
            Variable::Secret(_) => None,
        });
        let head = Head {
            format: spile_archive::FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pipeline: plan.name.clone(),
            file: file.clone(),
            run,
            started_at,
            variables: shown.collect(),
        };
        written(recorder, recorder.begin(head))
    }

    /// A stream begins from what was stored, or from the beginning all the same.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub(crate) fn stream(&self, stream: &StreamName, stored: Option<Progress>, over: bool) -> Result<(), Failure> {
        let Self::Recording { recorder, .. } = self else { return Ok(()) };
        let partitions = stored.map(|progress| (PartitionKey::whole(), progress)).into_iter().collect();
        let checkpoint = Checkpoint { partitions };
        written(recorder, recorder.stream(StreamStart { stream: stream.clone(), checkpoint, from_beginning: over }))
    }

    /// The run is over.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub(crate) fn end(&self, world: &World, report: &RunReport) -> Result<(), Failure> {
        let Self::Recording { recorder, .. } = self else { return Ok(()) };
        let stream = |stream: &spile_model::StreamReport| StreamEnd {
            stream: stream.stream.clone(),
            outcome: stream.outcome,
            pages: stream.pages,
        };
        let streams = report.streams.iter().map(stream).collect();
        written(recorder, recorder.end(RunEnd { finished_at: world.clock.now(), outcome: report.outcome, streams }))
    }

    pub(crate) fn replay(&self) -> Option<&Replay> {
        match self {
            Self::Replaying(replay) => Some(replay),
            Self::None | Self::Recording { .. } => None,
        }
    }
}

/// The progress of a stream that is not divided.
fn whole(checkpoint: &Checkpoint) -> Option<Progress> {
    checkpoint.partitions.get(&PartitionKey::whole()).cloned()
}

fn written(recorder: &Recorder, written: io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| {
        let message = format!("the archive in {} cannot be written", recorder.folder().display());
        Failure::new(FailureKind::Archive, message).caused_by(error)
    })
}
