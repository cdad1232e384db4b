//! Scalars: numbers, text, true and false, and the slips people make between them.

use serde_json::{Number, Value as Json};

use super::describe::{describe, number};
use super::schema::{ScalarForm, Schema};
use super::{Walker, format, suggest};
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Node, Scalar, Value};

impl Walker<'_> {
    pub(super) fn scalar(&mut self, node: &Node, scalar: &Scalar, schema: Schema<'_>) -> Option<Json> {
        match schema.scalar_form() {
            Some(ScalarForm::Text) => return self.text(node, scalar, schema),
            Some(ScalarForm::Exact) => return Some(exact(scalar)),
            None => {}
        }
        if schema.has_constants() {
            return self.constant(node, scalar, schema);
        }
        match scalar.value {
            Value::Null if schema.allows("null") => Some(Json::Null),
            Value::Bool(value) if schema.allows("boolean") => Some(Json::Bool(value)),
            Value::Int(Some(value)) if schema.allows("integer") || schema.allows("number") => {
                self.bounded(node, schema, value.into())
            }
            Value::Float(value) if schema.allows("number") => match Number::from_f64(value) {
                Some(value) => self.bounded(node, schema, value),
                None => self.wrong_scalar(node, scalar, schema),
            },
            Value::Text if schema.allows("string") => self.text(node, scalar, schema),
            _ => self.wrong_scalar(node, scalar, schema),
        }
    }

    fn text(&mut self, node: &Node, scalar: &Scalar, schema: Schema<'_>) -> Option<Json> {
        let problem = schema.text("format").and_then(format::format).and_then(|format| {
            let problem = (format.check)(&scalar.text).err()?;
            Some((problem, format.words))
        });
        if let Some((problem, words)) = problem {
            let message = if self.is_masked(node) { format!("{} cannot be read", self.subject()) } else { problem };
            let diagnostic = Diagnostic::error(Code::InvalidValue, message).with_span(node.span);
            self.report(diagnostic.with_expected(words));
            return None;
        }
        if scalar.text.trim().is_empty() && schema.get("minLength").is_some() {
            let message = format!("{} is empty", self.subject());
            self.report(Diagnostic::error(Code::InvalidValue, message).with_span(node.span));
            return None;
        }
        Some(Json::String(scalar.text.clone()))
    }

    fn constant(&mut self, node: &Node, scalar: &Scalar, schema: Schema<'_>) -> Option<Json> {
        let constants = schema.constants();
        let found = constants.iter().find(|constant| is_constant(constant, scalar));
        if let Some(found) = found {
            return Some((*found).clone());
        }
        let names = constants.iter().filter_map(|constant| constant.as_str());
        let help = suggest::did_you_mean(&scalar.text, names);
        self.not_allowed(node, scalar, schema, help)
    }

    /// A scalar that is none of the names that are allowed.
    pub(super) fn not_allowed(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        schema: Schema<'_>,
        help: Option<String>,
    ) -> Option<Json> {
        let message = format!("{} cannot be {}", self.subject(), self.quoted(node, &scalar.text));
        let diagnostic = Diagnostic::error(Code::InvalidValue, message)
            .with_span(node.span)
            .with_expected(describe(schema))
            .with_help_if(help);
        self.report(diagnostic);
        None
    }

    fn bounded(&mut self, node: &Node, schema: Schema<'_>, value: Number) -> Option<Json> {
        let bound = |keyword| schema.get(keyword).filter(|bound| bound.is_number());
        let as_float = value.as_f64().unwrap_or(f64::NAN);
        let beyond = |bound: &Json, below: bool| match (value.as_i64(), bound.as_i64()) {
            (Some(value), Some(bound)) => {
                if below {
                    value < bound
                } else {
                    value > bound
                }
            }
            _ => bound.as_f64().is_some_and(|bound| if below { as_float < bound } else { as_float > bound }),
        };
        let complaint = match (bound("minimum"), bound("maximum"), bound("exclusiveMinimum")) {
            (Some(low), _, _) if beyond(low, true) => Some(format!("must be at least {}", number(low))),
            (_, Some(high), _) if beyond(high, false) => Some(format!("must be at most {}", number(high))),
            (_, _, Some(low)) if beyond(low, true) || low.as_f64() == Some(as_float) => {
                Some(format!("must be more than {}", number(low)))
            }
            _ => None,
        };
        if let Some(complaint) = complaint {
            let message = format!("{} {complaint}", self.subject());
            self.report(Diagnostic::error(Code::InvalidValue, message).with_span(node.span));
            return None;
        }
        Some(Json::Number(value))
    }

    fn wrong_scalar(&mut self, node: &Node, scalar: &Scalar, schema: Schema<'_>) -> Option<Json> {
        let Some(help) = self.scalar_hint(node, scalar, schema) else { return self.wrong_type(node, schema) };
        let message = format!("{} cannot be {}", self.subject(), node.described());
        let diagnostic = Diagnostic::error(Code::WrongType, message).with_span(node.span);
        self.report(diagnostic.with_expected(describe(schema)).with_help(help));
        None
    }

    fn scalar_hint(&self, node: &Node, scalar: &Scalar, schema: Schema<'_>) -> Option<String> {
        let text = scalar.text.as_str();
        if let Value::Int(_) | Value::Float(_) = scalar.value {
            let with_unit = schema.text("format").and_then(format::format).filter(|format| format.has_unit);
            if let Some(format) = with_unit {
                return (format.check)(text).err();
            }
        }
        if schema.allows("string") && !self.is_masked(node) {
            return Some(format!("put it in quotes: \"{text}\""));
        }
        if schema.allows("boolean") {
            return match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" => Some("write `true`".to_owned()),
                "no" | "off" | "n" => Some("write `false`".to_owned()),
                "true" | "false" => Some(format!("remove the quotes: {}", text.to_ascii_lowercase())),
                _ => None,
            };
        }
        if schema.allows("integer") || schema.allows("number") {
            return number_hint(scalar, schema);
        }
        None
    }

    /// A scalar in a place without a schema: a JSON value.
    pub(super) fn free_scalar(&mut self, node: &Node, scalar: &Scalar) -> Option<Json> {
        let number = match scalar.value {
            Value::Null => return Some(Json::Null),
            Value::Bool(value) => return Some(Json::Bool(value)),
            Value::Text => return Some(Json::String(scalar.text.clone())),
            Value::Int(Some(value)) => Some(value.into()),
            Value::Int(None) => scalar.text.parse::<u64>().ok().map(Number::from),
            Value::Float(value) => Number::from_f64(value),
        };
        if number.is_none() {
            let message = "this number cannot be written exactly in JSON";
            let help = "put it in quotes, if the API takes it as text";
            self.report(Diagnostic::error(Code::InvalidValue, message).with_span(node.span).with_help(help));
        }
        number.map(Json::Number)
    }
}

