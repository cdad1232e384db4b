//! One request on the wire: bytes out, an answer's head and body in, within the timeouts and limits of the plan.
//!
//! It deliberately knows no rate limits, no credentials, no redirects and no retries: those are its callers'. The client
//! has one for the API, and an authenticator one for the server that gives it tokens.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use spile_model::units::show_duration;
use spile_model::{Failure, FailureKind};
use spile_plan::{LimitPlan, TimeoutPlan};
use tokio::time::timeout;

use crate::transport::Transport;
use crate::{body, classify};

/// The way to one origin. Cheap to clone; clones share connections.
#[derive(Clone)]
pub(crate) struct Wire {
    transport: Arc<dyn Transport>,
    pub(crate) timeouts: TimeoutPlan,
    pub(crate) limits: LimitPlan,
}

/// An answer whose head has arrived, and of its body as much as its status deserves.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Whole where the status is one of success; otherwise its first bytes.
    pub(crate) body: bytes::Bytes,
}

impl Wire {
    pub(crate) fn new(transport: Arc<dyn Transport>, timeouts: TimeoutPlan, limits: LimitPlan) -> Self {
        Self { transport, timeouts, limits }
    }

    /// Sends `outgoing` and reads the answer; of a refusal's body at most `most` bytes.
    ///
    /// # Errors
    /// As [`Wire::head`] and [`body::read_whole`], and [`FailureKind::Timeout`] after `timeouts.total`.
    pub(crate) async fn ask(&self, outgoing: reqwest::Request, most: usize) -> Result<Answered, Failure> {
        let whole = async {
            let answer = self.head(outgoing).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = if status.is_success() {
                body::read_whole(answer, &self.limits, self.timeouts.read).await?
            } else {
                body::read_beginning(answer, most, self.timeouts.read).await.0
            };
            Ok(Answered { status, headers, body })
        };
        timeout(self.timeouts.total, whole).await.unwrap_or_else(|_| Err(self.too_slow()))
    }

    /// Sends and waits for the answer's head.
    ///
    /// # Errors
    /// What [`classify::sending`] makes of it, and [`FailureKind::Timeout`].
    pub(crate) async fn head(&self, outgoing: reqwest::Request) -> Result<reqwest::Response, Failure> {
        let timeouts = &self.timeouts;
        let host = outgoing.url().host_str().unwrap_or_default().to_owned();
        let proxy = self.transport.proxy_to(outgoing.url());
        // The connection has its own timeout, and only then begins the wait for the first byte.
        let patience = timeouts.connect.saturating_add(timeouts.read);
        match timeout(patience, self.transport.execute(outgoing)).await {
            Ok(Ok(answer)) => self.transport.believed(answer),
            Ok(Err(error)) => Err(classify::sending(error, &host, proxy.as_deref(), timeouts.connect)),
            Err(_) => {
                let message = format!(
                    "no answer from {host} within {}: {} to connect (`timeouts.connect`) and {} to begin answering \
                     (`timeouts.read`)",
                    show_duration(patience),
                    show_duration(timeouts.connect),
                    show_duration(timeouts.read)
                );
                Err(Failure::new(FailureKind::Timeout, message))
            }
        }
    }

    pub(crate) fn too_slow(&self) -> Failure {
        let message = format!("no complete answer within {} (`timeouts.total`)", show_duration(self.timeouts.total));
        Failure::new(FailureKind::Timeout, message)
    }
}
