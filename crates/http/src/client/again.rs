//! Between two tries: whether there is another one, and when.

use spile_model::units::show_duration;
use spile_model::{Failure, FailureKind, StreamName};
use tokio::time::sleep;

use super::Client;
use crate::classify::{self, Next, Refusal};
use crate::message::Request;
use crate::retry::{self, Decision, Tries};

impl Client {
    /// Whether a request that failed with `kind` goes back to where all wait until its origin is up again.
    pub(super) fn is_held(&self, request: &Request, kind: &FailureKind) -> bool {
        retry::may_repeat(kind, request.idempotent) && self.limiter(&request.url).holds(kind)
    }

    /// Waits as the policy says, or returns the failure that ends the request.
    pub(super) async fn wait_for_next_try(
        &self,
        request: &Request,
        stream: &StreamName,
        tries: Tries,
        refusal: Refusal,
    ) -> Result<(), Failure> {
        let Refusal { mut failure, asked, next } = refusal;
        let decision = match &next {
            Next::ByRule(rule) => self.0.retries.decide_by(rule, tries.counted(), asked),
            _ => self.0.retries.decide(&failure.kind, request.idempotent, tries.counted(), asked),
        };
        let wait = match decision {
            Decision::Again(wait) => wait,
            Decision::GiveUp => {
                if tries.made > 1 && failure.kind != FailureKind::Down {
                    failure.message.push_str(&format!(" (tried {} times)", tries.made));
                }
                return Err(failure);
            }
            Decision::AskedTooLong(asked) => {
                let (asked, most) = (show_duration(asked), show_duration(self.0.retries.max_wait()));
                failure.message.push_str(&format!(
                    "; the API asks to wait {asked}, which is longer than the {most} of `retries.max_wait`"
                ));
                return Err(failure);
            }
        };
        if let Err(spent) = self.0.retries.budget.spend(&failure.kind) {
            failure.message.push_str(&format!("; not tried again: {spent}"));
            return Err(failure);
        }
        let reason = match asked {
            Some(asked) if asked == wait && matches!(next, Next::ByRule(_)) => {
                format!("`responses`, after {}", classify::in_short(&failure.kind))
            }
            Some(asked) if asked == wait => format!("Retry-After, after {}", classify::in_short(&failure.kind)),
            _ => format!("backoff after {}", classify::in_short(&failure.kind)),
        };
        match failure.kind {
            FailureKind::RateLimited => self.0.ledger.waited(stream, wait),
            _ => self.0.ledger.backs_off(stream, wait),
        }
        self.waiting(stream, reason, wait);
        sleep(wait).await;
        Ok(())
    }
}
