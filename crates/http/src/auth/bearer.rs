//! `Authorization: Bearer …` (RFC 6750).

use http::HeaderValue;
use http::header::AUTHORIZATION;
use spile_expression::{Scope, Template};
use spile_model::{Failure, Secret};

use super::{credential, unsendable};
use crate::headers;

pub(crate) struct Bearer {
    token: Secret,
    header: HeaderValue,
}

impl Bearer {
    pub(super) fn prepare(token: &Template, scope: &Scope) -> Result<Self, Failure> {
        let token = credential("bearer", token, scope)?;
        let header = headers::secret(&format!("Bearer {}", token.expose())).ok_or_else(|| unsendable("bearer"))?;
        Ok(Self { token, header })
    }

    pub(super) fn authorise(&self, request: &mut reqwest::Request) {
        request.headers_mut().insert(AUTHORIZATION, self.header.clone());
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        vec![self.token.clone()]
    }
}
