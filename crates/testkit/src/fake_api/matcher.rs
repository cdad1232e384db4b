//! Which requests an expectation or a route means, and why a request is not one of them.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::request::{Request, excerpt};

/// Describes requests. Start from [`get`], [`post`], [`request`] or [`any`] and narrow it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Matcher {
    method: Option<String>,
    path: Path,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
enum Path {
    Any,
    Exactly(String),
    Prefix(String),
}

#[derive(Clone, Debug)]
enum Condition {
    Query(String, String),
    WithoutQuery(String),
    OnlyQuery(Vec<(String, String)>),
    Header(String, String),
    WithoutHeader(String),
    JsonBody(Value),
    Body(Bytes),
    Form(Vec<(String, String)>),
}

/// `GET` on exactly this path (compared as sent, without decoding).
pub fn get(path: &str) -> Matcher {
    request("GET", path)
}

/// `POST` on exactly this path.
pub fn post(path: &str) -> Matcher {
    request("POST", path)
}

/// Any method on exactly this path.
pub fn request(method: &str, path: &str) -> Matcher {
    Matcher { method: Some(method.to_owned()), path: Path::Exactly(path.to_owned()), conditions: Vec::new() }
}

/// Any method on this path and on every path that begins with it.
pub fn below(prefix: &str) -> Matcher {
    Matcher { method: None, path: Path::Prefix(prefix.to_owned()), conditions: Vec::new() }
}

/// Every request.
pub fn any() -> Matcher {
    Matcher { method: None, path: Path::Any, conditions: Vec::new() }
}

impl Matcher {
    /// The query has this parameter with this (decoded) value; other parameters are free.
    pub fn query(self, name: &str, value: impl fmt::Display) -> Self {
        self.and(Condition::Query(name.to_owned(), value.to_string()))
    }

    /// The query lacks this parameter.
    pub fn without_query(self, name: &str) -> Self {
        self.and(Condition::WithoutQuery(name.to_owned()))
    }

    /// The query has exactly these parameters, in any order, and no other.
    pub fn only_query(self, pairs: &[(&str, &str)]) -> Self {
        self.and(Condition::OnlyQuery(sorted(owned(pairs))))
    }

    /// This header is there with exactly this value.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.and(Condition::Header(name.to_owned(), value.to_owned()))
    }

    /// This header is absent.
    pub fn without_header(self, name: &str) -> Self {
        self.and(Condition::WithoutHeader(name.to_owned()))
    }

    /// The body is this JSON value; spelling and key order are free.
    pub fn json_body(self, value: Value) -> Self {
        self.and(Condition::JsonBody(value))
    }

    /// The body is exactly these bytes.
    pub fn body(self, bytes: impl Into<Bytes>) -> Self {
        self.and(Condition::Body(bytes.into()))
    }

    /// The body is a form with exactly these fields, in any order.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        self.and(Condition::Form(sorted(owned(pairs))))
    }

    fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Every reason why `request` is not meant; empty when it is.
    pub(crate) fn mismatches(&self, request: &Request) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Some(method) = &self.method
            && *method != request.method
        {
            reasons.push(format!("the method is {}, not {method}", request.method));
        }
        let fits = match &self.path {
            Path::Any => true,
            Path::Exactly(path) => *path == request.path,
            Path::Prefix(prefix) => request.path.starts_with(prefix.as_str()),
        };
        if !fits {
            reasons.push(format!("the path is {}", request.path));
        }
        reasons.extend(self.conditions.iter().filter_map(|condition| condition.mismatch(request)));
        reasons
    }
}

impl Condition {
    fn mismatch(&self, request: &Request) -> Option<String> {
        match self {
            Self::Query(name, value) => {
                let sent: Vec<&str> =
                    request.query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
                differs(&format!("query parameter `{name}`"), value, &sent)
            }
            Self::WithoutQuery(name) => {
                request.query(name).map(|value| format!("query parameter `{name}` is there, {value:?}"))
            }
            Self::OnlyQuery(expected) => {
                let sent = sorted(request.query.clone());
                (sent != *expected).then(|| format!("the query is {sent:?}, not {expected:?}"))
            }
            Self::Header(name, value) => differs(&format!("header `{name}`"), value, &request.headers_named(name)),
            Self::WithoutHeader(name) => {
                request.header(name).map(|value| format!("header `{name}` is there, {value:?}"))
            }
            Self::JsonBody(expected) => match request.json() {
                None => Some(format!("the body is not JSON: {}", excerpt(&request.body))),
                Some(sent) => (sent != *expected).then(|| format!("the JSON body is {sent}, not {expected}")),
            },
            Self::Body(expected) => (request.body != *expected)
                .then(|| format!("the body is {:?}, not {:?}", excerpt(&request.body), excerpt(expected))),
            Self::Form(expected) => {
                let sent = sorted(request.form());
                (sent != *expected).then(|| format!("the form is {sent:?}, not {expected:?}"))
            }
        }
    }
}

fn differs(what: &str, expected: &str, sent: &[&str]) -> Option<String> {
    match sent {
        _ if sent.contains(&expected) => None,
        [] => Some(format!("{what} is missing, expected {expected:?}")),
        [one] => Some(format!("{what} is {one:?}, not {expected:?}")),
        several => Some(format!("{what} is each of {several:?}, none of them {expected:?}")),
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn sorted(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.sort();
    pairs
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_deref().unwrap_or("any method");
        match &self.path {
            Path::Any => write!(f, "{method} on any path")?,
            Path::Exactly(path) => write!(f, "{method} {path}")?,
            Path::Prefix(prefix) => write!(f, "{method} {prefix}…")?,
        }
        for condition in &self.conditions {
            match condition {
                Condition::Query(name, value) => write!(f, ", query {name}={value}")?,
                Condition::WithoutQuery(name) => write!(f, ", no query {name}")?,
                Condition::OnlyQuery(pairs) => write!(f, ", query exactly {pairs:?}")?,
                Condition::Header(name, value) => write!(f, ", header {name}: {value}")?,
                Condition::WithoutHeader(name) => write!(f, ", no header {name}")?,
                Condition::JsonBody(value) => write!(f, ", JSON body {value}")?,
                Condition::Body(bytes) => write!(f, ", body {:?}", excerpt(bytes))?,
                Condition::Form(pairs) => write!(f, ", form {pairs:?}")?,
            }
        }
        Ok(())
    }
}
