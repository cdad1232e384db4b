//! Templates → one request.
//!
//! Enters: the stream's request plan, the cursor, and where the page is. Leaves: a [`Request`] for the client, which
//! adds the credentials. Invariant: what paging and the cursor put in replaces what the templates say under the same
//! name; what renders to nothing is left out, except for the path, without which there is no request.

use serde_json::{Map, Value};
use spile_expression::{Scope, Template, TemplateError};
use spile_http::{Body, Client, HeaderMap, HeaderName, HeaderValue, Method, Request, Url, header, query};
use spile_model::{CursorValue, Failure, FailureKind};
use spile_plan::{BodyPlan, CursorPlan, Injection, NamedTemplate, PipelinePlan, RequestPlan, StreamPlan, Variables};

use crate::pagination::{Inject, Position};

/// The requests of one stream in one run.
pub(crate) struct Requests {
    base: Url,
    variables: Variables,
    /// The variables, as templates see them.
    scope: Scope,
    /// The source's parameters, which are for its own origin alone.
    shared_query: Vec<NamedTemplate>,
    headers: Vec<NamedTemplate>,
    plan: RequestPlan,
    cursor: Option<CursorPlan>,
    from: Option<CursorValue>,
}

impl Requests {
    pub(crate) fn new(plan: &PipelinePlan, stream: &StreamPlan, from: Option<CursorValue>, client: &Client) -> Self {
        Self {
            base: client.base_url().clone(),
            variables: plan.variables.clone(),
            scope: plan.variables.scope(),
            shared_query: beside(&plan.source.query, &stream.request.query, |shared, own| shared == own),
            headers: {
                let shared = beside(&plan.source.headers, &stream.request.headers, str::eq_ignore_ascii_case);
                shared.into_iter().chain(stream.request.headers.iter().cloned()).collect()
            },
            plan: stream.request.clone(),
            cursor: stream.cursor.clone(),
            from,
        }
    }

    /// The request for the page at `position`, with what paging puts in.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`], naming the part of the request.
    pub(crate) fn render(&self, position: &Position, injections: &[Inject<'_>]) -> Result<Request, Failure> {
        let cursor = self.cursor_value()?;
        let scope = position.name_in(self.scope.clone().with("cursor", &cursor));
        let mut draft = Draft {
            url: self.url(position, &scope)?,
            headers: self.render_headers(&scope)?,
            body: self.plan.body.as_ref().map(|body| render_body(body, &scope)).transpose()?,
        };
        // The next page's own URL carries its parameters already, but neither headers nor a body.
        let has_own_query = matches!(position, Position::Url(_));
        if !has_own_query {
            self.render_query(&mut draft.url, &scope)?;
        }
        if let (Some(inject), Some(value)) = (self.cursor.as_ref().and_then(|plan| plan.inject.as_ref()), &cursor)
            && !(has_own_query && matches!(inject, Injection::Query(_)))
        {
            draft.inject(inject, value)?;
        }
        for Inject { place, value } in injections {
            draft.inject(place, value)?;
        }
        let method = Method::from_bytes(self.plan.method.as_bytes())
            .map_err(|_| refused(&format!("`method`: `{}` is not a method of HTTP", self.plan.method)))?;
        let (body, idempotent) = (draft.body.map(BodyDraft::finish), self.plan.idempotent);
        Ok(Request { method, url: draft.url, headers: draft.headers, body, idempotent })
    }

    /// The cursor as requests write it.
    fn cursor_value(&self) -> Result<Option<Value>, Failure> {
        let Some(plan) = &self.cursor else { return Ok(None) };
        let Some(from) = &self.from else { return Ok(plan.start.clone().map(Value::String)) };
        let plain = match from {
            CursorValue::Int(number) => Value::from(*number),
            other => Value::String(other.to_string()),
        };
        match &plan.format {
            None => Ok(Some(plain)),
            Some(format) => {
                let scope = self.scope.clone().with("cursor", &plain);
                format.render_json(&scope).map_err(|error| not_rendered("cursor.format", format, &error))
            }
        }
    }

    fn url(&self, position: &Position, scope: &Scope) -> Result<Url, Failure> {
        if let Position::Url(url) = position {
            return Ok(url.clone());
        }
        let path = render("path", &self.plan.path, scope)?.ok_or_else(|| {
            refused(&format!("`path` renders to nothing: a name in `{}` has no value", self.plan.path.source()))
        })?;
        join(&self.base, &path)
    }

    fn render_query(&self, url: &mut Url, scope: &Scope) -> Result<(), Failure> {
        let shared = if url.origin() == self.base.origin() { &self.shared_query[..] } else { &[] };
        for parameter in shared.iter().chain(&self.plan.query) {
            if let Some(value) = render(&format!("query.{}", parameter.name), &parameter.value, scope)? {
                query::append(url, &parameter.name, &value);
            }
        }
        Ok(())
    }

    fn render_headers(&self, scope: &Scope) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for header in &self.headers {
            let place = format!("headers.{}", header.name);
            if let Some(value) = render(&place, &header.value, scope)? {
                let (name, mut value) = header_of(&header.name, &value)?;
                value.set_sensitive(self.variables.touches_secret(&header.value));
                headers.insert(name, value);
            }
        }
        Ok(headers)
    }
}

