//! One request to one page: where it begins, what it holds, and how it leads to the next.

use std::hash::{DefaultHasher, Hasher as _};

use serde_json::{Map, Value, json};

use super::PagedApi;
use super::dataset::Dataset;
use crate::fake_api::{Request, Response, encode_pairs};

/// How a client gets from one page to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paging {
    /// Everything on one page.
    None,
    /// A page number in this query parameter; the first page has the number `first`. Pages beyond the end are empty.
    PageNumber {
        /// The query parameter.
        parameter: String,
        /// The number of the first page.
        first: usize,
    },
    /// An offset and a limit in query parameters.
    Offset {
        /// The query parameter for the offset, from 0.
        offset: String,
        /// The query parameter for the limit; at most the page size is served.
        limit: String,
    },
    /// A page token at this JSON pointer of the body, null on the last page, to be sent in this query parameter.
    TokenInBody {
        /// Where the token is, such as `/meta/next_token`.
        at: String,
        /// The query parameter.
        parameter: String,
    },
    /// A page token in this response header, absent on the last page, to be sent in this query parameter.
    TokenInHeader {
        /// The response header.
        header: String,
        /// The query parameter.
        parameter: String,
    },
    /// The next page's URL at this JSON pointer of the body, null on the last page.
    NextUrlInBody {
        /// Where the URL is, such as `/next`.
        at: String,
    },
    /// The next page's URL in a `Link` header with `rel="next"`, absent on the last page.
    LinkHeader,
}

/// The query parameter that next URLs carry; opaque to clients.
const URL_TOKEN: &str = "page_token";
/// What tokens begin with, so that a client cannot mistake one for a number.
const TOKEN_PREFIX: &str = "after-";

/// The body around the records.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope {
    pub(super) records_at: String,
    pub(super) total_at: Option<String>,
    pub(super) relative_urls: bool,
    /// What next URLs begin with; empty when they are relative.
    pub(super) origin: String,
}

impl Envelope {
    pub(super) fn check(&self, paging: &Paging) {
        let needs_an_object =
            self.total_at.is_some() || matches!(paging, Paging::TokenInBody { .. } | Paging::NextUrlInBody { .. });
        assert!(
            !(needs_an_object && self.records_at.is_empty()),
            "the body is the list itself and has no place for anything else: say records_at"
        );
    }
}

/// The whole page that `request` asks for, or what is wrong with the request.
pub(super) fn answer(api: &PagedApi, dataset: &Dataset, request: &Request) -> Result<Response, String> {
    let size = page_size(api, request)?;
    let offset = offset(&api.paging, request, size)?;
    let limit = if api.paging == Paging::None { usize::MAX } else { size };
    let (records, total) = dataset.stretch(&api.filters, request, offset, limit);
    let end = offset + records.len();
    let next = (end < total && !records.is_empty()).then(|| format!("{TOKEN_PREFIX}{end}"));

    let mut body = if api.envelope.records_at.is_empty() { Value::Null } else { json!({}) };
    place(&mut body, &api.envelope.records_at, json!(records));
    if let Some(pointer) = &api.envelope.total_at {
        place(&mut body, pointer, json!(total));
    }
    match &api.paging {
        Paging::TokenInBody { at, .. } => place(&mut body, at, json!(next)),
        Paging::NextUrlInBody { at } => {
            place(&mut body, at, json!(next.as_ref().map(|token| next_url(api, request, token))));
        }
        _ => {}
    }
    let response = Response::json(body);
    let etag = api.etags.then(|| etag(response.body()));
    if let Some(etag) = &etag
        && request.header("If-None-Match") == Some(etag)
    {
        return Ok(Response::status(304).header("ETag", etag));
    }
    let response = etag.iter().fold(response, |response, etag| response.header("ETag", etag));
    Ok(match (&api.paging, next) {
        (Paging::TokenInHeader { header, .. }, Some(token)) => response.header(header, token),
        (Paging::LinkHeader, Some(token)) => {
            let (first, next) = (own_url(api, request, None), next_url(api, request, &token));
            response.header("Link", format!("<{first}>; rel=\"first\", <{next}>; rel=\"next\""))
        }
        _ => response,
    })
}

fn etag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("\"{:016x}\"", hasher.finish())
}

fn page_size(api: &PagedApi, request: &Request) -> Result<usize, String> {
    let parameter = match &api.paging {
        Paging::Offset { limit, .. } => Some(limit),
        _ => api.page_size_parameter.as_ref(),
    };
    let asked = parameter.map_or(Ok(None), |name| number(request, name))?;
    Ok(asked.unwrap_or(api.page_size).clamp(1, api.page_size))
}

fn offset(paging: &Paging, request: &Request, size: usize) -> Result<usize, String> {
    let token = |parameter: &str| match request.query(parameter) {
        None => Ok(0),
        Some(token) => token
            .strip_prefix(TOKEN_PREFIX)
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| format!("{parameter}={token} is not a page token of ours")),
    };
    match paging {
        Paging::None => Ok(0),
        Paging::PageNumber { parameter, first } => {
            let page = number(request, parameter)?.unwrap_or(*first);
            let index = page.checked_sub(*first).ok_or_else(|| format!("{parameter} begins with {first}"))?;
            Ok(index.saturating_mul(size))
        }
        Paging::Offset { offset, .. } => Ok(number(request, offset)?.unwrap_or(0)),
        Paging::TokenInBody { parameter, .. } | Paging::TokenInHeader { parameter, .. } => token(parameter),
        Paging::NextUrlInBody { .. } | Paging::LinkHeader => token(URL_TOKEN),
    }
}

fn number(request: &Request, parameter: &str) -> Result<Option<usize>, String> {
    let parse = |text: &str| text.parse().map_err(|_| format!("{parameter}={text} is not a number"));
    request.query(parameter).map(parse).transpose()
}

fn next_url(api: &PagedApi, request: &Request, token: &str) -> String {
    own_url(api, request, Some(token))
}

/// The URL of the request with another page token, every other parameter kept.
fn own_url(api: &PagedApi, request: &Request, token: Option<&str>) -> String {
    let kept = request.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let query = encode_pairs(kept.filter(|(name, _)| *name != URL_TOKEN).chain(token.map(|token| (URL_TOKEN, token))));
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{}{mark}{query}", api.envelope.origin, request.path)
}

/// Puts `value` at a JSON pointer, making the objects on the way.
fn place(body: &mut Value, pointer: &str, value: Value) {
    let mut at = body;
    for name in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[name];
    }
    *at = value;
}
