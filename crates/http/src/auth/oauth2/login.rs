//! A login: a person is asked once, and what they allow is kept for all runs.

use std::sync::Arc;
use std::time::Duration;

use spile_model::{Failure, FailureKind};
use spile_plan::PipelinePlan;
use tokio::time::{Instant, sleep};

use super::authorization::{Asked, Authorization, DeviceCode, refusal};
use super::consent::Consent;
use super::server::{Answer, TokenRequest};
use super::{OAuth2, Way};
use crate::aside::Unheard;
use crate::auth::Authenticator;
use crate::auth::endpoint::{Asking, Denied};
use crate::auth::token::Tokens;
use crate::retry::RetryPolicy;
use crate::surroundings::Surroundings;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How much longer to wait between two questions when a server asks for that (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// The login of a pipeline whose file says how a person is asked.
///
/// Its failures hold no secret. Dropping a future of it gives the login up; what was kept before stays.
pub struct Login {
    tokens: Tokens<OAuth2>,
    asking: Asking,
}

impl Login {
    /// The login of this pipeline; none where its file has none.
    ///
    /// # Errors
    /// As [`crate::Client::new`].
    pub fn new(plan: &PipelinePlan, surroundings: Surroundings) -> Result<Option<Self>, Failure> {
        let scope = plan.variables.scope();
        let authenticator = Authenticator::prepare(plan, &scope, surroundings.secrets)?;
        let redactor = Arc::new(authenticator.redactor(plan, &scope));
        let asking = Asking {
            retries: Arc::new(RetryPolicy::new(plan.source.retries, surroundings.seed)),
            redactor,
            clock: surroundings.clock,
            stop: surroundings.stop,
            hears: Arc::new(Unheard),
        };
        let Authenticator::OAuth2(tokens) = authenticator else { return Ok(None) };
        let login = Self { tokens, asking };
        Ok(login.parts().is_some().then_some(login))
    }

    /// Whether what a login brings can be kept: better known before somebody is asked.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn can_be_kept(&self) -> Result<(), Failure> {
        let (consent, _) = self.ours()?;
        consent.kept.hold(&self.asking).await.map(drop)
    }

    /// Where a browser comes back to, to the letter as the pipeline file says; without a port, any port of this machine is
    /// meant.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where the file names no page for a browser.
    pub fn redirect_uri(&self) -> Result<&str, Failure> {
        let (_, authorization) = self.ours()?;
        authorization.url.as_ref().ok_or_else(|| lacks("authorization_url"))?;
        Ok(&authorization.redirect_uri)
    }

    /// Whether the pipeline file has a page for a browser.
    pub fn has_page(&self) -> bool {
        self.parts().is_some_and(|(_, authorization)| authorization.url.is_some())
    }

    /// What to ask in a browser that comes back to `redirect_uri`: another one each time.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where the file names no page for a browser.
    pub fn ask(&self, redirect_uri: String) -> Result<Asked, Failure> {
        let (consent, authorization) = self.ours()?;
        authorization.ask(&consent.client, redirect_uri).ok_or_else(|| lacks("authorization_url"))?
    }

    /// Takes what the browser came back with, gets the tokens and keeps them. Where it returns well, the next run has them.
    ///
    /// # Errors
    /// [`FailureKind::LoginNeeded`] where the person refused, [`FailureKind::TokenRefused`] where the server did, what
    /// broke on the way to it, and where the tokens could not be kept, why.
    pub async fn answered(&self, asked: &Asked, parameters: &[(String, String)]) -> Result<(), Failure> {
        let (consent, authorization) = self.ours()?;
        let code = authorization.code(parameters).map_err(|failure| self.shown(failure))?;
        self.asking.redactor.learn(vec![code.clone()]);
        let fill = |request: &mut TokenRequest| {
            asked.fill(&code, request);
            consent.client.sign(request, &self.asking)
        };
        let answer = consent.server.ask("authorization_code", fill, &self.asking).await?;
        consent.begin(answer, &self.asking).await
    }

    /// Gets a code that a person enters at a page of the server's.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] where the file names no address for that; why the server gave none.
    pub async fn device_code(&self) -> Result<DeviceCode, Failure> {
        let (consent, authorization) = self.ours()?;
        let code = authorization.device_code(&consent.client, &self.asking).await;
        code.ok_or_else(|| lacks("device_url"))?
    }

    /// Waits until the code is entered, gets the tokens and keeps them.
    ///
    /// # Errors
    /// As [`Login::answered`]; [`FailureKind::LoginNeeded`] also where the code was not entered in time.
    pub async fn entered(&self, code: &DeviceCode) -> Result<(), Failure> {
        let (consent, _) = self.ours()?;
        let (until, mut interval) = (Instant::now() + code.lifetime, code.interval);
        loop {
            if Instant::now() + interval > until {
                return Err(refusal("expired_token", "the code has expired"));
            }
            sleep(interval).await;
            match self.poll(consent, code).await {
                Ok(answer) => return consent.begin(answer, &self.asking).await,
                Err(denied) => match denied.code.as_deref() {
                    Some("authorization_pending") => {}
                    Some("slow_down") => interval += SLOWER,
                    Some(error @ ("access_denied" | "expired_token")) => {
                        return Err(refusal(error, &denied.failure.message));
                    }
                    _ => return Err(denied.into()),
                },
            }
        }
    }

    /// Under which name the tokens are kept, and in which store.
    pub fn kept_as(&self) -> String {
        self.parts()
            .map_or_else(String::new, |(consent, _)| format!("`{}` in {}", consent.kept.name(), consent.kept.store()))
    }

    async fn poll(&self, consent: &Consent, code: &DeviceCode) -> Result<Answer, Denied> {
        let fill = |request: &mut TokenRequest| {
            code.fill(request);
            consent.client.sign(request, &self.asking)
        };
        consent.server.ask(DEVICE_CODE, fill, &self.asking).await
    }

    fn parts(&self) -> Option<(&Consent, &Authorization)> {
        match &self.tokens.kind().way {
            Way::Consent(consent) => Some((consent, consent.authorization.as_ref()?)),
            _ => None,
        }
    }

    fn ours(&self) -> Result<(&Consent, &Authorization), Failure> {
        self.parts().ok_or_else(|| lacks("authorization_url"))
    }

    /// What an answer says came through a browser: it may quote anything.
    fn shown(&self, failure: Failure) -> Failure {
        let message: String = self.asking.redactor.clean(&failure.message);
        Failure { message: message.chars().filter(|c| !c.is_control()).take(LONGEST_SAID).collect(), ..failure }
    }
}

/// So much of what a browser came back with is shown.
const LONGEST_SAID: usize = 500;

fn lacks(key: &str) -> Failure {
    Failure::new(FailureKind::Configuration, format!("`auth.oauth2.login` has no `{key}`"))
}
