//! A key in a header, the query or a cookie.

use http::header::COOKIE;
use http::{HeaderName, HeaderValue};
use spile_expression::{Scope, Template};
use spile_model::{Failure, FailureKind, Secret};
use spile_plan::KeyPlace;

use super::{credential, unsendable};
use crate::headers;
use crate::query;

pub(crate) struct ApiKey {
    key: Secret,
    place: Place,
}

enum Place {
    Header(HeaderName, HeaderValue),
    Query(String),
    /// `name=key`, to be joined with other cookies.
    Cookie(String, HeaderValue),
}

impl ApiKey {
    pub(super) fn prepare(place: KeyPlace, name: &str, value: &Template, scope: &Scope) -> Result<Self, Failure> {
        let key = credential("api_key.value", value, scope)?;
        let place = match place {
            KeyPlace::Header => Place::Header(header_name(name)?, sensitive(key.expose())?),
            KeyPlace::Query => Place::Query(name.to_owned()),
            KeyPlace::Cookie => Place::Cookie(name.to_owned(), sensitive(&cookie(name, key.expose())?)?),
        };
        Ok(Self { key, place })
    }

    pub(super) fn authorise(&self, request: &mut reqwest::Request) {
        match &self.place {
            Place::Header(name, value) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            // In its place and not beside it: APIs repeat the key in the next page's URL.
            Place::Query(name) => query::set(request.url_mut(), name, self.key.expose()),
            Place::Cookie(name, own) => {
                let others = other_cookies(request, name);
                let joined = others.and_then(|others| headers::secret(&format!("{others}; {}", own.to_str().ok()?)));
                request.headers_mut().insert(COOKIE, joined.unwrap_or_else(|| own.clone()));
            }
        }
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        vec![self.key.clone()]
    }

    pub(super) fn secret_parameter(&self) -> Option<&str> {
        match &self.place {
            Place::Query(name) => Some(name),
            Place::Header(..) | Place::Cookie(..) => None,
        }
    }
}

/// The cookies that the pipeline's own headers set, without the one of this name.
fn other_cookies(request: &reqwest::Request, name: &str) -> Option<String> {
    let set = request.headers().get(COOKIE)?.to_str().ok()?;
    let others: Vec<&str> = set.split(';').map(str::trim).filter(|pair| pair.split('=').next() != Some(name)).collect();
    (!others.is_empty()).then(|| others.join("; "))
}

fn header_name(name: &str) -> Result<HeaderName, Failure> {
    HeaderName::try_from(name).map_err(|_| {
        Failure::new(FailureKind::Configuration, format!("`auth.api_key.name`: `{name}` is not a header's name"))
    })
}

fn sensitive(text: &str) -> Result<HeaderValue, Failure> {
    headers::secret(text).ok_or_else(|| unsendable("api_key.value"))
}

fn cookie(name: &str, key: &str) -> Result<String, Failure> {
    let spoils = |c: char| c.is_ascii_whitespace() || c.is_control() || matches!(c, ';' | ',' | '"' | '\\');
    if name.is_empty() || name.contains(|c| spoils(c) || c == '=') {
        let message = format!("`auth.api_key.name`: `{name}` is not a cookie's name");
        return Err(Failure::new(FailureKind::Configuration, message));
    }
    if key.contains(spoils) {
        let message =
            "`auth.api_key.value` holds a character that a cookie cannot carry; does the API want it encoded?";
        return Err(Failure::new(FailureKind::Configuration, message));
    }
    Ok(format!("{name}={key}"))
}
