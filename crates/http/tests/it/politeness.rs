//! APIs with limits of every kind, rehearsed in virtual time and without sockets: nearly all that they allow is used, and
//! they refuse next to nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use spile_http::{Awaited, Client, Request, Surroundings, Transport, Url};
use spile_model::{Clock, Events};
use tokio::time::{Instant, sleep};

use crate::support::{plan, stream};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// There and back.
const LATENCY: Duration = Duration::from_millis(40);
const CONCURRENCY: usize = 8;

/// A wall clock that goes with tokio's.
struct Together {
    origin: Instant,
}

impl Together {
    fn new() -> Self {
        Self { origin: Instant::now() }
    }

    fn at(&self, instant: Instant) -> Timestamp {
        let begin: Timestamp = "2025-03-01T12:00:00.4Z".parse().unwrap(); // not on a whole second
        begin + (instant - self.origin)
    }
}

impl Clock for Together {
    fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }
}

/// What an API counts, and how it tells.
trait Rule: Send {
    /// A request arrives: whether it is accepted, and the headers of the answer.
    fn arrive(&mut self, now: Instant, clock: &Together) -> (bool, Vec<(&'static str, String)>);

    /// An accepted request was answered.
    fn leave(&mut self) {}

    fn refusal(&self) -> u16 {
        429
    }
}

struct Rehearsal {
    rule: Mutex<Box<dyn Rule>>,
    clock: Arc<Together>,
    log: Mutex<Vec<(Instant, bool)>>,
}

impl Transport for Rehearsal {
    fn execute(&self, _request: reqwest::Request) -> Awaited<'_> {
        Box::pin(async {
            sleep(LATENCY / 2).await;
            let now = Instant::now();
            let (accepted, headers) = self.rule.lock().unwrap().arrive(now, &self.clock);
            self.log.lock().unwrap().push((now, accepted));
            let status = if accepted { 200 } else { self.rule.lock().unwrap().refusal() };
            let mut answer = http::Response::builder().status(status);
            answer = answer.header("Date", httpdate::fmt_http_date(self.clock.at(now).into()));
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            sleep(LATENCY / 2).await;
            if accepted {
                self.rule.lock().unwrap().leave();
            }
            Ok(answer.body("[]").unwrap().into())
        })
    }
}

/// What came of it.
struct Outcome {
    took: Duration,
    accepted: usize,
    refused: usize,
    log: Vec<(Instant, bool)>,
}

/// Sends `count` requests, so many at a time as the pipeline may, each until it is accepted.
async fn rehearse(count: usize, rule: impl Rule + 'static) -> Outcome {
    let clock = Arc::new(Together::new());
    let api =
        Arc::new(Rehearsal { rule: Mutex::new(Box::new(rule)), clock: Arc::clone(&clock), log: Mutex::default() });
    let plan = plan("https://api.test");
    let surroundings = Surroundings::new(clock, Events::nowhere(), 7).over(Arc::clone(&api) as _);
    let client = Client::new(&plan, surroundings).unwrap();
    let left = Arc::new(Mutex::new(count));
    let start = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CONCURRENCY {
        let (client, left) = (client.clone(), Arc::clone(&left));
        senders.spawn(async move {
            let request = Request::get(Url::parse("https://api.test/items").unwrap());
            loop {
                {
                    let mut left = left.lock().unwrap();
                    if *left == 0 {
                        return;
                    }
                    *left -= 1;
                }
                client.send(&request, &stream()).await.unwrap();
            }
        });
    }
    senders.join_all().await;
    let log = api.log.lock().unwrap().clone();
    let accepted = log.iter().filter(|(_, accepted)| *accepted).count();
    Outcome { took: start.elapsed(), accepted, refused: log.len() - accepted, log }
}

impl Outcome {
    /// At least 98 % of what the API allowed was used: `best` is what it takes who knows all.
    fn took_hardly_more_than(&self, name: &str, best: Duration) {
        let used = best.as_secs_f64() / (self.took - LATENCY).as_secs_f64();
        assert!(used >= 0.98, "{name}: {:.1} % of what was allowed: {:?} instead of {best:?}", used * 100.0, self.took);
    }
}

/// So many in a window that begins with the first request after the last one, or at full multiples of its length.
struct Fixed {
    limit: u32,
    per: Duration,
    aligned: bool,
    end: Option<Instant>,
    count: u32,
    tell: fn(&Told) -> Vec<(&'static str, String)>,
    status: u16,
    /// Limits of further windows.
    changes: VecDeque<u32>,
    /// What others take of each window, and when within it.
    others: Option<(u32, Duration)>,
    others_took: bool,
}

struct Told {
    limit: u32,
    left: u32,
    per: u64,
    reset: Duration,
    reset_at: Timestamp,
}

fn fixed(limit: u32, per: Duration, tell: fn(&Told) -> Vec<(&'static str, String)>) -> Fixed {
    Fixed {
        limit,
        per,
        aligned: false,
        end: None,
        count: 0,
        tell,
        status: 429,
        changes: VecDeque::new(),
        others: None,
        others_took: false,
    }
}

impl Rule for Fixed {
    fn arrive(&mut self, now: Instant, clock: &Together) -> (bool, Vec<(&'static str, String)>) {
        if self.end.is_none_or(|end| end <= now) {
            let first = self.end.is_none();
            self.end = Some(if self.aligned {
                let into = clock.at(now).duration_since(Timestamp::UNIX_EPOCH).unsigned_abs().as_nanos();
                now + self.per - Duration::from_nanos_u128(into % self.per.as_nanos())
            } else {
                now + self.per
            });
            self.count = 0;
            self.others_took = false;
            if !first && let Some(limit) = self.changes.pop_front() {
                self.limit = limit;
            }
        }
        let end = self.end.unwrap();
        if let Some((others, after)) = self.others
            && !self.others_took
            && now + self.per >= end + after
        {
            self.others_took = true;
            self.count = (self.count + others).min(self.limit);
        }
        let accepted = self.count < self.limit;
        self.count += u32::from(accepted);
        let left = self.limit - self.count.min(self.limit);
        let told = Told { limit: self.limit, left, per: self.per.as_secs(), reset: end - now, reset_at: clock.at(end) };
        (accepted, (self.tell)(&told))
    }

    fn refusal(&self) -> u16 {
        self.status
    }
}

fn up(reset: Duration) -> String {
    reset.as_secs_f64().ceil().to_string()
}

fn draft_6(told: &Told) -> Vec<(&'static str, String)> {
    vec![
        ("RateLimit-Limit", told.limit.to_string()),
        ("RateLimit-Remaining", told.left.to_string()),
        ("RateLimit-Reset", up(told.reset)),
        ("RateLimit-Policy", format!("{};w={}", told.limit, told.per)),
    ]
}

fn draft_7(told: &Told) -> Vec<(&'static str, String)> {
    let text = format!("limit={}, remaining={}, reset={}", told.limit, told.left, up(told.reset));
    vec![("RateLimit", text), ("RateLimit-Policy", format!("{};w={}", told.limit, told.per))]
}

fn draft_8(told: &Told) -> Vec<(&'static str, String)> {
    vec![
        ("RateLimit", format!("\"default\";r={};t={}", told.left, up(told.reset))),
        ("RateLimit-Policy", format!("\"default\";q={};w={}", told.limit, told.per)),
    ]
}

fn github(told: &Told) -> Vec<(&'static str, String)> {
    vec![
        ("X-RateLimit-Limit", told.limit.to_string()),
        ("X-RateLimit-Remaining", told.left.to_string()),
        ("X-RateLimit-Used", (told.limit - told.left).to_string()),
        ("X-RateLimit-Reset", (told.reset_at.as_second() + 1).to_string()),
        ("X-RateLimit-Resource", "core".to_owned()),
    ]
}

fn rounded_down(told: &Told) -> Vec<(&'static str, String)> {
    vec![
        ("X-RateLimit-Limit", told.limit.to_string()),
        ("X-RateLimit-Remaining", told.left.to_string()),
        // Even at the beginning of a window some of it is over when it is told.
        ("X-RateLimit-Reset", told.reset.saturating_sub(Duration::from_millis(1)).as_secs().to_string()),
    ]
}

fn reddit(told: &Told) -> Vec<(&'static str, String)> {
    vec![
        ("X-Ratelimit-Used", (told.limit - told.left).to_string()),
        ("X-Ratelimit-Remaining", format!("{}.0", told.left)),
        ("X-Ratelimit-Reset", up(told.reset)),
    ]
}

fn retry_after_only(told: &Told) -> Vec<(&'static str, String)> {
    if told.left > 0 { Vec::new() } else { vec![("Retry-After", up(told.reset))] }
}

#[tokio::test(start_paused = true)]
async fn fixed_windows_are_used_whole_whatever_header_tells_of_them() {
    for (name, per, tell) in [
        ("draft 6", MINUTE, draft_6 as fn(&Told) -> _),
        ("draft 7", MINUTE, draft_7),
        ("draft 8", MINUTE, draft_8),
        // Whole seconds of the clock leave two of them open: nothing in an hour, too much in a minute.
        ("GitHub", 60 * MINUTE, github),
        ("rounded down", MINUTE, rounded_down),
        ("Reddit", 10 * MINUTE, reddit),
    ] {
        let outcome = rehearse(600, fixed(100, per, tell)).await;
        assert_eq!((outcome.accepted, outcome.refused), (600, 0), "{name}");
        outcome.took_hardly_more_than(name, 5 * per);
    }
}

#[tokio::test(start_paused = true)]
async fn windows_that_begin_with_the_minute_are_used_whole() {
    let rule = Fixed { aligned: true, status: 403, ..fixed(100, MINUTE, github) };
    let outcome = rehearse(1000, rule).await;
    assert_eq!((outcome.accepted, outcome.refused), (1000, 0));
    outcome.took_hardly_more_than("", 9 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_short_window_is_used_whole_too() {
    let outcome = rehearse(1000, fixed(100, 5 * SECOND, draft_6)).await;
    assert_eq!((outcome.accepted, outcome.refused), (1000, 0));
    outcome.took_hardly_more_than("", 45 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_changes_costs_one_refusal_at_most_each_time() {
    let changes = [100, 50, 50, 200, 200, 80].into();
    let outcome = rehearse(700, Fixed { changes, ..fixed(100, MINUTE, draft_8) }).await;
    assert_eq!(outcome.accepted, 700);
    assert!(outcome.refused <= 4, "{}", outcome.refused);
    outcome.took_hardly_more_than("", 6 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn others_who_spend_from_the_same_limit_cost_one_refusal_at_most_each_time() {
    let others = Some((30, Duration::from_millis(100)));
    let outcome = rehearse(700, Fixed { others, ..fixed(100, MINUTE, draft_8) }).await;
    assert_eq!(outcome.accepted, 700);
    assert!(outcome.refused <= 10, "{}", outcome.refused);
    outcome.took_hardly_more_than("", 9 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn who_is_told_only_to_come_back_later_does_not_come_before() {
    let outcome = rehearse(400, fixed(100, MINUTE, retry_after_only)).await;
    assert_eq!(outcome.accepted, 400);
    let mut refused_until = None;
    for (at, accepted) in outcome.log {
        match refused_until {
            Some(until) if accepted => {
                assert!(at >= until, "too early by {:?}", until - at);
                refused_until = None;
            }
            None if !accepted => refused_until = Some(at + MINUTE - 2 * SECOND),
            _ => {}
        }
    }
}

/// So many in any stretch of time.
struct Sliding {
    limit: usize,
    per: Duration,
    arrivals: VecDeque<Instant>,
}

impl Rule for Sliding {
    fn arrive(&mut self, now: Instant, _: &Together) -> (bool, Vec<(&'static str, String)>) {
        while self.arrivals.front().is_some_and(|at| *at + self.per <= now) {
            self.arrivals.pop_front();
        }
        let accepted = self.arrivals.len() < self.limit;
        if accepted {
            self.arrivals.push_back(now);
        }
        let (left, reset) = (self.limit - self.arrivals.len(), self.arrivals[0] + self.per - now);
        (
            accepted,
            vec![
                ("RateLimit-Policy", format!("\"sliding\";q={};w={}", self.limit, self.per.as_secs())),
                ("RateLimit", format!("\"sliding\";r={left};t={}", up(reset))),
            ],
        )
    }
}

#[tokio::test(start_paused = true)]
async fn a_sliding_window_is_used_whole() {
    let outcome = rehearse(600, Sliding { limit: 100, per: MINUTE, arrivals: VecDeque::new() }).await;
    assert_eq!((outcome.accepted, outcome.refused), (600, 0));
    outcome.took_hardly_more_than("", 5 * MINUTE);
}

/// A bucket from which each request takes one, and which fills with so many in a second.
struct Bucket {
    size: f64,
    per_second: f64,
    level: f64,
    at: Option<Instant>,
    tell: fn(size: f64, level: f64, per_second: f64) -> Vec<(&'static str, String)>,
}

impl Rule for Bucket {
    fn arrive(&mut self, now: Instant, _: &Together) -> (bool, Vec<(&'static str, String)>) {
        let since = self.at.replace(now).map_or(Duration::ZERO, |at| now - at);
        self.level = (self.level + since.as_secs_f64() * self.per_second).min(self.size);
        let accepted = self.level >= 1.0;
        if accepted {
            self.level -= 1.0;
        }
        (accepted, (self.tell)(self.size, self.level, self.per_second))
    }
}

fn bucket(size: f64, per_second: f64, tell: fn(f64, f64, f64) -> Vec<(&'static str, String)>) -> Bucket {
    Bucket { size, per_second, level: size, at: None, tell }
}

fn shopify(size: f64, level: f64, _: f64) -> Vec<(&'static str, String)> {
    vec![("X-Shopify-Shop-Api-Call-Limit", format!("{}/{size}", size - level.floor()))]
}

fn discord(size: f64, level: f64, per_second: f64) -> Vec<(&'static str, String)> {
    let after = (size - level) / per_second;
    vec![
        ("X-RateLimit-Limit", size.to_string()),
        ("X-RateLimit-Remaining", level.floor().to_string()),
        ("X-RateLimit-Reset-After", format!("{after:.3}")),
        ("X-RateLimit-Bucket", "abcd1234".to_owned()),
    ]
}

#[tokio::test(start_paused = true)]
async fn buckets_are_used_as_fast_as_they_fill() {
    for (name, rule, best) in [
        ("Shopify", bucket(40.0, 2.0, shopify), 180),
        ("Shopify Plus", bucket(400.0, 20.0, shopify), 0),
        ("Discord", bucket(50.0, 1.0, discord), 350),
    ] {
        let outcome = rehearse(400, rule).await;
        assert_eq!((outcome.accepted, outcome.refused), (400, 0), "{name}");
        if best > 0 {
            outcome.took_hardly_more_than(name, SECOND * best);
        }
    }
}

/// So many at once.
struct AtOnce {
    limit: usize,
    under_way: usize,
    tells: bool,
}

impl Rule for AtOnce {
    fn arrive(&mut self, _: Instant, _: &Together) -> (bool, Vec<(&'static str, String)>) {
        let accepted = self.under_way < self.limit;
        self.under_way += usize::from(accepted);
        let policy = format!("\"at-once\";q={};qu=\"concurrent-requests\"", self.limit);
        (accepted, if self.tells { vec![("RateLimit-Policy", policy)] } else { Vec::new() })
    }

    fn leave(&mut self) {
        self.under_way -= 1;
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_are_under_way_than_the_api_says() {
    let outcome = rehearse(300, AtOnce { limit: 3, under_way: 0, tells: true }).await;
    assert_eq!((outcome.accepted, outcome.refused), (300, 0));
    outcome.took_hardly_more_than("", LATENCY * 100);
}