/// What the source sends beside what a stream sends itself: a stream's own takes the place of what has the same name,
/// also where it renders to nothing.
fn beside(shared: &[NamedTemplate], own: &[NamedTemplate], same: impl Fn(&str, &str) -> bool) -> Vec<NamedTemplate> {
    let is_own = |shared: &&NamedTemplate| own.iter().any(|own| same(&shared.name, &own.name));
    shared.iter().filter(|shared| !is_own(shared)).cloned().collect()
}

/// A request being put together.
struct Draft {
    url: Url,
    headers: HeaderMap,
    body: Option<BodyDraft>,
}

enum BodyDraft {
    Json(Value),
    Form(Vec<(String, String)>),
}

impl Draft {
    fn inject(&mut self, place: &Injection, value: &Value) -> Result<(), Failure> {
        match place {
            Injection::Query(name) => query::set(&mut self.url, name, &as_text(value)),
            Injection::Header(name) => {
                let (name, value) = header_of(name, &as_text(value))?;
                self.headers.insert(name, value);
            }
            Injection::Body(path) => {
                self.body.get_or_insert_with(|| BodyDraft::Json(Value::Object(Map::new()))).inject(path, value);
            }
        }
        Ok(())
    }
}

impl BodyDraft {
    fn inject(&mut self, path: &[String], value: &Value) {
        match self {
            Self::Form(fields) => {
                let name = path.join(".");
                fields.retain(|(known, _)| *known != name);
                fields.push((name, as_text(value)));
            }
            Self::Json(document) => {
                let mut place = document;
                for key in path {
                    if !place.is_object() {
                        *place = Value::Object(Map::new());
                    }
                    // Indexing an object by a key makes the member where there is none.
                    place = &mut place[key.as_str()];
                }
                *place = value.clone();
            }
        }
    }

    fn finish(self) -> Body {
        match self {
            Self::Json(document) => Body { content_type: "application/json", bytes: document.to_string().into() },
            Self::Form(fields) => {
                let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                Body { content_type: "application/x-www-form-urlencoded", bytes: text.into() }
            }
        }
    }
}

fn render_body(plan: &BodyPlan, scope: &Scope) -> Result<BodyDraft, Failure> {
    match plan {
        BodyPlan::Json(template) => {
            let rendered = template.render(scope).map_err(|(text, error)| not_rendered("body", text, &error))?;
            Ok(BodyDraft::Json(rendered.unwrap_or_default()))
        }
        BodyPlan::Form(fields) => {
            let mut rendered = Vec::new();
            for field in fields {
                if let Some(value) = render(&format!("body.{}", field.name), &field.value, scope)? {
                    rendered.push((field.name.clone(), value));
                }
            }
            Ok(BodyDraft::Form(rendered))
        }
    }
}

fn render(place: &str, template: &Template, scope: &Scope) -> Result<Option<String>, Failure> {
    template.render(scope).map_err(|error| not_rendered(place, template, &error))
}

fn not_rendered(place: &str, template: &Template, error: &TemplateError) -> Failure {
    refused(&format!("`{place}`: `{}` does not render: {error}", template.source()))
}

fn refused(message: &str) -> Failure {
    Failure::new(FailureKind::Configuration, message)
}

fn header_of(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let named = HeaderName::try_from(name).map_err(|_| refused(&format!("`{name}` is not a header's name")))?;
    // Bytes, not text: a header may hold any UTF-8, which APIs read.
    let valued = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        refused(&format!(
            "the value of the header `{name}` holds a character that a header cannot carry, such as a line break"
        ))
    })?;
    if named == header::HOST || named == header::CONTENT_LENGTH {
        return Err(refused(&format!("the header `{name}` follows from the request and cannot be set")));
    }
    Ok((named, valued))
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// `path` behind `base`, whose own path stays; an absolute URL stands for itself (the client checks its origin).
fn join(base: &Url, path: &str) -> Result<Url, Failure> {
    let unusable = |error: &dyn std::fmt::Display| refused(&format!("`path`: `{path}` makes no URL: {error}"));
    if path.starts_with("http://") || path.starts_with("https://") {
        return Url::parse(path).map_err(|error| unusable(&error));
    }
    let mut url = base.clone();
    url.set_fragment(None);
    let (path, own_query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    if !path.is_empty() {
        let joined = format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&joined);
    }
    if let Some(own) = own_query.filter(|query| !query.is_empty()) {
        let joined = base.query().map_or_else(|| own.to_owned(), |before| format!("{before}&{own}"));
        url.set_query(Some(&joined));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
