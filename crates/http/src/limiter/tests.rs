use std::num::NonZeroU32;
use std::sync::Arc;

use super::*;

fn limit(requests: u32, per: Duration) -> RateLimitPlan {
    RateLimitPlan { requests: NonZeroU32::new(requests).unwrap(), per }
}

/// Lets `count` requests leave and returns when each did, counted from the start.
async fn departures(limiter: &Limiter, count: usize) -> Vec<Duration> {
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..count {
        drop(limiter.admit(|_, _| {}).await);
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
    let limiter = Limiter::new(&[limit(3, Duration::from_secs(10))], 1);
    let times: Vec<u64> = departures(&limiter, 7).await.iter().map(Duration::as_secs).collect();
    assert_eq!(times, [0, 0, 0, 10, 10, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn no_window_of_any_limit_ever_holds_more_than_its_quota() {
    let limits = [limit(5, Duration::from_secs(1)), limit(20, Duration::from_secs(10))];
    let limiter = Limiter::new(&limits, 1);
    let mut rng = fastrand::Rng::with_seed(7);
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..300 {
        if rng.bool() {
            tokio::time::sleep(Duration::from_millis(rng.u64(0..700))).await;
        }
        drop(limiter.admit(|_, _| {}).await);
        times.push(start.elapsed());
    }
    assert!(densest(&times, Duration::from_secs(1)) <= 5);
    assert!(densest(&times, Duration::from_secs(10)) <= 20);
}

#[tokio::test(start_paused = true)]
async fn a_saturated_limit_is_used_whole() {
    let limiter = Limiter::new(&[limit(100, Duration::from_secs(60))], 4);
    let times = departures(&limiter, 1000).await;
    assert_eq!(times.last().unwrap().as_secs(), 9 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_large_quota_takes_bounded_memory_and_stays_nearly_whole() {
    let limiter = Limiter::new(&[limit(1_000_000, Duration::from_secs(3600))], 1);
    for _ in 0..2000 {
        for _ in 0..100 {
            drop(limiter.admit(|_, _| {}).await);
        }
        tokio::time::advance(Duration::from_millis(36)).await;
    }
    let windows = limiter.gate.lock().await;
    assert_eq!(windows[0].counted, 200_000);
    assert!(windows[0].departures.len() <= 3 * PARTS as usize, "{}", windows[0].departures.len());
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everyone_and_is_never_shortened() {
    let limiter = Arc::new(Limiter::new(&[], 8));
    let start = Instant::now();
    limiter.pause_until(start + Duration::from_secs(30));
    limiter.pause_until(start + Duration::from_secs(5));
    let told = std::cell::RefCell::new(Vec::new());
    drop(limiter.admit(|reason, wait| told.borrow_mut().push((reason, wait))).await);
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!(told.into_inner(), [(Reason::Paused, Duration::from_secs(30))]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_comes_while_a_request_waits_holds_it_too() {
    let limiter = Arc::new(Limiter::new(&[limit(1, Duration::from_secs(10))], 8));
    drop(limiter.admit(|_, _| {}).await);
    let start = Instant::now();
    let waiter = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move {
            drop(limiter.admit(|_, _| {}).await);
            Instant::now()
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    limiter.pause_until(start + Duration::from_secs(60));
    assert_eq!(waiter.await.unwrap() - start, Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn who_asks_first_goes_first_and_who_gives_up_is_not_counted() {
    let limiter = Arc::new(Limiter::new(&[limit(1, Duration::from_secs(1))], 8));
    drop(limiter.admit(|_, _| {}).await);
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..4)
        .map(|index| {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            tokio::spawn(async move {
                drop(limiter.admit(|_, _| {}).await);
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
    let limiter = Limiter::new(&[], 2);
    let (first, _second) = (limiter.admit(|_, _| {}).await, limiter.admit(|_, _| {}).await);
    let third = tokio::time::timeout(Duration::from_secs(60), limiter.admit(|_, _| {})).await;
    assert!(third.is_err());
    drop(first);
    drop(limiter.admit(|_, _| {}).await);
}
