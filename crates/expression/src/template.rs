//! `{{ }}` templates: Jinja, sandboxed, compiled once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value};

use crate::Scope;
use crate::filters;

/// So many instructions may one rendering take. A template of a request needs dozens; this only stops loops.
const FUEL: u64 = 100_000;

/// So many bytes may stand between `{{` and `}}`. The parser works by recursion, and must not run out of stack.
const MAX_CODE: usize = 2_000;

/// Marks the error by which a rendering says that a value is absent.
const ABSENT: &str = "the value is absent";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// A compiled template.
///
/// A value that is absent (`none` or undefined) makes the whole rendering absent, never the text "none": that is how
/// `since: "{{ cursor }}"` is left out of a request while there is no cursor yet.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    names: Arc<BTreeSet<String>>,
    form: Form,
}

#[derive(Clone)]
enum Form {
    /// No template syntax at all.
    Literal,
    /// One `{{ expression }}` and nothing else: keeps the value's type.
    Expression(Arc<Expression<'static, 'static>>),
    /// Text with expressions inside.
    Text(Arc<Environment<'static>>),
}

/// Why a template does not compile or render.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong, in one line.
    pub message: String,
}

impl Template {
    /// Compiles `source`.
    ///
    /// # Errors
    /// What is wrong with the syntax.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        if longest_code(source) > MAX_CODE {
            let message = format!("the template has more than {MAX_CODE} characters of code in one place");
            return Err(TemplateError { message });
        }
        let (form, names) = if !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark)) {
            (Form::Literal, BTreeSet::new())
        } else if let Some(expression) = single_expression(source) {
            let names = expression.undeclared_variables(false).into_iter().collect();
            (Form::Expression(Arc::new(expression)), names)
        } else {
            let mut environment = ENVIRONMENT.clone();
            environment.add_template_owned("template", source.to_owned()).map_err(|error| explain(&error))?;
            let names = environment.get_template("template").map_err(|error| explain(&error))?;
            let names = names.undeclared_variables(false).into_iter().collect();
            (Form::Text(Arc::new(environment)), names)
        };
        let template = Self { source: source.into(), names: Arc::new(names), form };
        template.uses_what_exists()?;
        Ok(template)
    }

    /// Filters and tests are looked up while rendering: so it is rendered, once with nothing in its scope and once with
    /// a text for each name, which takes both ways of a condition. Any other error may be due to these values.
    fn uses_what_exists(&self) -> Result<(), TemplateError> {
        let sample = self.names.iter().fold(Scope::default(), |scope, name| scope.with(name, "2025-01-02T03:04:05Z"));
        for scope in [Scope::default(), sample] {
            match self.evaluate(&scope) {
                Err(error) if matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest) => {
                    return Err(explain(&error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names that it reads from its scope.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Whether it is plain text, the same in every scope.
    pub fn is_literal(&self) -> bool {
        matches!(self.form, Form::Literal)
    }

    /// Renders to text; `None` where a value in it is absent.
    ///
    /// # Errors
    /// What could not be computed.
    pub fn render(&self, scope: &Scope) -> Result<Option<String>, TemplateError> {
        self.evaluate(scope).or_else(|error| if is_absent(&error) { Ok(None) } else { Err(explain(&error)) })
    }

    fn evaluate(&self, scope: &Scope) -> Result<Option<String>, Error> {
        match &self.form {
            Form::Literal => Ok(Some(self.source.to_string())),
            Form::Expression(expression) => expression.eval(scope.to_value()).map(|value| to_text(&value)),
            Form::Text(environment) => {
                environment.get_template("template").and_then(|template| template.render(scope.to_value())).map(Some)
            }
        }
    }

    /// Renders to a JSON value: a single `{{ expression }}` keeps its type, other templates give a string; `None`
    /// where a value is absent.
    ///
    /// # Errors
    /// What could not be computed.
    pub fn render_json(&self, scope: &Scope) -> Result<Option<serde_json::Value>, TemplateError> {
        let Form::Expression(expression) = &self.form else {
            return Ok(self.render(scope)?.map(serde_json::Value::String));
        };
        let value = expression.eval(scope.to_value()).map_err(|error| explain(&error))?;
        if value.is_none() || value.is_undefined() {
            return Ok(None);
        }
        serde_json::to_value(value).map(Some).map_err(|error| TemplateError { message: error.to_string() })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(|output, state, value| {
        if value.is_none() || value.is_undefined() {
            return Err(Error::new(ErrorKind::UndefinedError, ABSENT));
        }
        minijinja::escape_formatter(output, state, value)
    });
    filters::install(&mut environment);
    environment
}

/// The length of the longest stretch of code: from `{{` or `{%` to its end, which is not inside quotes.
fn longest_code(source: &str) -> usize {
    let mut longest = 0;
    let mut rest = source;
    while let Some(start) = rest.as_bytes().windows(2).position(|pair| pair == b"{{" || pair == b"{%") {
        let code = &rest[start + 2..];
        let length = code_length(code);
        longest = longest.max(length);
        rest = &code[length..];
    }
    longest
}

fn code_length(code: &str) -> usize {
    let mut quote = None;
    let mut previous = '\0';
    for (at, c) in code.char_indices() {
        match (quote, c) {
            (Some(_), _) if previous == '\\' => {
                previous = '\0';
                continue;
            }
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '}') if matches!(previous, '}' | '%') => return at - 1,
            _ => {}
        }
        previous = c;
    }
    code.len()
}

fn single_expression(source: &str) -> Option<Expression<'static, 'static>> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    ENVIRONMENT.compile_expression_owned(inner.to_owned()).ok()
}

fn to_text(value: &Value) -> Option<String> {
    (!value.is_none() && !value.is_undefined()).then(|| value.to_string())
}

fn is_absent(error: &Error) -> bool {
    error.detail() == Some(ABSENT)
}

fn explain(error: &Error) -> TemplateError {
    let kind = match error.kind() {
        ErrorKind::SyntaxError => "not a valid template".to_owned(),
        ErrorKind::OutOfFuel => "the template runs for too long".to_owned(),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest => "the template uses what does not exist".to_owned(),
        other => other.to_string(),
    };
    let message = error.detail().map_or(kind.clone(), |detail| format!("{kind}: {detail}"));
    TemplateError { message }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn render(source: &str, scope: &Scope) -> Option<String> {
        Template::compile(source).unwrap().render(scope).unwrap()
    }

    #[test]
    fn text_without_braces_is_literal() {
        let template = Template::compile("/repos/{id}").unwrap();
        assert!(template.is_literal());
        assert_eq!(template.render(&Scope::default()).unwrap().unwrap(), "/repos/{id}");
    }

    #[test]
    fn an_absent_value_makes_the_rendering_absent() {
        let scope = Scope::default().with("cursor", None::<String>).with("page", 3);
        assert_eq!(render("{{ cursor }}", &scope), None);
        assert_eq!(render("updated>{{ cursor }}", &scope), None);
        assert_eq!(render("p={{ page }}", &scope).unwrap(), "p=3");
        assert_eq!(render("{{ cursor or 'start' }}", &scope).unwrap(), "start");
    }

    #[test]
    fn two_expressions_side_by_side_are_text() {
        let scope = Scope::default().with("a", "x").with("b", "y");
        assert_eq!(render("{{ a }}-{{ b }}", &scope).unwrap(), "x-y");
        assert_eq!(render("{{ a }}{{ b }}", &scope).unwrap(), "xy");
    }

    #[test]
    fn a_single_expression_keeps_its_type_in_json() {
        let scope = Scope::default().with("page", 3).with("tags", ["a", "b"]);
        let json = |source| Template::compile(source).unwrap().render_json(&scope).unwrap().unwrap();
        assert_eq!(json("{{ page }}"), serde_json::json!(3));
        assert_eq!(json("{{ tags }}"), serde_json::json!(["a", "b"]));
        assert_eq!(json("p{{ page }}"), serde_json::json!("p3"));
    }

    #[test]
    fn names_are_known_before_rendering() {
        let template = Template::compile("{{ repo.owner }}/{{ token | upper }}").unwrap();
        assert_eq!(template.names().iter().map(String::as_str).collect::<Vec<_>>(), ["repo", "token"]);
    }

    #[test]
    fn dates_are_formatted() {
        let scope = Scope::default().with("cursor", "2025-01-02T03:04:05Z");
        assert_eq!(render("{{ cursor | format_date('%d.%m.%Y') }}", &scope).unwrap(), "02.01.2025");
        assert_eq!(render("{{ cursor | epoch }}", &scope).unwrap(), "1735787045");
        let broken = Scope::default().with("cursor", "soon");
        let error = Template::compile("{{ cursor | epoch }}").unwrap().render(&broken).unwrap_err();
        assert!(error.message.contains("`soon` is not a date"), "{error}");
    }

    #[test]
    fn code_without_end_is_refused_before_it_is_parsed() {
        for (open, close) in [("-", ""), ("not ", ""), ("a.", "b"), ("1|abs+", ""), ("'}}' ~ ", ""), ("(", ")")] {
            let endless = format!("{{{{ {}1{} }}}}", open.repeat(20_000), close.repeat(20_000));
            assert!(Template::compile(&endless).is_err(), "{open}");
            let long = format!("{{{{ {}1 }}}}", open.repeat(MAX_CODE / open.len() - 2));
            let _ = Template::compile(&long);
        }
        let text = format!("{{{{ a }}}} {} {{{{ b }}}}", "text ".repeat(MAX_CODE));
        assert!(Template::compile(&text).is_ok(), "only code counts");
    }

    #[test]
    fn a_filter_or_test_that_does_not_exist_is_found_before_there_are_values() {
        for source in [
            "{{ cursor | uper }}",
            "since {{ cursor | uper }}",
            "{{ 'x' if cursor is noon else 'y' }}",
            "{% if cursor %}{{ cursor | uper }}{% endif %}",
            "{% if cursor %}{% else %}{{ cursor | uper }}{% endif %}",
        ] {
            let error = Template::compile(source).unwrap_err();
            assert!(error.message.contains("is unknown"), "{source}: {error}");
        }
        for source in ["{{ cursor | epoch }}", "{{ cursor[3:] | int }}", "{{ n // m }}", "{{ cursor.split('-')[7] }}"] {
            assert!(Template::compile(source).is_ok(), "{source} may fit the values to come");
        }
    }

    #[test]
    fn broken_syntax_and_endless_loops_are_errors() {
        assert!(Template::compile("{{ a").unwrap_err().message.contains("not a valid template"));
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let error = Template::compile(endless).unwrap().render(&Scope::default()).unwrap_err();
        assert!(error.message.contains("too long"), "{error}");
    }
}