fn number_hint(scalar: &Scalar, schema: Schema<'_>) -> Option<String> {
    let text = scalar.text.trim();
    if text.contains("{{") {
        return Some("a template cannot stand here: write the number itself".to_owned());
    }
    match scalar.value {
        Value::Text if text.parse::<i64>().is_ok() => Some(format!("remove the quotes: {text}")),
        Value::Text if text.replace(['_', ','], "").parse::<i64>().is_ok() => {
            Some(format!("write it without separators: {}", text.replace(['_', ','], "")))
        }
        Value::Int(None) if schema.allows("integer") => Some("the number is too large".to_owned()),
        _ => None,
    }
}

fn is_constant(constant: &Json, scalar: &Scalar) -> bool {
    match (constant, scalar.value) {
        // `write: append` is text in any case; a name such as `null` or `true` still is the name.
        (Json::String(name), _) => *name == scalar.text,
        (Json::Bool(name), Value::Bool(value)) => *name == value,
        (Json::Number(name), Value::Int(Some(value))) => name.as_i64() == Some(value),
        _ => false,
    }
}

/// A scalar of its own kind; a number that would look different when written again (`1.10`, `0x1F`,
/// `1e3`) stays the text that it is.
fn exact(scalar: &Scalar) -> Json {
    let number = match scalar.value {
        Value::Null => return Json::Null,
        Value::Bool(value) => return Json::Bool(value),
        Value::Text => None,
        Value::Int(value) => value.map(Number::from),
        Value::Float(value) => Number::from_f64(value),
    };
    match number {
        Some(number) if number.to_string() == scalar.text => Json::Number(number),
        _ => Json::String(scalar.text.clone()),
    }
}
