//! What a person has allowed: it lives on in refresh tokens (RFC 6749, 6), of which many servers take each once only.
//!
//! A kept access token that still holds is used as it is, and nothing is written. One exchange reads: hold off everyone
//! else → take what is kept → see that the store can be written → ask the server →
//! keep what it gave → only then use it. Between the server's answer and the end of the writing lies a moment in which a
//! killed process loses the token; nobody can close it, and only a new login mends it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use spile_model::{Failure, FailureKind, Secret};

use super::authorization::Authorization;
use super::client::Client;
use super::kept::{Kept, Login};
use super::server::{Answer, TokenRequest, TokenServer};
use crate::auth::endpoint::{Asking, Denied};
use crate::auth::token::Grant;

/// What servers call a refresh token that is spent, expired or revoked: the standard's word, and GitHub's and Slack's.
const DEAD: [&str; 3] = ["invalid_grant", "bad_refresh_token", "invalid_refresh_token"];

/// A kept access token that ends sooner is not worth beginning with.
const WORTH_USING: Duration = Duration::from_secs(60);

pub(super) struct Consent {
    pub(super) server: TokenServer,
    pub(super) client: Client,
    pub(super) kept: Kept,
    /// How a person is asked, where the pipeline file says that.
    pub(super) authorization: Option<Authorization>,
    /// The access token that was handed out last: who asks again has no use for it.
    pub(super) handed_out: Mutex<Option<Secret>>,
}

impl Consent {
    /// An access token: the kept one where it still holds, or a new one for the kept refresh token.
    pub(super) async fn fetch(&self, asking: &Asking) -> Result<Grant, Failure> {
        let grant = match self.at_hand(asking).await?.1 {
            // It is only read: that needs no lock, and no folder that can be written.
            Some(grant) => grant,
            None => self.renewed(asking).await?,
        };
        *self.handed_out.lock().unwrap_or_else(PoisonError::into_inner) = Some(grant.token.clone());
        Ok(grant)
    }

    /// A new one, unless another process has one by now.
    async fn renewed(&self, asking: &Asking) -> Result<Grant, Failure> {
        let _held = self.kept.hold(asking).await?;
        match self.at_hand(asking).await? {
            (_, Some(grant)) => Ok(grant),
            (mut login, None) => self.exchange(&mut login, asking).await,
        }
    }

    /// What is kept, and its access token where that still holds.
    async fn at_hand(&self, asking: &Asking) -> Result<(Login, Option<Grant>), Failure> {
        let login = self.kept.login().await?.ok_or_else(|| self.nobody_logged_in())?;
        asking.redactor.learn(login.secrets());
        let grant = self.still_good(&login, asking.clock.now());
        Ok((login, grant))
    }

    /// Keeps what a login has brought, in the place of what was kept.
    pub(super) async fn begin(&self, answer: Answer, asking: &Asking) -> Result<(), Failure> {
        let _held = self.kept.hold(asking).await?;
        self.kept.keep(&Login::of(answer.refresh_token, &answer.grant, asking.clock.now())).await
    }

    /// The kept access token, unless it has been tried, or is about to end and another can be had.
    fn still_good(&self, login: &Login, now: Timestamp) -> Option<Grant> {
        let (token, expires_at) = login.access.clone()?;
        if self.handed_out.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&token) {
            return None;
        }
        let left = expires_at.map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default());
        let good = match left {
            Some(left) => left > WORTH_USING,
            // One without an end that can be replaced is: nobody knows how old it is.
            None => login.refresh_token.is_none(),
        };
        good.then_some(Grant { token, lifetime: left })
    }

    /// Exchanges the refresh token for an access token, and keeps both before it gives the latter.
    async fn exchange(&self, login: &mut Login, asking: &Asking) -> Result<Grant, Failure> {
        let Some(token) = login.refresh_token.clone() else { return Err(self.ended()) };
        // A disk that is full is better known while this token still works.
        self.kept.keep(login).await.map_err(|failure| unkept(failure, NOT_ASKED))?;
        let fill = |request: &mut TokenRequest| {
            request.put("refresh_token", token.expose());
            self.client.sign(request, asking)
        };
        let now = asking.clock.now();
        let answer = self.server.ask("refresh_token", fill, asking).await.map_err(|denied| self.explain(denied))?;
        let next = answer.refresh_token.unwrap_or_else(|| token.clone());
        let rotated = next != token;
        *login = Login::of(Some(next), &answer.grant, now);
        match self.kept.keep(login).await {
            Err(failure) if rotated => Err(unkept(failure, LOST)),
            // The kept token is the one that works.
            _ => Ok(answer.grant),
        }
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        let mut secrets = self.client.secrets();
        secrets.extend(self.kept.seed().cloned());
        secrets
    }

    fn nobody_logged_in(&self) -> Failure {
        if self.authorization.is_some() {
            let message = format!("nobody has logged in for this pipeline: {} has no token of it", self.kept.store());
            return Failure::new(FailureKind::LoginNeeded, message);
        }
        let message = "`auth.oauth2.refresh_token` renders to nothing: a variable in it has no value";
        Failure::new(FailureKind::Configuration, message)
    }

    /// A login without a refresh token is as long as its access token.
    fn ended(&self) -> Failure {
        let message = "the token of the last login has expired or is taken no more, and the server gave no refresh token \
                       with it";
        Failure::new(FailureKind::LoginNeeded, message)
    }

    /// A refresh token that the server takes no more.
    fn explain(&self, denied: Denied) -> Failure {
        if !denied.code.as_deref().is_some_and(|code| DEAD.contains(&code)) {
            return denied.failure;
        }
        let can_log_in = self.authorization.is_some();
        let kind = if can_log_in { FailureKind::LoginNeeded } else { FailureKind::RefreshTokenRefused };
        let message = format!(
            "{}; the refresh token has expired, was revoked, or has been used already (a run that is killed just as it gets \
             a new one loses that one)",
            denied.failure.message
        );
        Failure::new(kind, message)
    }
}

impl Login {
    fn of(refresh_token: Option<Secret>, grant: &Grant, asked_at: Timestamp) -> Self {
        let expires_at = grant.lifetime.and_then(|lifetime| asked_at.checked_add(lifetime).ok());
        Self { refresh_token, access: Some((grant.token.clone(), expires_at)) }
    }

    fn secrets(&self) -> Vec<Secret> {
        self.refresh_token.iter().chain(self.access.iter().map(|(token, _)| token)).cloned().collect()
    }
}

const NOT_ASKED: &str = "no token is asked for, because a new refresh token could not be kept";
const LOST: &str =
    "the server has given a new refresh token, which cannot be kept and is lost; the old one may no longer work";

fn unkept(failure: Failure, what: &str) -> Failure {
    Failure { message: format!("{what}: {}", failure.message), ..failure }
}
