use std::num::NonZeroU32;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, StatusCode};
use spile_plan::{Counted, PathPattern, WindowKind};

use super::amount::Amount;
use super::*;

mod costs;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn limit(most: u32, per: Duration) -> RateLimitPlan {
    let most = NonZeroU32::new(most).unwrap();
    RateLimitPlan { counts: Counted::Requests, most, per, window: WindowKind::Sliding, paths: Vec::new() }
}

fn limiter(limits: &[RateLimitPlan], concurrency: u32) -> Arc<Limiter> {
    limiter_of(limits, concurrency, &[])
}

fn limiter_of(limits: &[RateLimitPlan], concurrency: u32, streams: &[StreamPlan]) -> Arc<Limiter> {
    let noon = "2025-03-01T12:00:50Z".parse().unwrap();
    Arc::new(Limiter::new(limits, concurrency, &RetryPlan::default(), noon, streams.iter()))
}

async fn admit(limiter: &Arc<Limiter>) -> Permit {
    admit_to(limiter, "items", "/items").await
}

async fn admit_to(limiter: &Arc<Limiter>, stream: &str, path: &str) -> Permit {
    limiter.admit(&StreamName::new(stream), path, |_, _| {}).await.unwrap()
}

/// Lets a first request go alone and be answered.
async fn opened(limiter: Arc<Limiter>) -> Arc<Limiter> {
    drop(admit(&limiter).await);
    limiter
}

/// Lets `count` requests leave and returns when each did, counted from the start.
async fn departures(limiter: &Arc<Limiter>, count: usize) -> Vec<Duration> {
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..count {
        drop(admit(limiter).await);
        times.push(start.elapsed());
    }
    times
}

