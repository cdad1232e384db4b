//! `Authorization: Digest …` (RFC 7616): the server challenges, and every request answers for itself.
//!
//! The first request goes out without credentials, to learn the challenge from its refusal; all later ones answer the
//! last challenge that came, each with a count of its own. The password never leaves.

use std::sync::{Mutex, MutexGuard, PoisonError};

use digest_auth::{AlgorithmType, AuthContext, HttpMethod, WwwAuthenticateHeader};
use http::HeaderMap;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret};

use super::credential;
use crate::headers;

const SCHEME: &str = "digest";

pub(crate) struct Digest {
    username: Secret,
    password: Secret,
    challenge: Mutex<Challenge>,
}

/// The last challenge, and how many there were.
#[derive(Default)]
struct Challenge {
    prompt: Option<WwwAuthenticateHeader>,
    generation: u64,
}

impl Digest {
    pub(super) fn prepare(username: &Template, password: &Template, scope: &Scope) -> Result<Self, Failure> {
        let username = credential("digest.username", username, scope)?;
        let password = credential("digest.password", password, scope)?;
        Ok(Self { username, password, challenge: Mutex::default() })
    }

    /// Answers the last challenge, if there was one.
    pub(super) fn authorise(&self, request: &mut reqwest::Request) -> Result<u64, Failure> {
        let mut challenge = self.challenge();
        let generation = challenge.generation;
        let Some(prompt) = &mut challenge.prompt else { return Ok(generation) };
        let target = match request.url().query() {
            Some(query) => format!("{}?{query}", request.url().path()),
            None => request.url().path().to_owned(),
        };
        let body = request.body().and_then(reqwest::Body::as_bytes);
        let method = HttpMethod(request.method().as_str().into());
        let (username, password) = (self.username.expose(), self.password.expose());
        let context = AuthContext::new_with_method(username, password, target, body, method);
        let answer = prompt.respond(&context).map_err(|_| unanswerable())?;
        let header = headers::secret(&answer.to_header_string()).ok_or_else(unanswerable)?;
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(generation)
    }

    /// Takes in the challenge of a refusal. Whether another answer is worth a try: to a challenge that is newer than the
    /// one that was answered.
    pub(super) fn refused(&self, generation: u64, headers: &HeaderMap) -> bool {
        let mut challenge = self.challenge();
        if challenge.generation != generation {
            return true;
        }
        let Some(prompt) = strongest(headers) else { return false };
        if challenge.prompt.as_ref().is_some_and(|before| before.nonce == prompt.nonce) {
            return false;
        }
        *challenge = Challenge { prompt: Some(prompt), generation: generation + 1 };
        true
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        vec![self.password.clone()]
    }

    fn challenge(&self) -> MutexGuard<'_, Challenge> {
        // It is whole after every change.
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of all challenges the one with the strongest hash (RFC 7616, 3.7).
fn strongest(headers: &HeaderMap) -> Option<WwwAuthenticateHeader> {
    // Only visible ASCII is text here, which the parser relies on.
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let digests = challenges.filter_map(|text| {
        let (scheme, parameters) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case(SCHEME).then(|| digest_auth::parse(parameters).ok())?
    });
    digests.max_by_key(|prompt| match prompt.algorithm.algo {
        AlgorithmType::MD5 => 0,
        AlgorithmType::SHA2_256 => 1,
        AlgorithmType::SHA2_512_256 => 2,
    })
}

fn unanswerable() -> Failure {
    Failure::new(FailureKind::Unauthorized, "the API's challenge (`WWW-Authenticate: Digest`) cannot be answered")
}
