//! What the requests to an endpoint came to in a run: the facts that reports, events and `_spile_requests` show.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::event::as_seconds;
use crate::{Money, StreamName};

/// What a stream's requests to one endpoint came to so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// Which stream asked.
    #[serde(skip)]
    pub stream: StreamName,
    /// Method and path as the pipeline file writes them: `GET /repos/{{ owner }}/issues`; of a server that
    /// gives out tokens, method and address.
    pub endpoint: Arc<str>,
    /// Requests sent, retries and redirects included.
    pub requests: u64,
    /// Bytes of bodies received, after decompression.
    pub bytes: u64,
    /// How they were answered.
    #[serde(flatten)]
    pub statuses: Statuses,
    /// Requests that were sent again because the one before had failed.
    pub retries: u64,
    /// Answers that said that there were too many requests.
    pub rate_limited: u64,
    /// How long answers took; nothing while there is none.
    #[serde(flatten)]
    pub latency: Latency,
    /// Time spent waiting for limits, the pipeline's own and the API's.
    #[serde(rename = "waited_seconds", serialize_with = "as_seconds")]
    pub waited: Duration,
    /// Time spent waiting for another try after other failures.
    #[serde(rename = "backoff_seconds", serialize_with = "as_seconds")]
    pub backoff: Duration,
    /// What the API told last of its limits.
    pub quotas: Vec<Quota>,
    /// What it cost; nothing where the pipeline file names no price.
    pub cost: Option<Money>,
}

/// Answers by the class of their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statuses {
    /// 200 to 299.
    pub status_2xx: u64,
    /// 300 to 399.
    pub status_3xx: u64,
    /// 400 to 499.
    pub status_4xx: u64,
    /// 500 and above.
    pub status_5xx: u64,
    /// No answer, or none that arrived whole.
    pub unanswered: u64,
}

/// How long answers took, from sending to the last byte: so many percent of them took no longer. Off by at most one
/// percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of them.
    #[serde(rename = "p50_seconds", serialize_with = "as_optional_seconds")]
    pub p50: Option<Duration>,
    /// 95 percent.
    #[serde(rename = "p95_seconds", serialize_with = "as_optional_seconds")]
    pub p95: Option<Duration>,
    /// 99 percent.
    #[serde(rename = "p99_seconds", serialize_with = "as_optional_seconds")]
    pub p99: Option<Duration>,
}

/// A limit of the API, as its answers told of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quota {
    /// Its name; empty where the API has only one.
    pub name: Box<str>,
    /// What was left when the API last told.
    pub left: f64,
    /// How much it allows, where that was told.
    pub limit: Option<f64>,
    /// When all of it is there again, where that was told.
    pub renews_at: Option<Timestamp>,
}

impl Statuses {
    /// One more answer with that status.
    pub fn count(&mut self, status: u16) {
        *match status {
            ..300 => &mut self.status_2xx,
            300..400 => &mut self.status_3xx,
            400..500 => &mut self.status_4xx,
            500.. => &mut self.status_5xx,
        } += 1;
    }
}

impl Quota {
    /// What share of it is left; nothing where its whole is not known.
    pub fn share(&self) -> Option<f64> {
        self.limit.filter(|limit| *limit > 0.0).map(|limit| self.left / limit)
    }
}

impl Usage {
    /// The limit of which the smallest share is left: the one that will be felt first.
    pub fn tightest_quota(&self) -> Option<&Quota> {
        let share = |quota: &&Quota| quota.share().unwrap_or(f64::INFINITY);
        self.quotas.iter().min_by(|a, b| share(a).total_cmp(&share(b)))
    }
}

fn as_optional_seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        None => serializer.serialize_none(),
        Some(duration) => serializer.serialize_f64(duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_class() {
        let mut statuses = Statuses::default();
        [200, 204, 304, 404, 429, 503, 599, 999].into_iter().for_each(|status| statuses.count(status));
        let expected = Statuses { status_2xx: 2, status_3xx: 1, status_4xx: 2, status_5xx: 3, unanswered: 0 };
        assert_eq!(statuses, expected);
    }
}
