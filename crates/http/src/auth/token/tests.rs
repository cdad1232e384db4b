use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use spile_model::Clock;
use spile_plan::RetryPlan;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::aside::Unheard;
use crate::redact::Redactor;
use crate::retry::RetryPolicy;

/// A clock that tests set.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(i64::try_from(self.0.load(Ordering::SeqCst)).unwrap()).unwrap()
    }
}

/// Gives out what is said next.
#[derive(Default)]
struct Says {
    next: Mutex<Option<Result<Grant, FailureKind>>>,
    /// Where there is one, it is waited for.
    end: Mutex<Option<tokio::sync::oneshot::Receiver<()>>>,
    spends: bool,
}

impl ByToken for Says {
    async fn fetch(&self, _: &Asking) -> Result<Grant, Failure> {
        tokio::task::yield_now().await;
        let end = self.end.lock().unwrap().take();
        if let Some(end) = end {
            end.await.unwrap();
        }
        let next = self.next.lock().unwrap().take();
        next.expect("nobody is to ask").map_err(|kind| Failure::new(kind, "no"))
    }

    fn carry(&self, _: &Secret, _: &mut reqwest::Request) -> Result<(), Failure> {
        Ok(())
    }

    fn spends(&self) -> bool {
        self.spends
    }
}

fn tokens() -> Tokens<Says> {
    Tokens::of(Says::default())
}

fn at(second: u64) -> Asking {
    Asking {
        retries: Arc::new(RetryPolicy::new(RetryPlan::default(), 1)),
        redactor: Arc::new(Redactor::knowing(Vec::new(), BTreeSet::new())),
        clock: Arc::new(Hands(AtomicU64::new(second))),
        stop: CancellationToken::new(),
        hears: Arc::new(Unheard),
    }
}

fn granted(text: &str) -> Grant {
    Grant { token: Secret::new(text), lifetime: Some(Duration::from_secs(3600)) }
}

impl Tokens<Says> {
    fn say(&self, next: Result<Grant, FailureKind>) {
        *self.kind.next.lock().unwrap() = Some(next);
    }
}

async fn fetched(tokens: &Tokens<Says>, second: u64, text: &str) -> String {
    tokens.say(Ok(granted(text)));
    tokens.get(&at(second)).await.unwrap().text.expose().to_owned()
}

#[tokio::test]
async fn a_token_is_fetched_anew_a_minute_before_its_end_or_a_tenth_of_a_short_life() {
    let tokens = tokens();
    assert_eq!(fetched(&tokens, 0, "a").await, "a");
    assert_eq!(fetched(&tokens, 3539, "b").await, "a");
    assert_eq!(fetched(&tokens, 3540, "b").await, "b");
    let start = Timestamp::UNIX_EPOCH;
    for (lifetime, renewed_after) in [(100_000, 90_000), (5_000, 4_000), (1_000, 500)] {
        assert_eq!(renew_at(start, Duration::from_millis(lifetime)).as_millisecond(), renewed_after);
    }
    assert_eq!(renew_at(start, Duration::MAX), Timestamp::MAX);
}

#[tokio::test]
async fn a_refusal_of_an_older_token_leaves_the_present_one() {
    let tokens = tokens();
    fetched(&tokens, 0, "a").await;
    tokens.refused(1);
    assert_eq!(fetched(&tokens, 0, "b").await, "b");
    tokens.refused(1);
    assert_eq!(fetched(&tokens, 0, "c").await, "b");
}

#[tokio::test]
async fn a_failure_that_may_pass_is_for_those_who_waited_and_another_one_for_good() {
    let asking = at(0);
    for (kind, second) in [(FailureKind::ServerError(500), true), (FailureKind::TokenRefused, false)] {
        let tokens = tokens();
        tokens.say(Err(kind.clone()));
        let (one, other) = tokio::join!(tokens.get(&asking), tokens.get(&asking));
        assert_eq!((one.err().unwrap().kind, other.err().unwrap().kind), (kind.clone(), kind.clone()));
        assert_eq!(tokens.present.slot().fetches, 1);
        tokens.say(Ok(granted("t")));
        assert_eq!(tokens.get(&asking).await.is_ok(), second);
    }
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_any_more_ends_all_the_same_and_serves_the_next_one() {
    let tokens = tokens();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    *tokens.kind.end.lock().unwrap() = Some(ended);
    tokens.say(Ok(granted("a")));
    assert!(timeout(Duration::ZERO, tokens.get(&at(0))).await.is_err());
    end.send(()).unwrap();
    drop(tokens.present.gate.lock().await);
    assert_eq!(fetched(&tokens, 0, "b").await, "a");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_spends_ends_although_all_are_to_stop_and_another_one_is_given_up() {
    for spends in [true, false] {
        let tokens = Tokens::of(Says { spends, ..Says::default() });
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        *tokens.kind.end.lock().unwrap() = Some(ended);
        tokens.say(Ok(granted("a")));
        let asking = at(0);
        assert!(timeout(Duration::ZERO, tokens.get(&asking)).await.is_err());
        asking.stop.cancel();
        let (mut told, mut end) = (false, Some(end));
        tokens
            .settled(|| {
                told = true;
                end.take().unwrap().send(()).unwrap();
            })
            .await;
        assert_eq!(told, spends, "it is under way, and that is told");
        drop(tokens.present.gate.lock().await);
        assert_eq!(tokens.present.slot().token.is_some(), spends);
        assert_eq!(tokens.present.slot().failed.is_some(), !spends);
    }
}
