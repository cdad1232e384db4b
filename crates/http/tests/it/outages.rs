//! APIs that are down, or sick, rehearsed in virtual time and without sockets: they are not hammered, they are waited
//! for, and who is given up says since when.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spile_http::{Awaited, Client, Request, Surroundings, Transport, Url};
use spile_model::{Events, Failure, FailureKind, RunEvent, StreamName};
use spile_plan::{PipelinePlan, RetryBudgetPlan};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{TokioClock, plan};

const LATENCY: Duration = Duration::from_millis(40);

/// What is answered at that path, so long after the start.
type Rule = fn(path: &str, at: Duration) -> u16;

struct Api {
    rule: Rule,
    start: Instant,
    /// When requests arrived, where, and how they were answered.
    log: Mutex<Vec<(Duration, String, u16)>>,
}

impl Transport for Api {
    fn execute(&self, request: reqwest::Request) -> Awaited<'_> {
        Box::pin(async move {
            sleep(LATENCY / 2).await;
            let (at, path) = (self.start.elapsed(), request.url().path().to_owned());
            let status = (self.rule)(&path, at);
            self.log.lock().unwrap().push((at, path, status));
            sleep(LATENCY / 2).await;
            Ok(http::Response::builder().status(status).body("[]").unwrap().into())
        })
    }
}

struct Rig {
    client: Client,
    api: Arc<Api>,
    events: Arc<Mutex<Vec<RunEvent>>>,
}

impl Rig {
    fn new(plan: &PipelinePlan, rule: Rule) -> Self {
        let start = Instant::now();
        let api = Arc::new(Api { rule, start, log: Mutex::default() });
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let heard = Events::to(move |event| sink.lock().unwrap().push(event));
        let surroundings = Surroundings::new(Arc::new(TokioClock(start)), heard, 7).over(Arc::clone(&api) as _);
        Self { client: Client::new(plan, surroundings).unwrap(), api, events }
    }

    async fn get(&self, name: &str) -> Result<(), Failure> {
        let request = Request::get(Url::parse(&format!("https://api.test/{name}")).unwrap());
        self.client.send(&request, &StreamName::new(name)).await.map(|_| ())
    }

