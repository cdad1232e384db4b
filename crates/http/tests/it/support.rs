//! A plan of one stream, a client with a clock that stands still, and the events that it emitted.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spile_http::{Client, Names, Request, Response, Surroundings, Url};
use spile_model::clock::FixedClock;
use spile_model::{Clock, Events, Failure, RunEvent, Secret, StreamName};
use spile_plan::{PipelinePlan, Variable, Variables};
use spile_testkit::memory_secrets::MemorySecrets;
use spile_testkit::plan::pipeline;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

pub(crate) const NOW: &str = "2025-03-01T12:00:00Z";

pub(crate) fn stream() -> StreamName {
    StreamName::new("items")
}

/// A plan against `base_url` with one secret variable `token`.
pub(crate) fn plan(base_url: &str) -> PipelinePlan {
    let secret = Variable::Secret(Secret::new("hunter2/+ü"));
    let mut plan = pipeline(base_url, vec![spile_testkit::plan::stream("items")]);
    plan.variables = Variables(BTreeMap::from([("token".to_owned(), secret)]));
    plan
}

/// Only one try.
pub(crate) fn without_retries(mut plan: PipelinePlan) -> PipelinePlan {
    plan.source.retries.attempts = NonZeroU32::MIN;
    plan
}

/// A client and the events that it emits.
pub(crate) struct Rig {
    pub(crate) client: Client,
    pub(crate) events: Arc<Mutex<Vec<RunEvent>>>,
}

impl Rig {
    pub(crate) fn new(plan: &PipelinePlan) -> Self {
        Self::seeded(plan, 7)
    }

    pub(crate) fn seeded(plan: &PipelinePlan, seed: u64) -> Self {
        let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
        Self::made(plan, seed, clock, Names::of_the_system())
    }

    pub(crate) fn with_names(plan: &PipelinePlan, names: Names) -> Self {
        Self::made(plan, 7, Arc::new(FixedClock(NOW.parse().unwrap())), names)
    }

    pub(crate) fn with_clock(plan: &PipelinePlan, seed: u64, clock: Arc<dyn Clock>) -> Self {
        Self::made(plan, seed, clock, Names::of_the_system())
    }

    /// Why there is no client for that plan.
    pub(crate) fn refused(plan: &PipelinePlan) -> Failure {
        let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
        let client = Client::new(plan, Surroundings::new(clock, Events::nowhere(), 7));
        client.err().expect("this plan makes no client")
    }

    /// What rotates is kept in `secrets`.
    pub(crate) fn keeping(plan: &PipelinePlan, secrets: &MemorySecrets) -> Self {
        let clock = Arc::new(FixedClock(NOW.parse().unwrap()));
        Self::surrounded(plan, |events| Surroundings::new(clock, events, 7).with_secrets(Arc::new(secrets.clone())))
    }

    fn made(plan: &PipelinePlan, seed: u64, clock: Arc<dyn Clock>, names: Names) -> Self {
        Self::surrounded(plan, |events| Surroundings::new(clock, events, seed).with_names(names))
    }

    pub(crate) fn surrounded(plan: &PipelinePlan, by: impl FnOnce(Events) -> Surroundings) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let events_of = Events::to(move |event| sink.lock().unwrap().push(event));
        Self { client: Client::new(plan, by(events_of)).unwrap(), events }
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Response, Failure> {
        self.client.send(&Request::get(Url::parse(url).unwrap()), &stream()).await
    }

    /// Reasons and lengths of the waits.
    pub(crate) fn waits(&self) -> Vec<(String, Duration)> {
        let events = self.events.lock().unwrap();
        let waits = events.iter().filter_map(|event| match event {
            RunEvent::Waiting { reason, wait, .. } => Some((reason.clone(), *wait)),
            _ => None,
        });
        waits.collect()
    }
}

/// A clock that goes with tokio's, which tests pause and advance.
pub(crate) struct TokioClock(pub(crate) tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> jiff::Timestamp {
        NOW.parse::<jiff::Timestamp>().unwrap() + self.0.elapsed()
    }
}

/// All that a failure says anywhere.
pub(crate) fn everything_said(failure: &Failure) -> String {
    format!("{failure}\n{failure:?}\n{}", failure.causes().join("\n"))
}

/// What is logged on this thread, at every level.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Until the guard is dropped.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || log.clone());
        let ours = Targets::new().with_target("spile", tracing::Level::TRACE);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(ours).with(lines))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