/// The most departures in any stretch of `window`.
fn densest(times: &[Duration], window: Duration) -> usize {
    let within = |from: Duration| times.iter().filter(|at| **at >= from && **at < from + window).count();
    times.iter().map(|at| within(*at)).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn the_whole_quota_leaves_at_once_and_the_next_when_the_window_has_passed() {
    let limiter = limiter(&[limit(3, Duration::from_secs(10))], 1);
    let times: Vec<u64> = departures(&limiter, 7).await.iter().map(Duration::as_secs).collect();
    assert_eq!(times, [0, 0, 0, 10, 10, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn no_window_of_any_limit_ever_holds_more_than_its_quota() {
    let limits = [limit(5, Duration::from_secs(1)), limit(20, Duration::from_secs(10))];
    let limiter = limiter(&limits, 1);
    let mut rng = fastrand::Rng::with_seed(7);
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..300 {
        if rng.bool() {
            tokio::time::sleep(Duration::from_millis(rng.u64(0..700))).await;
        }
        drop(admit(&limiter).await);
        times.push(start.elapsed());
    }
    assert!(densest(&times, Duration::from_secs(1)) <= 5);
    assert!(densest(&times, Duration::from_secs(10)) <= 20);
}

#[tokio::test(start_paused = true)]
async fn a_saturated_limit_is_used_whole() {
    let limiter = limiter(&[limit(100, Duration::from_secs(60))], 4);
    let times = departures(&limiter, 1000).await;
    assert_eq!(times.last().unwrap().as_secs(), 9 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_large_quota_takes_bounded_memory_and_stays_nearly_whole() {
    let limiter = limiter(&[limit(1_000_000, Duration::from_secs(3600))], 1);
    for _ in 0..2000 {
        for _ in 0..100 {
            drop(admit(&limiter).await);
        }
        tokio::time::advance(Duration::from_millis(36)).await;
    }
    let kept = limiter.lock().windows[0].kept();
    assert_eq!(kept.0, Amount::from(200_000));
    assert!(kept.1 <= 3 * window::PARTS as usize, "{}", kept.1);
}

/// Lets a request go, and answers it.
async fn answered(limiter: &Arc<Limiter>, stream: &str, status: u16, headers: &[(&'static str, &str)]) -> Duration {
    let asked = Instant::now();
    let mut permit = admit_to(limiter, stream, "/").await;
    let waited = asked.elapsed();
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
    let now = "2025-03-01T12:00:50Z".parse().unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    let asked = crate::retry_after::asked_wait(status, &headers, now);
    permit.answered(status, &headers, asked, now);
    waited
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_for_a_request_that_is_not_sent_comes_back() {
    for window in [WindowKind::Fixed, WindowKind::Sliding] {
        let limiter = limiter(&[RateLimitPlan { window, ..limit(2, Duration::from_secs(10)) }], 8);
        let start = Instant::now();
        for _ in 0..5 {
            admit(&limiter).await.give_back();
        }
        // Nothing is known of the API yet, so the first that is sent goes alone.
        let first = admit(&limiter).await;
        assert!(tokio::time::timeout(Duration::from_millis(1), admit(&limiter)).await.is_err());
        drop(first);
        drop(admit(&limiter).await);
        assert!(start.elapsed() < Duration::from_secs(1), "{window:?}: two requests are allowed, and two were sent");
        assert!(tokio::time::timeout(Duration::from_secs(1), admit(&limiter)).await.is_err(), "{window:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everyone_and_is_never_shortened() {
    let limiter = limiter(&[], 8);
    let start = Instant::now();
    answered(&limiter, "items", 429, &[("retry-after", "30")]).await;
    limiter.lock().pause(Some(Duration::from_secs(5)), start);
    let told = std::cell::RefCell::new(Vec::new());
    let on_wait = |reason, wait| told.borrow_mut().push((reason, wait));
    drop(limiter.admit(&StreamName::new("others"), "/", on_wait).await.unwrap());
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!(told.into_inner(), [(Reason::Paused, Duration::from_secs(30))]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_comes_while_a_request_waits_holds_it_too() {
    let limiter = limiter(&[limit(2, Duration::from_secs(10))], 8);
    drop(admit(&limiter).await);
    let mut refused = admit(&limiter).await;
    let start = Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let minute = Some(Duration::from_secs(59));
        refused.answered(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), minute, Timestamp::UNIX_EPOCH);
    };
    let (_, ()) = tokio::join!(admit(&limiter), later);
    assert_eq!(start.elapsed(), Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn refusals_that_say_nothing_make_everyone_wait_longer_each_time_until_one_is_accepted() {
    let limiter = limiter(&[], 8);
    let mut waits = Vec::new();
    for status in [429, 429, 429, 200, 429, 429, 429, 429, 429, 429, 429, 200] {
        waits.push(answered(&limiter, "items", status, &[]).await.as_secs());
    }
    assert_eq!(waits, [0, 1, 2, 4, 0, 1, 2, 4, 8, 16, 32, 32]);
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_refused_together_are_one_refusal() {
    let limiter = opened(limiter(&[], 8)).await;
    let mut together = Vec::new();
    for _ in 0..8 {
        together.push(admit(&limiter).await);
    }
    for mut refused in together {
        refused.answered(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), None, Timestamp::UNIX_EPOCH);
    }
    assert_eq!(answered(&limiter, "items", 429, &[]).await, SECOND);
    assert_eq!(answered(&limiter, "items", 200, &[]).await, 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_api_tells_no_more_of_is_forgotten() {
    let limiter = limiter(&[], 8);
    let spent = [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")];
    answered(&limiter, "items", 200, &spent).await;
    assert!((60..=61).contains(&answered(&limiter, "items", 200, &[]).await.as_secs()));
    let (_a, _b, _c) = (admit(&limiter).await, admit(&limiter).await, admit(&limiter).await);
}

/// What tells of the limit of one resource: so many requests are left, for so many seconds.
fn told_of(resource: &'static str, left: &'static str, reset: &'static str) -> [(&'static str, &'static str); 4] {
    [
        ("x-ratelimit-limit", "30"),
        ("x-ratelimit-remaining", left),
        ("x-ratelimit-reset", reset),
        ("x-ratelimit-resource", resource),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_spent_limit_of_some_streams_holds_the_others_back_neither_when_it_is_told_nor_when_it_refuses() {
    let limiter = limiter(&[], 8);
    let of = |resource, left| told_of(resource, left, "60");
    answered(&limiter, "repos", 200, &of("core", "20")).await;
    answered(&limiter, "found", 403, &of("search", "0")).await;
    assert_eq!(answered(&limiter, "repos", 200, &of("core", "19")).await, Duration::ZERO);
    assert!(answered(&limiter, "found", 200, &of("search", "29")).await.as_secs() >= 60);
}

#[tokio::test(start_paused = true)]
async fn where_a_refusal_by_a_limit_of_some_streams_asks_for_longer_all_of_them_wait_so_long() {
    let limiter = limiter(&[], 8);
    let of = |resource, left| told_of(resource, left, "2");
    answered(&limiter, "repos", 200, &of("core", "20")).await;
    answered(&limiter, "found", 200, &of("search", "9")).await;
    answered(&limiter, "also found", 200, &of("search", "8")).await;
    let asks = [&of("search", "0")[..], &[("retry-after", "8")]].concat();
    answered(&limiter, "found", 429, &asks).await;
    assert_eq!(answered(&limiter, "repos", 200, &of("core", "19")).await, Duration::ZERO);
    assert_eq!(answered(&limiter, "also found", 200, &of("search", "29")).await.as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_a_limit_is_first_told_of_is_taken_off() {
    let limiter = opened(limiter(&[], 8)).await;
    let mut first = admit(&limiter).await;
    let _others = (admit(&limiter).await, admit(&limiter).await);
    let headers = [("x-ratelimit-limit", "30"), ("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "60")];
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
    first.answered(StatusCode::OK, &headers, None, Timestamp::UNIX_EPOCH);
    drop(first);
    let _one = admit(&limiter).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), admit(&limiter)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_others_overtook_gives_nothing_back_and_a_new_window_does() {
    let limiter = limiter(&[], 8);
    let tell = |permit: &mut Permit, left: &str, reset: &str| {
        let told = [("x-ratelimit-limit", "4"), ("x-ratelimit-remaining", left), ("x-ratelimit-reset", reset)];
        let headers = told.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        permit.answered(StatusCode::OK, &headers.into_iter().collect(), None, Timestamp::UNIX_EPOCH);
    };
    tell(&mut admit(&limiter).await, "3", "60");
    let mut permits = [admit(&limiter).await, admit(&limiter).await, admit(&limiter).await];
    // The API counted them in another order than it answers in: the first of them came last.
    for (permit, left) in permits.iter_mut().zip(["0", "1", "2"]) {
        tell(permit, left, "60");
    }
    drop(permits);
    let start = Instant::now();
    let mut next = admit(&limiter).await;
    assert!((60..=61).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    // That one hears of a new window, and what left before it did may be believed as well.
    tell(&mut next, "3", "60");
    drop((next, admit(&limiter).await, admit(&limiter).await));
    assert!(start.elapsed().as_secs() <= 61);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_refused_with_its_reason() {
    let limiter = limiter(&[], 8);
    let daily = [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "36000")];
    answered(&limiter, "items", 200, &daily).await;
    let refused = limiter.admit(&StreamName::new("items"), "/", |_, _| {}).await.err().unwrap();
    assert_eq!(refused.reason, Reason::Told("".into()));
    assert!(refused.wait.as_secs() >= 36_000);
    let limiter = self::limiter(&[], 8);
    let monthly = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2592000")];
    answered(&limiter, "items", 200, &monthly).await;
    let refused = limiter.admit(&StreamName::new("items"), "/", |_, _| {}).await.err().unwrap();
    assert!(refused.wait.as_secs() >= 2_592_000);
}

#[tokio::test(start_paused = true)]
async fn who_asks_first_goes_first_and_who_gives_up_is_not_counted() {
    let limiter = limiter(&[limit(1, Duration::from_secs(1))], 8);
    drop(admit(&limiter).await);
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..4)
        .map(|index| {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tokio::spawn(async move {
                drop(admit(&limiter).await);
                order.lock().unwrap().push((index, Instant::now()));
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let start = Instant::now();
    tasks[1].abort();
    for task in tasks {
        // The one that was aborted says so.
        let _ = task.await;
    }
    let order: Vec<(i32, u64)> = order.lock().unwrap().iter().map(|(i, at)| (*i, (*at - start).as_secs())).collect();
    assert_eq!(order, [(0, 1), (2, 2), (3, 3)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_permits_are_out_than_the_concurrency_says() {
    let limiter = opened(limiter(&[], 2)).await;
    let (first, _second) = (admit(&limiter).await, admit(&limiter).await);
    let third = tokio::time::timeout(Duration::from_secs(60), admit(&limiter)).await;
    assert!(third.is_err());
    drop(first);
    drop(admit(&limiter).await);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_window_begins_with_the_minute() {
    let mut limit = limit(3, Duration::from_secs(60));
    limit.window = WindowKind::Fixed;
    // It is 12:00:50.
    let times: Vec<u64> = departures(&limiter(&[limit], 1), 8).await.iter().map(Duration::as_secs).collect();
    assert_eq!(times, [0, 0, 0, 10, 10, 10, 70, 70]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_some_paths_holds_only_their_requests_back() {
    let mut search = limit(1, Duration::from_secs(60));
    search.paths = vec![PathPattern::new("/search/*")];
    let limiter = limiter(&[search], 8);
    let start = Instant::now();
    drop(admit_to(&limiter, "found", "/search/code").await);
    let (_, ()) = tokio::join!(admit_to(&limiter, "found", "/search/users"), async {
        for _ in 0..20 {
            drop(admit(&limiter).await);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
    assert_eq!(start.elapsed(), Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn streams_that_share_a_limit_take_turns_whoever_asks_more() {
    let limiter = limiter(&[limit(10, Duration::from_secs(10))], 64);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for stream in ["many"; 40].into_iter().chain(["few"; 10]) {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            drop(admit_to(&limiter, stream, "/").await);
            order.lock().unwrap().push(stream);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Ten had left before any of the few asked.
    let few = order.lock().unwrap()[10..30].iter().filter(|stream| **stream == "few").count();
    assert_eq!(few, 10);
}

#[tokio::test(start_paused = true)]
async fn at_first_one_request_goes_ahead_alone() {
    let limiter = limiter(&[], 8);
    let ahead = admit(&limiter).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), admit(&limiter)).await.is_err());
    drop(ahead);
    let (_a, _b) = (admit(&limiter).await, admit(&limiter).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_limit_goes_down_with_answers_that_tell_only_what_is_left_of_another() {
    let limiter = limiter(&[], 8);
    let policy = ("ratelimit-policy", "\"minute\";q=1000;w=60, \"burst\";q=5;w=5");
    let start = Instant::now();
    answered(&limiter, "items", 200, &[policy, ("ratelimit", "\"minute\";r=999;t=60, \"burst\";r=4;t=5")]).await;
    let mut times = vec![Duration::ZERO];
    for _ in 0..18 {
        answered(&limiter, "items", 200, &[policy, ("ratelimit", "\"minute\";r=990;t=60")]).await;
        times.push(start.elapsed());
    }
    assert_eq!(densest(&times, Duration::from_secs(5)), 5, "{times:?}");
    assert!(start.elapsed().as_secs() <= 20, "the policy says that it is renewed: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_spent_holds_nobody_back_once_answers_tell_of_another_in_its_stead() {
    let limiter = limiter(&[], 8);
    let of = |bucket, left| {
        let told =
            [("x-ratelimit-remaining", left), ("x-ratelimit-reset-after", "1.0"), ("x-ratelimit-bucket", bucket)];
        [&told[..], &[("x-ratelimit-limit", "10")]].concat()
    };
    answered(&limiter, "items", 200, &of("a", "0")).await;
    assert_eq!(answered(&limiter, "items", 200, &of("b", "9")).await, SECOND);
    let _under_way = (admit(&limiter).await, tokio::time::timeout(SECOND, admit(&limiter)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_spent_is_not_forgotten_for_a_request_that_got_no_answer() {
    let limiter = limiter(&[], 8);
    let spent = [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")];
    answered(&limiter, "items", 200, &spent).await;
    let mut lost = admit(&limiter).await;
    lost.failed(&FailureKind::Transport, Timestamp::UNIX_EPOCH);
    drop(lost);
    let _ahead = admit(&limiter).await;
    assert!(tokio::time::timeout(SECOND, admit(&limiter)).await.is_err());
}