    /// Streams of these names at once, each with so many requests one after the other, until it fails.
    async fn read(&self, names: &'static [&'static str], count: usize) -> Vec<Result<(), Failure>> {
        let mut streams = JoinSet::new();
        for name in names {
            let rig =
                Self { client: self.client.clone(), api: Arc::clone(&self.api), events: Arc::clone(&self.events) };
            streams.spawn(async move {
                for _ in 0..count {
                    rig.get(name).await?;
                }
                Ok(())
            });
        }
        streams.join_all().await
    }

    fn log(&self) -> Vec<(Duration, String, u16)> {
        self.api.log.lock().unwrap().clone()
    }

    /// Reasons of waits, each once.
    fn reasons(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let reasons = events.iter().filter_map(|event| match event {
            RunEvent::Waiting { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        let mut reasons: Vec<String> = reasons.collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }
}

fn seconds(from: u64, to: u64, at: Duration) -> bool {
    (from..to).contains(&at.as_secs())
}

const EIGHT: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

#[tokio::test(start_paused = true)]
async fn an_api_that_goes_down_is_asked_now_and_then_and_when_it_is_back_nothing_is_lost() {
    let rig = Rig::new(&plan("https://api.test"), |_, at| if seconds(2, 300, at) { 503 } else { 200 });
    let outcomes = rig.read(&EIGHT, 100).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let log = rig.log();
    assert_eq!(log.iter().filter(|(_, _, status)| *status == 200).count(), 800, "each request once");
    let down: Vec<Duration> = log.iter().filter(|(_, _, status)| *status == 503).map(|(at, ..)| *at).collect();
    // Eight were under way, one of which could be tried again before the fifth failed; then 1, 2, 4 … 60 seconds.
    assert!(down.len() <= 20, "{down:?}");
    let probes: Vec<u64> = down.windows(2).map(|two| (two[1] - two[0]).as_secs()).filter(|gap| *gap > 0).collect();
    assert_eq!(probes, [1, 2, 4, 8, 16, 32, 60, 60, 60], "{down:?}");
    let first_back = log.iter().find(|(at, _, status)| *status == 200 && at.as_secs() >= 300).unwrap().0;
    assert!(first_back <= Duration::from_secs(361), "{first_back:?}");
    let since = "the API is down since 2025-03-01 12:00:02 UTC (HTTP 503)";
    assert!(rig.reasons().iter().any(|reason| reason == since), "{:?}", rig.reasons());
}

#[tokio::test(start_paused = true)]
async fn who_reads_page_after_page_waits_for_an_api_that_is_down_too() {
    let rig = Rig::new(&plan("https://api.test"), |_, at| if seconds(1, 200, at) { 502 } else { 200 });
    assert!(rig.read(&["a"], 100).await.iter().all(Result::is_ok));
    assert!(rig.log().iter().filter(|(_, _, status)| *status == 502).count() <= 14, "{:?}", rig.log());
}

#[tokio::test(start_paused = true)]
async fn an_api_that_stays_down_is_given_up_with_the_time_since_when() {
    let mut plan = plan("https://api.test");
    plan.source.retries.outage.give_up = Duration::from_secs(300);
    let rig = Rig::new(&plan, |_, at| if at.as_secs() < 2 { 200 } else { 503 });
    let start = Instant::now();
    let outcomes = rig.read(&EIGHT, 1000).await;
    assert!(seconds(302, 304, start.elapsed()), "{:?}", start.elapsed());
    for outcome in outcomes {
        let failure = outcome.unwrap_err();
        let said = "given up: the API is down since 2025-03-01 12:00:02 UTC (HTTP 503)";
        assert_eq!(failure.kind, FailureKind::Down);
        assert!(failure.message.ends_with(said), "{failure}");
    }
    let sent = rig.log().len();
    let failure = rig.get("late").await.unwrap_err();
    assert_eq!((failure.kind, rig.log().len()), (FailureKind::Down, sent), "nothing more is sent");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_never_answered_is_given_up_after_a_minute_or_so() {
    let rig = Rig::new(&plan("https://api.test"), |_, _| 503);
    let start = Instant::now();
    let outcomes = rig.read(&EIGHT, 1).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert!(start.elapsed() < Duration::from_secs(90), "{:?}", start.elapsed());
    assert!(rig.log().len() <= 20, "{}", rig.log().len());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_broken_while_others_answer_is_no_outage() {
    for status in [500, 502, 503] {
        let rule: Rule = match status {
            500 => |path, _| if path == "/a" { 500 } else { 200 },
            502 => |path, _| if path == "/a" { 502 } else { 200 },
            _ => |path, _| if path == "/a" { 503 } else { 200 },
        };
        let rig = Rig::new(&plan("https://api.test"), rule);
        let outcomes = rig.read(&EIGHT, 2000).await;
        let failures: Vec<&Failure> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].kind, FailureKind::ServerError(status));
        assert!(failures[0].message.ends_with("(tried 6 times)"), "{}", failures[0]);
        assert!(rig.reasons().iter().all(|reason| !reason.contains("down")), "{:?}", rig.reasons());
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_broken_while_no_other_is_asked_fails_after_its_tries() {
    let rig = Rig::new(&plan("https://api.test"), |path, _| if path == "/a" { 500 } else { 200 });
    rig.get("b").await.unwrap();
    let failure = rig.get("a").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ServerError(500));
    assert!(failure.message.ends_with("(tried 6 times)"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_server_error_of_every_endpoint_is_an_outage() {
    let rig = Rig::new(&plan("https://api.test"), |_, at| if seconds(2, 120, at) { 500 } else { 200 });
    let outcomes = rig.read(&EIGHT, 100).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(rig.log().iter().filter(|(_, _, status)| *status == 500).count() <= 20);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_is_sent_by_another() {
    let rig = Rig::new(&plan("https://api.test"), |_, at| if seconds(1, 30, at) { 503 } else { 200 });
    let given_up = async { tokio::time::timeout(Duration::from_secs(10), rig.read(&["a"], 1000)).await };
    let (first, others) = tokio::join!(given_up, rig.read(&["b", "c"], 100));
    assert!(first.is_err());
    assert!(others.iter().all(Result::is_ok), "{others:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sick_api_gets_no_more_retries_than_the_budget_has() {
    let mut plan = plan("https://api.test");
    plan.source.retries.budget = RetryBudgetPlan { percent: 10, floor: 5 };
    // Every second answer is an error.
    let rig = Rig::new(&plan, |_, at| if at.as_nanos() % 3 == 0 { 500 } else { 200 });
    let outcomes = rig.read(&["a"], 1000).await;
    let log = rig.log();
    let failed = log.iter().filter(|(_, _, status)| *status == 500).count();
    match outcomes[0].as_ref() {
        Ok(()) => assert!(failed <= 105, "{failed}"),
        Err(failure) => {
            let good = log.len() - failed;
            assert!(
                failure.message.contains("not tried again: the run has spent its retries, 5 and 10 %"),
                "{failure}"
            );
            assert!(failed - 1 <= 5 + (good + 1) / 10, "{failed} of {}", log.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_budget_is_spent_says_so_and_refusals_that_ask_to_wait_cost_none_of_it() {
    let mut plan = plan("https://api.test");
    plan.source.retries.budget = RetryBudgetPlan { percent: 0, floor: 3 };
    let rig = Rig::new(&plan, |path, at| match path {
        "/limited" if at.as_secs() < 15 => 429,
        "/limited" => 200,
        _ => 500,
    });
    rig.get("limited").await.unwrap();
    let failure = rig.get("sick").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::ServerError(500));
    let said = "answered with 500 Internal Server Error: []; not tried again: the run has spent its retries, \
                3 and 0 % of its 2 requests (`retries.budget`)";
    assert!(failure.message.contains(said), "{failure}");
    assert_eq!(rig.log().iter().filter(|(_, path, _)| path == "/sick").count(), 4);
}

/// H2 of the fault matrix: bursts of errors of every kind of status, in the midst of a stream.
#[tokio::test(start_paused = true)]
async fn bursts_of_errors_are_ridden_out_within_the_policy() {
    const KINDS: [u16; 8] = [500, 501, 502, 503, 504, 529, 408, 425];
    for burst in [1, 2, 5, 20] {
        for status in KINDS {
            let mut plan = plan("https://api.test");
            plan.source.retries.outage.give_up = Duration::from_secs(3600);
            plan.source.retries.attempts = NonZeroU32::new(if burst < 6 { 6 } else { 25 }).unwrap();
            let start = Instant::now();
            let (left, log) = (Mutex::new(burst), Mutex::new(Vec::new()));
            let api = Arc::new(Burst { status, left, log, start });
            let surroundings =
                Surroundings::new(Arc::new(TokioClock(start)), Events::nowhere(), burst).over(Arc::clone(&api) as _);
            let client = Client::new(&plan, surroundings).unwrap();
            let request = Request::get(Url::parse("https://api.test/items").unwrap());
            for _ in 0..10 {
                client.send(&request, &StreamName::new("items")).await.unwrap();
            }
            let log = api.log.lock().unwrap();
            let count = |wanted: u16| log.iter().filter(|(_, status)| *status == wanted).count() as u64;
            assert_eq!((count(status), count(200)), (burst, 10), "{status} {burst} times");
            let longest = log.windows(2).map(|two| two[1].0 - two[0].0).max().unwrap();
            assert!(longest <= Duration::from_secs(61), "{status} {burst} times: {longest:?}");
        }
    }
}

/// Answers three requests well, then so many with an error, then all well.
struct Burst {
    status: u16,
    left: Mutex<u64>,
    log: Mutex<Vec<(Duration, u16)>>,
    start: Instant,
}

impl Transport for Burst {
    fn execute(&self, _: reqwest::Request) -> Awaited<'_> {
        Box::pin(async {
            sleep(LATENCY).await;
            let mut log = self.log.lock().unwrap();
            let mut left = self.left.lock().unwrap();
            let status = if log.len() >= 3 && *left > 0 { self.status } else { 200 };
            *left -= u64::from(status != 200);
            log.push((self.start.elapsed(), status));
            Ok(http::Response::builder().status(status).body("[]").unwrap().into())
        })
    }
}
