//! Whether an origin is down: failures of all its requests in, when the next one may ask whether it is back out.
//!
//! One endpoint that is broken is not an origin that is down. Connections that fail, and gateways that say that nothing
//! is behind them, are about the origin; a 500 or a time-out may be about one endpoint alone, and counts only together
//! with the same of another. Any other answer, a refusal included, says that the origin is up.
//!
//! While it is down nothing is sent but one probe at a time, after waits that double. Invariant: nobody is given up
//! before a probe has failed at the end.

use std::time::Duration;

use jiff::Timestamp;
use spile_model::{FailureKind, StreamName};
use spile_plan::RetryPlan;
use tokio::time::Instant;

use crate::classify::in_short;

/// What a failure says about its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// It is down.
    Certain,
    /// It is down, or that endpoint is broken.
    Doubtful,
}

/// What is known of an origin.
pub(super) struct Outage {
    plan: RetryPlan,
    has_answered: bool,
    failing: Option<Failing>,
}

/// Failures in a row.
struct Failing {
    since: Timestamp,
    began: Instant,
    /// What the last one was, in a word or two.
    last: String,
    stream: StreamName,
    path: Box<str>,
    /// Whether other streams and paths than the first one's are among them.
    several: bool,
    certain: u32,
    all: u32,
    down: Option<Down>,
}

/// There were enough of them.
struct Down {
    probe_at: Instant,
    /// Probes that failed.
    probes: u32,
    given_up: bool,
}

/// The origin is down: since when, and how it showed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Since {
    pub(crate) since: Timestamp,
    pub(crate) last: String,
}

/// What that means for who wants to send.
pub(super) enum Standing {
    Up,
    /// Nothing is to be sent before then.
    Until(Instant, Since),
    GivenUp(Since),
}

/// A request that failed.
pub(super) struct Failed<'a> {
    pub(super) kind: &'a FailureKind,
    pub(super) stream: &'a StreamName,
    pub(super) path: &'a str,
    /// Whether it was sent to see whether the origin is back.
    pub(super) probe: bool,
    pub(super) now: Instant,
    pub(super) clock: Timestamp,
}

impl Outage {
    pub(super) fn new(plan: &RetryPlan) -> Self {
        Self { plan: *plan, has_answered: false, failing: None }
    }

    /// It answered, with something else than a sign of being down.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
        self.failing = None;
    }

    /// A request failed. Returns whether that says anything about the origin; if not, nothing follows.
    pub(super) fn failed(&mut self, failed: &Failed<'_>) -> bool {
        let Some(sign) = sign(failed.kind) else { return false };
        let failing = self.failing.get_or_insert_with(|| Failing::beginning(failed));
        failing.last = in_short(failed.kind);
        match &mut failing.down {
            Some(down) if failed.probe => {
                down.probes += 1;
                let deadline = failing.began + self.plan.outage.give_up;
                // Where nothing has ever answered, it is the address that is wrong, more often than not.
                let never = !self.has_answered && down.probes >= self.plan.attempts.get();
                down.given_up = never || failed.now >= deadline;
                down.probe_at = (failed.now + wait(&self.plan, down.probes)).min(deadline.max(failed.now));
            }
            Some(_) => {} // It was under way when the others failed.
            None => {
                failing.count(sign, failed);
                let enough = self.plan.outage.failures.get();
                if failing.certain >= enough || failing.several && failing.all >= enough {
                    let probe_at = failed.now + wait(&self.plan, 0);
                    failing.down = Some(Down { probe_at, probes: 0, given_up: false });
                }
            }
        }
        true
    }

    pub(super) fn is_down(&self) -> bool {
        self.failing.as_ref().is_some_and(|failing| failing.down.is_some())
    }

    /// Whether a request that failed with `kind` waits with all others until the origin is back, instead of using up its
    /// tries. One that has never answered is not waited for like that.
    pub(super) fn holds(&self, kind: &FailureKind) -> bool {
        self.is_down() && self.has_answered && sign(kind).is_some()
    }

    pub(super) fn standing(&self) -> Standing {
        let Some(failing) = &self.failing else { return Standing::Up };
        let Some(down) = &failing.down else { return Standing::Up };
        let since = Since { since: failing.since, last: failing.last.clone() };
        if down.given_up { Standing::GivenUp(since) } else { Standing::Until(down.probe_at, since) }
    }
}

impl Failing {
    fn beginning(failed: &Failed<'_>) -> Self {
        Self {
            since: failed.clock,
            began: failed.now,
            last: String::new(),
            stream: failed.stream.clone(),
            path: failed.path.into(),
            several: false,
            certain: 0,
            all: 0,
            down: None,
        }
    }

    fn count(&mut self, sign: Sign, failed: &Failed<'_>) {
        self.certain += u32::from(sign == Sign::Certain);
        self.all += 1;
        self.several |= self.stream != *failed.stream && *self.path != *failed.path;
    }
}

/// How long after the failure of so many probes the next one leaves.
fn wait(plan: &RetryPlan, probes: u32) -> Duration {
    plan.base_wait.saturating_mul(2_u32.saturating_pow(probes)).min(plan.max_backoff)
}

