//! The values of variables: `--set` before the environment before the default.

use serde_json::Value as Json;
use spile_model::Secret;
use spile_plan::Variable;

use super::Planner;
use crate::check::{did_you_mean, one_of_keys};
use crate::diagnostic::{Code, Diagnostic};
use crate::load::Settings;
use crate::spec::{DefaultSpec, Exact, Named, PipelineSpec, VariableForm, VariableSpec};

/// A variable as declared, whatever the form.
struct Declared<'s> {
    name: &'s str,
    default: Option<Json>,
    settings: Option<&'s VariableSpec>,
}

impl Planner<'_, '_, '_> {
    pub(super) fn variables(&mut self, spec: &PipelineSpec, settings: &Settings<'_>) {
        let declared: Vec<_> =
            spec.variables.iter().flat_map(Named::iter).map(|(name, form)| declare(name, form)).collect();
        for variable in &declared {
            self.declared.insert(variable.name.to_owned());
        }
        self.check_set(&declared, settings);
        for variable in &declared {
            if self.check_variable_name(variable.name) {
                self.variable(variable, settings);
            }
        }
    }

    /// `--set` of a name that the file does not declare is a slip, and would otherwise do nothing.
    fn check_set(&mut self, declared: &[Declared<'_>], settings: &Settings<'_>) {
        let names: Vec<&str> = declared.iter().map(|variable| variable.name).collect();
        for (name, _) in &settings.set {
            if names.contains(&name.as_str()) || self.places.declares(name) {
                continue;
            }
            let message = format!("`--set {name}=…`: the pipeline has no variable `{name}`");
            let diagnostic = Diagnostic::error(Code::UnknownName, message).with_path(format!("--set {name}"));
            self.places.report_outside(match did_you_mean(name, names.iter().copied()) {
                Some(hint) => diagnostic.with_help(hint),
                None if names.is_empty() => diagnostic.with_help("declare it below `variables:`"),
                None => diagnostic.with_expected(one_of_keys(names.iter().copied())),
            });
        }
    }

    fn variable(&mut self, declared: &Declared<'_>, settings: &Settings<'_>) {
        let name = declared.name;
        let env = declared.settings.and_then(|settings| settings.env.as_deref());
        let given = settings.set.iter().rev().find(|(set, _)| set == name).map(|(_, value)| (value.clone(), "--set"));
        let given = given.or_else(|| Some(((settings.env)(env?).filter(|value| !value.is_empty())?, "environment")));
        let value = match (given, &declared.default) {
            (Some((text, from)), default) => match like_default(&text, default.as_ref()) {
                Ok(value) => value,
                Err(problem) => return self.misfit(name, from, env, &problem),
            },
            (None, Some(default)) => default.clone(),
            // A default that is written wrongly is one.
            (None, None) if self.places.is_wrong(&["variables", name]) => return,
            (None, None) => return self.missing(declared, env),
        };
        let secret = declared.settings.and_then(|settings| settings.secret).unwrap_or(false);
        let variable = if secret { self.secret(name, &value) } else { Some(Variable::Plain(value)) };
        if let Some(variable) = variable {
            self.variables.0.insert(name.to_owned(), variable);
        }
    }

    fn secret(&mut self, name: &str, value: &Json) -> Option<Variable> {
        match value {
            Json::String(text) => Some(Variable::Secret(Secret::new(text.as_str()))),
            Json::Number(_) | Json::Bool(_) => Some(Variable::Secret(Secret::new(value.to_string()))),
            _ => {
                let message = format!("the secret variable `{name}` cannot be a list");
                let help = "declare a secret variable for each of its values";
                let path = ["variables", name, "default"];
                self.report(&path, Diagnostic::error(Code::Conflict, message).with_help(help));
                None
            }
        }
    }

    fn missing(&mut self, declared: &Declared<'_>, env: Option<&str>) {
        let name = declared.name;
        let by_env = match env {
            Some(env) => format!("set the environment variable {env} (it is not set, or empty)"),
            None => format!("name an environment variable (`env: {}`) and set it", name.to_uppercase()),
        };
        let description = declared.settings.and_then(|settings| settings.description.as_ref());
        let mut diagnostic = Diagnostic::error(Code::MissingVariable, format!("the variable `{name}` has no value"))
            .with_help(format!("run with `--set {name}=…`, or {by_env}, or give it a `default`"));
        if let Some(description) = description {
            diagnostic = diagnostic.with_label(description.0.clone());
        }
        self.places.report_key(&["variables", name], diagnostic);
    }

    /// A given value that is not of the default's kind. The value itself may be a credential: it is not shown.
    fn misfit(&mut self, name: &str, from: &str, env: Option<&str>, problem: &str) {
        let given_by = match env.filter(|_| from == "environment") {
            Some(env) => format!("the environment variable {env}"),
            None => format!("`--set {name}=…`"),
        };
        let message = format!("{given_by} gives `{name}` a value that does not fit: {problem}");
        let label = "the default says what kind of value it is";
        let diagnostic = Diagnostic::error(Code::InvalidValue, message).with_label(label);
        self.report(&["variables", name, "default"], diagnostic);
    }
}

fn declare<'s>(name: &'s str, form: &'s VariableForm) -> Declared<'s> {
    let list = |items: &[Exact]| Json::Array(items.iter().map(|Exact(item)| item.clone()).collect());
    let (default, settings) = match form {
        VariableForm::Value(Exact(value)) => (Some(value.clone()), None),
        VariableForm::List(items) => (Some(list(items)), None),
        VariableForm::Settings(settings) => {
            let default = settings.default.as_ref().map(|default| match default {
                DefaultSpec::Value(Exact(value)) => value.clone(),
                DefaultSpec::List(items) => list(items),
            });
            (default, Some(settings))
        }
    };
    Declared { name, default, settings }
}

/// The command line and the environment only have text; the default says what it stands for.
fn like_default(text: &str, default: Option<&Json>) -> Result<Json, String> {
    match default {
        Some(Json::Bool(_)) => match text.trim() {
            "true" => Ok(Json::Bool(true)),
            "false" => Ok(Json::Bool(false)),
            _ => Err("write `true` or `false`".to_owned()),
        },
        Some(Json::Number(_)) => match serde_json::from_str::<Json>(text.trim()) {
            Ok(number @ Json::Number(_)) => Ok(number),
            _ => Err("write a number".to_owned()),
        },
        Some(Json::Array(_)) if text.trim_start().starts_with('[') => match serde_json::from_str::<Json>(text) {
            Ok(list @ Json::Array(_)) => Ok(list),
            _ => Err("write a JSON list (`[\"a\", \"b\"]`), or values with commas between them (`a,b`)".to_owned()),
        },
        Some(Json::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(items.map(|item| Json::String(item.to_owned())).collect())
        }
        _ => Ok(Json::String(text.to_owned())),
    }
}
