//! Limits that count what requests cost.

use proptest::prelude::*;
use spile_plan::{CostPlan, TokenSource};

use super::super::bill::Cost;
use super::*;

fn limit_of_cost(most: u32, per: Duration) -> RateLimitPlan {
    RateLimitPlan { counts: Counted::Cost, ..limit(most, per) }
}

/// A stream with this cost.
fn costing(name: &str, cost: CostPlan) -> StreamPlan {
    StreamPlan { cost, ..spile_testkit::plan::stream(name) }
}

fn fixed(name: &str, cost: u32) -> StreamPlan {
    costing(name, CostPlan::Fixed(NonZeroU32::new(cost).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_cost_takes_each_request_for_what_it_costs() {
    let limiter = limiter_of(&[limit_of_cost(100, MINUTE)], 8, &[fixed("cheap", 10), fixed("dear", 40)]);
    let start = Instant::now();
    for stream in ["dear", "dear", "cheap", "cheap"] {
        drop(admit_to(&limiter, stream, "/").await);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(admit_to(&limiter, "cheap", "/").await);
    assert_eq!(start.elapsed(), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_costs_more_than_the_limit_takes_all_of_it() {
    let limiter = limiter_of(&[limit_of_cost(100, MINUTE)], 8, &[fixed("dear", 400)]);
    let start = Instant::now();
    for minutes in [0, 1, 2] {
        drop(admit_to(&limiter, "dear", "/").await);
        assert_eq!(start.elapsed(), MINUTE * minutes);
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_cost_and_of_requests_hold_together() {
    let limits = [limit(3, SECOND), limit_of_cost(100, MINUTE)];
    let limiter = limiter_of(&limits, 8, &[fixed("items", 20)]);
    let times: Vec<u64> = departures(&limiter, 8).await.iter().map(Duration::as_secs).collect();
    assert_eq!(times, [0, 0, 0, 1, 1, 60, 60, 60]);
}

fn told() -> StreamPlan {
    costing("items", CostPlan::Told { by: TokenSource::Header("x-cost".to_owned()), estimate: None })
}

/// Lets a request go, and answers it with what it cost.
async fn costs(limiter: &Arc<Limiter>, cost: Option<f64>) {
    let mut permit = admit(limiter).await;
    permit.answered(StatusCode::OK, &HeaderMap::new(), None, Timestamp::UNIX_EPOCH);
    let bill = permit.bill(StatusCode::OK);
    drop(permit);
    if cost.is_some() {
        bill.tell(&Cost { actual: cost, ..Cost::default() }, Timestamp::UNIX_EPOCH);
        bill.tell(&Cost { actual: Some(1e9), ..Cost::default() }, Timestamp::UNIX_EPOCH);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_reserved_is_put_right_by_what_the_answer_tells() {
    let limiter = limiter_of(&[limit_of_cost(100, MINUTE)], 8, &[told()]);
    let start = Instant::now();
    for (cost, second) in [(60.0, 0), (0.5, 60), (90.0, 60), (10.0, 120), (20.0, 120), (70.0, 120), (1.0, 180)] {
        costs(&limiter, Some(cost)).await;
        assert_eq!(start.elapsed().as_secs(), second, "{cost}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_request_whose_cost_nobody_knows_goes_ahead_alone() {
    let limiter = limiter_of(&[limit_of_cost(100, MINUTE)], 8, &[told(), fixed("others", 1)]);
    drop(admit_to(&limiter, "others", "/").await);
    let mut first = admit(&limiter).await;
    first.answered(StatusCode::OK, &HeaderMap::new(), None, Timestamp::UNIX_EPOCH);
    let bill = first.bill(StatusCode::OK);
    drop(first);
    drop(admit_to(&limiter, "others", "/").await);
    assert!(tokio::time::timeout(SECOND, admit(&limiter)).await.is_err(), "it is not settled yet");
    bill.tell(&Cost { actual: Some(30.0), ..Cost::default() }, Timestamp::UNIX_EPOCH);
    let (_a, _b) = (admit(&limiter).await, admit(&limiter).await);
    assert!(tokio::time::timeout(SECOND, admit(&limiter)).await.is_err(), "there is room for two of them");
}

#[tokio::test(start_paused = true)]
async fn a_bill_that_nobody_settles_counts_as_what_was_reserved() {
    let limiter = limiter_of(&[limit_of_cost(100, MINUTE)], 8, &[told()]);
    let start = Instant::now();
    costs(&limiter, Some(50.0)).await;
    costs(&limiter, None).await;
    costs(&limiter, Some(50.0)).await;
    assert_eq!(start.elapsed(), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_dear_request_gets_its_turn_among_many_cheap_ones() {
    let limiter = limiter_of(&[limit_of_cost(100, MINUTE)], 64, &[fixed("dear", 90), fixed("cheap", 2)]);
    let start = Instant::now();
    let mut cheap = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let limiter = Arc::clone(&limiter);
        cheap.spawn(async move { drop(admit_to(&limiter, "cheap", "/").await) });
    }
    tokio::time::sleep(SECOND).await;
    drop(admit_to(&limiter, "dear", "/").await);
    assert!(start.elapsed() <= MINUTE + SECOND, "{:?}", start.elapsed());
    cheap.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_the_whole_limit_leaves_whatever_fractions_were_counted_before() {
    let by = TokenSource::Header("x-cost".to_owned());
    let stream = costing("items", CostPlan::Told { by, estimate: NonZeroU32::new(5) });
    let limiter = limiter_of(&[limit_of_cost(10, 2 * SECOND)], 8, &[stream]);
    let all = async {
        for cost in [0.4, 1.6, 0.1, 11.0, 0.3] {
            costs(&limiter, Some(cost)).await;
        }
    };
    assert!(tokio::time::timeout(MINUTE, all).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_cost_that_was_spent_is_not_forgotten_for_a_request_that_got_no_answer() {
    let limiter = limiter_of(&[], 8, &[told()]);
    let mut permit = admit(&limiter).await;
    permit.answered(StatusCode::OK, &HeaderMap::new(), None, Timestamp::UNIX_EPOCH);
    let spent = Cost { actual: Some(1.0), limit: Some(100.0), left: Some(0.0), ..Cost::default() };
    permit.bill(StatusCode::OK).tell(&spent, Timestamp::UNIX_EPOCH);
    drop(permit);
    drop(admit(&limiter).await);
    let _ahead = admit(&limiter).await;
    assert!(tokio::time::timeout(SECOND, admit(&limiter)).await.is_err());
}

const STREAMS: [&str; 3] = ["orders", "items", "users"];
/// There, or back.
const WAY: Duration = Duration::from_millis(20);

/// A request of one of the streams: what part of the most that its stream's may cost it costs, how long after the one
/// before it asks, and how long the API works on it.
#[derive(Clone, Debug)]
struct Asked {
    stream: usize,
    part: f64,
    after: Duration,
    works: Duration,
}

prop_compose! {
    fn asked()(stream in 0..3_usize, part in 0.0..=1.0, after in 0..2_000_u64, works in 0..500_u64) -> Asked {
        Asked { stream, part, after: Duration::from_millis(after), works: Duration::from_millis(works) }
    }
}

prop_compose! {
    /// Of requests or of cost, of all paths or of one stream's.
    fn some_limit()(
        counts in prop_oneof![Just(Counted::Cost), Just(Counted::Cost), Just(Counted::Requests)],
        most in 1..20_u32,
        per in prop_oneof![Just(2), Just(5), Just(30)],
        window in prop_oneof![Just(WindowKind::Sliding), Just(WindowKind::Fixed)],
        only in prop::option::of(prop::sample::select(&STREAMS[..])),
    ) -> RateLimitPlan {
        let paths = only.map(|stream| PathPattern::new(&path_of(stream))).into_iter().collect();
        RateLimitPlan { counts, window, paths, ..limit(most, Duration::from_secs(per)) }
    }
}

fn path_of(stream: &str) -> String {
    format!("/{stream}")
}

/// A request that reached the API.
struct Arrival {
    at: Duration,
    stream: usize,
    cost: f64,
}

/// Sends them all; `most`: what those of each stream may cost at most, which is told with each answer.
async fn arrivals(limiter: &Arc<Limiter>, most: [f64; 3], all: Vec<Asked>) -> Vec<Arrival> {
    let start = Instant::now();
    let mut asks_at = start;
    let mut tasks = tokio::task::JoinSet::new();
    for Asked { stream, part, after, works } in all {
        asks_at += after;
        let limiter = Arc::clone(limiter);
        tasks.spawn(async move {
            tokio::time::sleep_until(asks_at).await;
            let mut permit = admit_to(&limiter, STREAMS[stream], &path_of(STREAMS[stream])).await;
            tokio::time::sleep(WAY).await;
            let arrival = Arrival { at: start.elapsed(), stream, cost: most[stream] * part };
            tokio::time::sleep(works + WAY).await;
            permit.answered(StatusCode::OK, &HeaderMap::new(), None, Timestamp::UNIX_EPOCH);
            let bill = permit.bill(StatusCode::OK);
            drop(permit);
            let cost = Cost { requested: Some(most[stream]), actual: Some(arrival.cost), ..Cost::default() };
            bill.tell(&cost, Timestamp::UNIX_EPOCH);
            arrival
        });
    }
    tasks.join_all().await
}

/// The most that was counted in a window that begins with an arrival, or, where windows are fixed, with the clock.
fn fullest_window(limit: &RateLimitPlan, arrivals: &[Arrival]) -> f64 {
    let counts = |arrival: &&Arrival| {
        let path = path_of(STREAMS[arrival.stream]);
        limit.paths.is_empty() || limit.paths.iter().any(|pattern| pattern.matches(&path))
    };
    let counted: Vec<&Arrival> = arrivals.iter().filter(counts).collect();
    // It began 50 seconds after the full minute.
    let number = |at: Duration| (at.as_secs() + 50) / limit.per.as_secs();
    let shares_window = |first: &Arrival, other: &Arrival| match limit.window {
        WindowKind::Sliding => other.at >= first.at && other.at < first.at + limit.per,
        WindowKind::Fixed => number(other.at) == number(first.at),
    };
    let share = |arrival: &Arrival| if limit.counts == Counted::Cost { arrival.cost } else { 1.0 };
    let spent = |first: &Arrival| {
        counted.iter().filter(|other| shares_window(first, other)).map(|other| share(other)).sum::<f64>()
    };
    counted.iter().map(|first| spent(first)).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_gets_through_and_no_limit_of_any_kind_is_exceeded_whatever_requests_cost(
        limits in prop::collection::vec(some_limit(), 1..4),
        parts in prop::array::uniform3(prop_oneof![Just(1.0), 0.01..=1.0]),
        all in prop::collection::vec(asked(), 1..40),
    ) {
        let of_cost = limits.iter().filter(|limit| limit.counts == Counted::Cost);
        let smallest = of_cost.map(|limit| limit.most).min().unwrap_or(NonZeroU32::MIN);
        let most = parts.map(|part| f64::from(smallest.get()) * part);
        let by = TokenSource::Header("x-cost".to_owned());
        let streams = STREAMS.map(|name| costing(name, CostPlan::Told { by: by.clone(), estimate: Some(smallest) }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let arrivals = runtime.block_on(async {
            let limiter = limiter_of(&limits, 4, &streams);
            tokio::time::timeout(3600 * 4 * SECOND, arrivals(&limiter, most, all)).await
        });
        let arrivals = arrivals.expect("nobody waits for ever");
        for limit in &limits {
            // Amounts are kept in millionths.
            prop_assert!(fullest_window(limit, &arrivals) <= f64::from(limit.most.get()) + 1e-4, "{:?}", limit);
        }
    }
}
