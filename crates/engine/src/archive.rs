//! A run that is recorded, and a recorded run that is lived again.
//!
//! Requests depend on what a stream starts from, so that this is recorded too: a replay starts where the recorded run
//! did and ends where that one ended. It goes into a place that stands exactly there, or that has nothing of the stream yet. So
//! no row is doubled and no progress goes back, whatever is replayed, and the recorded runs of a pipeline can be
//! replayed one after the other.

mod mark;
mod recording;
mod replay;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use spile_archive::{Cached, Head, Recorder, Reused, RunEnd, StreamEnd, StreamStart};
use spile_destination::{Destination, ReplayedRun};
use spile_http::{Archiving, Client};
use spile_model::{Checkpoint, Failure, FailureKind, PartitionKey, Progress, RunId, StreamReport};
use spile_plan::{BudgetPlan, CachePlan, PipelinePlan, Reuse, StreamPlan, Variable};

pub(crate) use self::recording::StreamRecording;
pub(crate) use self::replay::StreamReplay;
pub use self::replay::{Chain, Replay};
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

impl ArchiveUse {
    pub(crate) fn replays(&self) -> bool {
        matches!(self, Self::Replay(_))
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

    /// The plan as it is lived: who replays needs no limits and no second try, pays nothing, and remembers
    /// answers where the recorded run did.
    pub(crate) fn plan(&self, plan: &Arc<PipelinePlan>) -> Arc<PipelinePlan> {
        let Self::Replaying(replay) = self else { return Arc::clone(plan) };
        let mut plan = PipelinePlan::clone(plan);
        plan.source.rate_limits.clear();
        plan.budget = BudgetPlan::default();
        plan.streams.iter_mut().for_each(|stream| stream.price = None);
        plan.source.retries.attempts = std::num::NonZeroU32::MIN;
        let streams = &replay.recorded().streams;
        for stream in &mut plan.streams {
            stream.cache = streams.get(&stream.name).copied().flatten().map(as_planned);
        }
        Arc::new(plan)
    }

    /// The run that this one replays, before which nothing is written.
    ///
    /// # Errors
    /// As [`Replay::fits`].
    pub(crate) async fn replays(
        &self,
        plan: &PipelinePlan,
        world: &World,
        destination: &dyn Destination,
    ) -> Result<Option<ReplayedRun>, Failure> {
        let Self::Replaying(replay) = self else { return Ok(None) };
        replay.fits(plan, world, destination).await?;
        let run = replay.recorded().head.run;
        let streams = plan.streams.iter().map(|stream| stream.name.clone()).filter(|stream| world.wants(stream));
        Ok(Some(ReplayedRun { run, streams: streams.collect() }))
    }

    /// The run has its number.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub(crate) fn begin(
        &self,
        plan: &PipelinePlan,
        client: &Client,
        run: RunId,
        started_at: jiff::Timestamp,
    ) -> Result<(), Failure> {
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
            identity: plan.streams.iter().any(|stream| stream.cache.is_some()).then(|| client.identity()),
        };
        written(recorder, recorder.begin(head))
    }

    /// A stream begins from what was stored, or from the beginning all the same.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub(crate) fn stream(
        &self,
        plan: &StreamPlan,
        stored: Option<Progress>,
        has_table: bool,
        over: bool,
    ) -> Result<Option<StreamRecording>, Failure> {
        let Self::Recording { recorder, .. } = self else { return Ok(None) };
        let partitions = stored.map(|progress| (PartitionKey::whole(), progress)).into_iter().collect();
        let start = StreamStart {
            stream: plan.name.clone(),
            checkpoint: Checkpoint { partitions },
            from_beginning: over,
            has_table,
            cache: plan.cache.as_ref().map(as_recorded),
        };
        written(recorder, recorder.stream(start))?;
        Ok(Some(StreamRecording::of(recorder, &plan.name)))
    }

    /// The run is over.
    ///
    /// # Errors
    /// [`FailureKind::Archive`]
    pub(crate) fn end(&self, world: &World, report: &RunReport) -> Result<(), Failure> {
        let Self::Recording { recorder, .. } = self else { return Ok(()) };
        let stream = |stream: &StreamReport| {
            let mut failures = report.failures.iter().chain(&report.spent);
            let failure = failures.find(|failure| failure.stream.as_ref() == Some(&stream.stream));
            StreamEnd {
                stream: stream.stream.clone(),
                outcome: stream.outcome,
                pages: stream.pages,
                failure: failure.map(|failure| failure.kind.clone()),
                message: failure.map(|failure| failure.message.clone()),
                page: failure.and_then(|failure| failure.page),
            }
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

fn as_recorded(cache: &CachePlan) -> Cached {
    let reuse = match cache.reuse {
        Reuse::Never => Reused::Never,
        Reuse::Fresh => Reused::Fresh,
        Reuse::Heuristic => Reused::Heuristic,
    };
    Cached { reuse, pages: cache.pages }
}

fn as_planned(cached: Cached) -> CachePlan {
    let reuse = match cached.reuse {
        Reused::Never => Reuse::Never,
        Reused::Fresh => Reuse::Fresh,
        Reused::Heuristic => Reuse::Heuristic,
    };
    CachePlan { reuse, pages: cached.pages }
}

fn written(recorder: &Recorder, written: io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| {
        let message = format!("the archive in {} cannot be written", recorder.folder().display());
        Failure::new(FailureKind::Archive, message).caused_by(error)
    })
}
