//! The request of a stream.

use serde_json::{Map, Value};
use spile_expression::{Scope, Template, TemplateError};

/// One request, with its templates.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// An HTTP method in capitals.
    pub method: String,
    /// Behind the base URL; or an absolute URL of an origin that may be asked.
    pub path: Template,
    /// In order; a parameter whose template renders to nothing is left out.
    pub query: Vec<NamedTemplate>,
    /// A header whose template renders to nothing is left out.
    pub headers: Vec<NamedTemplate>,
    /// What is sent in the body.
    pub body: Option<BodyPlan>,
    /// Whether sending it twice does no more than sending it once (RFC 9110, 9.2.2), so that it may be tried again
    /// whatever became of the first try.
    pub idempotent: bool,
}

impl RequestPlan {
    /// Method and path as the pipeline file writes them, which is the same for every page and cursor.
    pub fn endpoint(&self) -> String {
        format!("{} {}", self.method, self.path.source())
    }
}

/// A name and the template of its value.
#[derive(Clone, Debug)]
pub struct NamedTemplate {
    /// As sent.
    pub name: String,
    /// Its value.
    pub value: Template,
}

/// A request's body.
#[derive(Clone, Debug)]
pub enum BodyPlan {
    /// `application/json`.
    Json(JsonTemplate),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<NamedTemplate>),
}

/// A JSON value whose strings are templates. A member whose template renders to nothing is left out.
#[derive(Clone, Debug)]
pub enum JsonTemplate {
    /// A number, a boolean, null.
    Literal(Value),
    /// A string; a single `{{ expression }}` keeps its type.
    Text(Template),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object, in the file's order.
    Object(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    /// The value, with every text rendered; `None` where it is a text that renders to nothing.
    ///
    /// # Errors
    /// The template that does not render, and why.
    pub fn render(&self, scope: &Scope) -> Result<Option<Value>, (&Template, TemplateError)> {
        Ok(match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Text(text) => text.render_json(scope).map_err(|error| (text, error))?,
            Self::List(items) => {
                let rendered: Result<Vec<_>, _> = items.iter().map(|item| item.render(scope)).collect();
                Some(Value::Array(rendered?.into_iter().flatten().collect()))
            }
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    if let Some(value) = member.render(scope)? {
                        object.insert(name.clone(), value);
                    }
                }
                Some(Value::Object(object))
            }
        })
    }
}