/// What a failure of that kind says about the origin.
fn sign(kind: &FailureKind) -> Option<Sign> {
    match kind {
        FailureKind::Dns | FailureKind::Connect | FailureKind::Handshake => Some(Sign::Certain),
        // Gateways say so of what is behind them; 521 to 523 and 530 are Cloudflare's words for it.
        FailureKind::ServerError(502 | 503 | 521 | 522 | 523 | 530) => Some(Sign::Certain),
        FailureKind::ServerError(500..) | FailureKind::Timeout | FailureKind::Transport => Some(Sign::Doubtful),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Origin {
        outage: Outage,
        start: Instant,
    }

    impl Origin {
        fn new(plan: &RetryPlan) -> Self {
            Self { outage: Outage::new(plan), start: Instant::now() }
        }

        fn fail(&mut self, kind: &FailureKind, name: &str, seconds: u64, probe: bool) {
            let (stream, path) = (StreamName::new(name), format!("/{name}"));
            let (now, clock) = (self.start + Duration::from_secs(seconds), Timestamp::UNIX_EPOCH);
            self.outage.failed(&Failed { kind, stream: &stream, path: &path, probe, now, clock });
        }

        fn probe_at(&self) -> u64 {
            let Standing::Until(at, _) = self.outage.standing() else { panic!("it is down and not given up") };
            (at - self.start).as_secs()
        }
    }

    #[test]
    fn failed_connections_and_gateways_without_an_api_are_signs_by_themselves() {
        for kind in [
            FailureKind::Dns,
            FailureKind::Connect,
            FailureKind::Handshake,
            FailureKind::ServerError(502),
            FailureKind::ServerError(503),
            FailureKind::ServerError(521),
        ] {
            let mut origin = Origin::new(&RetryPlan::default());
            for tries in 1..=5 {
                assert!(!origin.outage.is_down(), "{kind:?}, {tries}");
                origin.fail(&kind, "items", tries, false);
            }
            assert!(origin.outage.is_down(), "{kind:?}");
        }
    }

    #[test]
    fn a_broken_endpoint_is_no_outage_but_the_same_at_another_endpoint_is() {
        for kind in
            [FailureKind::ServerError(500), FailureKind::ServerError(504), FailureKind::Timeout, FailureKind::Transport]
        {
            let mut origin = Origin::new(&RetryPlan::default());
            for tries in 1..100 {
                origin.fail(&kind, "items", tries, false);
            }
            assert!(!origin.outage.is_down(), "{kind:?}");
            origin.fail(&kind, "users", 100, false);
            assert!(origin.outage.is_down(), "{kind:?}");
        }
    }

    #[test]
    fn what_is_no_sign_changes_nothing_and_an_answer_everything() {
        let mut origin = Origin::new(&RetryPlan::default());
        for kind in [
            FailureKind::RateLimited,
            FailureKind::ServerError(408),
            FailureKind::ServerError(425),
            FailureKind::NotFound,
            FailureKind::BadBody,
            FailureKind::Tls,
        ] {
            (0..20).for_each(|at| origin.fail(&kind, "items", at, false));
            assert!(!origin.outage.is_down(), "{kind:?}");
        }
        (0..4).for_each(|at| origin.fail(&FailureKind::Connect, "items", at, false));
        origin.outage.answered();
        (0..4).for_each(|at| origin.fail(&FailureKind::Connect, "items", at, false));
        assert!(!origin.outage.is_down());
        origin.fail(&FailureKind::Connect, "items", 4, false);
        assert!(origin.outage.is_down());
        origin.outage.answered();
        assert!(!origin.outage.is_down());
    }

    #[test]
    fn probes_come_after_waits_that_double_until_the_time_is_over() {
        let mut origin = Origin::new(&RetryPlan::default());
        origin.outage.answered();
        (0..5).for_each(|_| origin.fail(&FailureKind::Connect, "items", 0, false));
        let mut waits = Vec::new();
        let mut at = 0;
        while !matches!(origin.outage.standing(), Standing::GivenUp(_)) {
            let next = origin.probe_at();
            waits.push(next - at);
            at = next;
            origin.fail(&FailureKind::Connect, "items", at, false); // it was under way before
            origin.fail(&FailureKind::Connect, "items", at, true);
        }
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(at, 600, "the last probe is at the end");
    }

    #[test]
    fn what_has_never_answered_is_given_up_after_as_many_probes_as_a_request_has_tries() {
        let mut origin = Origin::new(&RetryPlan::default());
        (0..5).for_each(|_| origin.fail(&FailureKind::Connect, "items", 0, false));
        assert!(!origin.outage.holds(&FailureKind::Connect));
        for at in 1..=6 {
            assert!(matches!(origin.outage.standing(), Standing::Until(..)));
            origin.fail(&FailureKind::Connect, "items", at, true);
        }
        assert!(matches!(origin.outage.standing(), Standing::GivenUp(_)));
    }
}
