//! Whose credentials ask, as a number: what one was told is not taken for what another would be.

use std::num::NonZeroU32;
use std::sync::OnceLock;

use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use spile_model::Secret;
use spile_plan::PipelinePlan;

/// The number is stored with hashes of requests, so it must not help in guessing a short secret: each guess costs as many
/// rounds, some tens of milliseconds.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99_999);

/// Of the secrets that the pipeline file has; tokens that come and go while running do not change it.
pub(crate) struct Identity {
    pipeline: String,
    secrets: Vec<Secret>,
    known: OnceLock<u64>,
}

impl Identity {
    pub(crate) fn new(plan: &PipelinePlan) -> Self {
        Self { pipeline: plan.name.clone(), secrets: plan.variables.secrets(), known: OnceLock::new() }
    }

    /// The same number for the same secrets, in every run; 0 where there are none.
    pub(crate) fn number(&self) -> u64 {
        if self.secrets.is_empty() {
            return 0;
        }
        *self.known.get_or_init(|| {
            let mut number = [0; 8];
            let secrets: Vec<&str> = self.secrets.iter().map(Secret::expose).collect();
            derive(PBKDF2_HMAC_SHA256, ROUNDS, self.pipeline.as_bytes(), secrets.join("\0").as_bytes(), &mut number);
            u64::from_le_bytes(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use spile_plan::Variable;
    use spile_testkit::plan::pipeline;

    use super::*;

    fn number(secret: Option<&str>) -> u64 {
        let mut plan = pipeline("http://127.0.0.1:9", Vec::new());
        let secret = secret.map(|text| ("token".to_owned(), Variable::Secret(Secret::new(text))));
        plan.variables.0.extend(secret);
        Identity::new(&plan).number()
    }

    #[test]
    fn other_secrets_are_another_identity_and_the_same_are_the_same() {
        assert_eq!(number(Some("a")), number(Some("a")));
        assert_ne!(number(Some("a")), number(Some("b")));
        assert_ne!(number(Some("a")), number(None));
    }
}
