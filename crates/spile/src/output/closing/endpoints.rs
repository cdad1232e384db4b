//! What requests came to: in a word for each stream, in full for each endpoint (`-v`).

use std::time::Duration;

use spile_model::units::show_duration;
use spile_model::{Money, StreamReport, Usage};

use crate::output::columns::{Column, drawn};
use crate::output::number::counted;
use crate::output::terminal::Terminal;

#[rustfmt::skip]
const COLUMNS: [Column<Usage>; 16] = [
    Column { head: "stream", value: |usage| usage.stream.to_string(), says: |_| true, number: false, goes: 0 },
    Column { head: "endpoint", value: |usage| usage.endpoint.to_string(), says: |_| true, number: false, goes: 0 },
    Column { head: "requests", value: |usage| counted(usage.requests), says: |_| true, number: true, goes: 0 },
    Column { head: "2xx", value: |usage| counted(usage.statuses.status_2xx), says: |_| true, number: true, goes: 6 },
    Column { head: "3xx", value: |usage| counted(usage.statuses.status_3xx), says: |usage| usage.statuses.status_3xx > 0, number: true, goes: 1 },
    Column { head: "4xx", value: |usage| counted(usage.statuses.status_4xx), says: |usage| usage.statuses.status_4xx > 0, number: true, goes: 8 },
    Column { head: "5xx", value: |usage| counted(usage.statuses.status_5xx), says: |usage| usage.statuses.status_5xx > 0, number: true, goes: 9 },
    Column { head: "unanswered", value: |usage| counted(usage.statuses.unanswered), says: |usage| usage.statuses.unanswered > 0, number: true, goes: 7 },
    Column { head: "too many", value: |usage| counted(usage.rate_limited), says: |usage| usage.rate_limited > 0, number: true, goes: 10 },
    Column { head: "retries", value: |usage| counted(usage.retries), says: |usage| usage.retries > 0, number: true, goes: 11 },
    Column { head: "p50", value: |usage| time(usage.latency.p50), says: |usage| usage.latency.p50.is_some(), number: true, goes: 5 },
    Column { head: "p95", value: |usage| time(usage.latency.p95), says: |usage| usage.latency.p95.is_some(), number: true, goes: 12 },
    Column { head: "p99", value: |usage| time(usage.latency.p99), says: |usage| usage.latency.p99.is_some(), number: true, goes: 4 },
    Column { head: "waited", value: |usage| show_duration(usage.waited + usage.backoff), says: |usage| waits(usage.waited + usage.backoff), number: true, goes: 13 },
    Column { head: "quota left", value: quota, says: |usage| !usage.quotas.is_empty(), number: true, goes: 3 },
    Column { head: "cost", value: |usage| usage.cost.as_ref().map_or_else(String::new, Money::to_string), says: |usage| usage.cost.is_some(), number: true, goes: 14 },
];

/// A row for each endpoint of each stream.
pub(super) fn table(streams: &[StreamReport], terminal: &Terminal) -> String {
    let usages: Vec<Usage> = streams.iter().flat_map(|stream| stream.endpoints.clone()).collect();
    drawn(&usages, &COLUMNS, terminal)
}

/// Requests of a stream that were sent again.
pub(super) fn retries(stream: &StreamReport) -> u64 {
    stream.endpoints.iter().map(|usage| usage.retries).sum()
}

/// The time that 95 of a hundred answers did not exceed; of several endpoints, the slowest's.
pub(super) fn p95(stream: &StreamReport) -> Option<Duration> {
    stream.endpoints.iter().filter_map(|usage| usage.latency.p95).max()
}

/// What requests cost together, where they have a price.
pub(in crate::output) fn cost<'s>(streams: impl Iterator<Item = &'s StreamReport>) -> Option<Money> {
    let costs = streams.flat_map(|stream| &stream.endpoints).filter_map(|usage| usage.cost.clone());
    costs.reduce(|sum, next| Money { amount: sum.amount.saturating_add(next.amount), ..sum })
}

/// Whether a wait is worth telling.
pub(super) fn waits(wait: Duration) -> bool {
    wait >= Duration::from_millis(1)
}

pub(super) fn time(time: Option<Duration>) -> String {
    time.map_or_else(String::new, show_duration)
}

/// `17 of 5,000`: whole requests, or points.
fn quota(usage: &Usage) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no limit is below 0 or near 2^64")]
    let whole = |count: f64| counted(count.max(0.0) as u64);
    match usage.tightest_quota() {
        None => String::new(),
        Some(quota) => {
            let limit = quota.limit.map_or_else(String::new, |limit| format!(" of {}", whole(limit)));
            format!("{}{limit}", whole(quota.left))
        }
    }
}
