//! APIs of GraphQL that count what queries cost, rehearsed in virtual time and without sockets: nearly all that they
//! allow is used, and they refuse next to nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use spile_http::{Awaited, Body, Client, HeaderMap, Method, Request, Response, Surroundings, Transport, Url, graphql};
use spile_model::{Clock, Events, Failure, FailureKind, StreamName};
use spile_plan::{CostPlan, PipelinePlan};
use tokio::time::{Instant, sleep};

use crate::support::TokioClock;

const SECOND: Duration = Duration::from_secs(1);
/// There and back.
const LATENCY: Duration = Duration::from_millis(40);

/// What a query costs: at most, and in the end.
#[derive(Clone, Copy)]
struct Query {
    requested: f64,
    actual: f64,
}

/// What an API counts, and how it tells.
trait Rule: Send {
    /// A query arrives: whether it is accepted.
    fn arrive(&mut self, query: Query, now: Instant) -> bool;

    /// It was carried out; what the answer's body says beside its data, and its headers.
    fn answer(&mut self, query: Query, accepted: bool, now: Instant) -> (Value, Vec<(&'static str, String)>);
}

struct Rehearsal {
    rule: Mutex<Box<dyn Rule>>,
    queries: Vec<(&'static str, Query)>,
    refused: Mutex<u32>,
}

impl Transport for Rehearsal {
    fn execute(&self, request: reqwest::Request) -> Awaited<'_> {
        Box::pin(async move {
            let path = request.url().path();
            let query = self.queries.iter().find(|(stream, _)| path == format!("/{stream}")).unwrap().1;
            sleep(LATENCY / 2).await;
            let accepted = self.rule.lock().unwrap().arrive(query, Instant::now());
            *self.refused.lock().unwrap() += u32::from(!accepted);
            sleep(LATENCY / 2).await;
            let (body, headers) = self.rule.lock().unwrap().answer(query, accepted, Instant::now());
            let mut answer = http::Response::builder().status(200);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            Ok(answer.body(body.to_string()).unwrap().into())
        })
    }
}

/// Reads the body as a source does: its bill is settled, and a refusal is one.
async fn read(response: Response) -> Result<(), Failure> {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    let texts = graphql::PATHS.map(|path| {
        let pointer = path.trim_start_matches('$').replace("[*]", ".0").replace('.', "/");
        body.pointer(&pointer).map(|value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
    });
    // Taking a page apart takes its time, in which nothing is known yet.
    sleep(Duration::from_millis(3)).await;
    let cost = graphql::read(|index| texts[index].as_deref());
    response.bill.tell(&cost, response.received_at);
    if cost.refused { Err(Failure::new(FailureKind::RateLimited, "refused")) } else { Ok(()) }
}

/// What came of it.
struct Outcome {
    took: Duration,
    refused: u32,
}

/// Each stream sends its query so often, as many at a time as the pipeline may, each until it is accepted.
async fn rehearse(streams: &[(&'static str, Query, u32)], rule: impl Rule + 'static) -> Outcome {
    let start = Instant::now();
    let api = Arc::new(Rehearsal {
        rule: Mutex::new(Box::new(rule)),
        queries: streams.iter().map(|(stream, query, _)| (*stream, *query)).collect(),
        refused: Mutex::default(),
    });
    let client = client(streams.iter().map(|(stream, ..)| *stream), &api);
    let mut senders = tokio::task::JoinSet::new();
    for &(stream, _, count) in streams {
        let left = Arc::new(Mutex::new(count));
        for _ in 0..8 {
            let (client, left) = (client.clone(), Arc::clone(&left));
            senders.spawn(async move {
                let take = || {
                    let mut left = left.lock().unwrap();
                    let some = *left > 0;
                    *left -= u32::from(some);
                    some
                };
                while take() {
                    let url = Url::parse(&format!("https://api.test/{stream}")).unwrap();
                    let body = Some(Body { content_type: "application/json", bytes: "{}".into() });
                    let request =
                        Request { method: Method::POST, url, headers: HeaderMap::new(), body, idempotent: true };
                    client.send_and(&request, &StreamName::new(stream), read).await.unwrap();
                }
            });
        }
    }
    senders.join_all().await;
    let refused = *api.refused.lock().unwrap();
    Outcome { took: start.elapsed(), refused }
}

fn client(streams: impl Iterator<Item = &'static str>, api: &Arc<Rehearsal>) -> Client {
    let streams = streams.map(|stream| {
        let mut plan = spile_testkit::plan::stream(stream);
        plan.cost = CostPlan::GraphQl;
        plan
    });
    let plan: PipelinePlan = spile_testkit::plan::pipeline("https://api.test", streams.collect());
    let clock = Arc::new(TokioClock(Instant::now()));
    Client::new(&plan, Surroundings::new(clock, Events::nowhere(), 7).over(Arc::clone(api) as _)).unwrap()
}

impl Outcome {
    /// At least 98 % of what the API allowed was used: `best` is what it takes who knows all.
    fn took_hardly_more_than(&self, best: Duration) {
        let used = best.as_secs_f64() / (self.took - LATENCY).as_secs_f64();
        assert!(used >= 0.98, "{:.1} % of what was allowed: {:?} instead of {best:?}", used * 100.0, self.took);
    }
}

/// A bucket of points, as Shopify has it: what a query may cost at most is taken when it arrives, and what it did not
/// need is given back with its answer.
struct Leaky {
    size: f64,
    restore: f64,
    level: f64,
    at: Option<Instant>,
    /// Another size and rate, from this time on.
    change: Option<(Duration, f64, f64)>,
    began: Instant,
}

fn leaky(size: f64, restore: f64) -> Leaky {
    Leaky { size, restore, level: size, at: None, change: None, began: Instant::now() }
}

impl Leaky {
    fn fill(&mut self, now: Instant) {
        if let Some((_, size, restore)) = self.change.take_if(|(after, ..)| now - self.began >= *after) {
            (self.size, self.restore) = (size, restore);
        }
        let since = self.at.replace(now).map_or(Duration::ZERO, |at| now - at);
        self.level = (self.level + since.as_secs_f64() * self.restore).min(self.size);
    }
}

impl Rule for Leaky {
    fn arrive(&mut self, query: Query, now: Instant) -> bool {
        self.fill(now);
        let accepted = self.level >= query.requested;
        if accepted {
            self.level -= query.requested;
        }
        accepted
    }

    fn answer(&mut self, query: Query, accepted: bool, now: Instant) -> (Value, Vec<(&'static str, String)>) {
        self.fill(now);
        if accepted {
            self.level = (self.level + query.requested - query.actual).min(self.size);
        }
        let status = json!({
            "maximumAvailable": self.size, "currentlyAvailable": self.level.floor(), "restoreRate": self.restore,
        });
        let actual = accepted.then_some(query.actual);
        let cost =
            json!({ "requestedQueryCost": query.requested, "actualQueryCost": actual, "throttleStatus": status });
        let body = if accepted {
            json!({ "data": {}, "extensions": { "cost": cost } })
        } else {
            let error = json!({ "message": "Throttled", "extensions": { "code": "THROTTLED" } });
            json!({ "errors": [error], "extensions": { "cost": cost } })
        };
        (body, Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_of_points_is_used_as_fast_as_it_fills_and_nothing_is_refused() {
    for (size, restore, requested, actual) in
        [(1000.0, 50.0, 100.0, 100.0), (2000.0, 100.0, 252.0, 52.0), (1000.0, 50.0, 12.0, 6.0)]
    {
        let count = 1000;
        let outcome = rehearse(&[("items", Query { requested, actual }, count)], leaky(size, restore)).await;
        assert_eq!(outcome.refused, 0);
        // What is requested must be there, also for the last one.
        let spent = f64::from(count - 1) * actual + requested;
        outcome.took_hardly_more_than(Duration::from_secs_f64((spent - size) / restore));
    }
}

#[tokio::test(start_paused = true)]
async fn streams_of_different_cost_share_a_bucket_and_none_is_refused_or_starves() {
    let dear = ("dear", Query { requested: 800.0, actual: 400.0 }, 100);
    let cheap = ("cheap", Query { requested: 10.0, actual: 10.0 }, 2000);
    let outcome = rehearse(&[dear, cheap], leaky(1000.0, 50.0)).await;
    assert_eq!(outcome.refused, 0);
    outcome.took_hardly_more_than(Duration::from_secs_f64((100.0 * 400.0 + 2000.0 * 10.0 - 1000.0) / 50.0));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_becomes_smaller_costs_one_refusal_at_most() {
    let rule = Leaky { change: Some((100 * SECOND, 500.0, 25.0)), ..leaky(1000.0, 50.0) };
    let outcome = rehearse(&[("items", Query { requested: 100.0, actual: 80.0 }, 200)], rule).await;
    assert!(outcome.refused <= 1, "{}", outcome.refused);
    let before = 1000.0 + 100.0 * 50.0;
    outcome.took_hardly_more_than(100 * SECOND + Duration::from_secs_f64((200.0 * 80.0 - before) / 25.0));
}

/// So many points in an hour, as GitHub has it.
struct Points {
    limit: f64,
    per: Duration,
    used: f64,
    end: Option<Instant>,
    clock: TokioClock,
    /// Whether queries ask for `rateLimit`; headers tell in any case.
    asked: bool,
}

impl Rule for Points {
    fn arrive(&mut self, query: Query, now: Instant) -> bool {
        if self.end.is_none_or(|end| end <= now) {
            (self.end, self.used) = (Some(now + self.per), 0.0);
        }
        let accepted = self.used + query.actual <= self.limit;
        if accepted {
            self.used += query.actual;
        }
        accepted
    }

    fn answer(&mut self, query: Query, accepted: bool, now: Instant) -> (Value, Vec<(&'static str, String)>) {
        let reset = self.clock.now() + (self.end.unwrap() - now);
        let headers = vec![
            ("X-RateLimit-Limit", self.limit.to_string()),
            ("X-RateLimit-Remaining", (self.limit - self.used).to_string()),
            ("X-RateLimit-Reset", (reset.as_second() + 1).to_string()),
            ("X-RateLimit-Resource", "graphql".to_owned()),
        ];
        let told = json!({
            "cost": query.actual, "limit": self.limit, "remaining": self.limit - self.used,
            "resetAt": jiff::Timestamp::from_second(reset.as_second() + 1).unwrap(),
        });
        let body = match (accepted, self.asked) {
            (true, true) => json!({ "data": { "rateLimit": told } }),
            (true, false) => json!({ "data": {} }),
            (false, _) => json!({ "errors": [{ "type": "RATE_LIMITED", "message": "API rate limit exceeded" }] }),
        };
        (body, headers)
    }
}

#[tokio::test(start_paused = true)]
async fn points_of_an_hour_are_used_whole_and_nothing_is_refused() {
    for (actual, asked, count) in [(1.0, true, 1_000), (10.0, true, 100), (1.0, false, 1_000)] {
        let clock = TokioClock(Instant::now());
        let rule = Points { limit: 200.0, per: 3600 * SECOND, used: 0.0, end: None, clock, asked };
        let outcome = rehearse(&[("items", Query { requested: actual, actual }, count)], rule).await;
        assert_eq!(outcome.refused, 0, "{actual} {asked}");
        outcome.took_hardly_more_than(4 * 3600 * SECOND);
    }
}
