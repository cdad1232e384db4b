//! The values of variables: `--set` before the environment before the named file or store before the default.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;
use spile_model::Secret;
use spile_model::secret::REDACTED;
use spile_plan::Variable;

use super::Planner;
use super::credentials::Outside;
use crate::check::{did_you_mean, one_of_keys};
use crate::diagnostic::{Code, Diagnostic};
use crate::load::Settings;
use crate::spec::{DefaultSpec, Exact, Named, PipelineSpec, VariableForm, VariableSpec};

/// A variable as declared, whatever the form.
pub(super) struct Declared<'s> {
    pub(super) name: &'s str,
    pub(super) default: Option<Json>,
    pub(super) settings: Option<&'s VariableSpec>,
}

/// A value that comes from outside the file.
pub(super) struct Given {
    pub(super) text: String,
    /// Who gives it, in words that begin a sentence.
    pub(super) by: String,
}

/// What was wrong is told already.
pub(super) struct Reported;

impl Planner<'_, '_, '_> {
    pub(super) fn variables(&mut self, spec: &PipelineSpec, outside: &Outside<'_>) {
        let declared: Vec<_> =
            spec.variables.iter().flat_map(Named::iter).map(|(name, form)| declare(name, form)).collect();
        for variable in &declared {
            self.declared.insert(variable.name.to_owned());
        }
        self.check_set(&declared, outside.settings);
        let named: Vec<_> = declared.into_iter().filter(|variable| self.check_variable_name(variable.name)).collect();
        let (within, others): (Vec<_>, Vec<_>) = named.iter().partition(|variable| variable.is_in_vault());
        for variable in others {
            self.variable(variable, outside);
        }
        // What Vault's own settings use is known by now.
        let names: BTreeSet<&str> = within.iter().map(|variable| variable.name).collect();
        let vault = self.vault(spec.vault.as_ref(), &names).map(Arc::new);
        for variable in within {
            self.variable(variable, &Outside { vault: vault.as_ref(), ..*outside });
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

    fn variable(&mut self, declared: &Declared<'_>, outside: &Outside<'_>) {
        let name = declared.name;
        let Ok(given) = self.given(declared, outside) else { return };
        let default = declared.recorded(outside.settings).or(declared.default.as_ref());
        let value = match (given, default) {
            (Some(given), default) => match like_default(&given.text, default) {
                Ok(value) => value,
                Err(problem) => return self.misfit(name, &given.by, &problem),
            },
            (None, Some(default)) => default.clone(),
            (None, None) if declared.is_secret() && outside.settings.replayed.is_some() => {
                self.stand_ins.insert(name.to_owned());
                Json::from(REDACTED)
            }
            // A default that is written wrongly is one.
            (None, None) if self.places.is_wrong(&["variables", name]) => return,
            (None, None) => return self.missing(declared, outside),
        };
        let variable = if declared.is_secret() { self.secret(name, &value) } else { Some(Variable::Plain(value)) };
        if let Some(variable) = variable {
            self.variables.0.insert(name.to_owned(), variable);
        }
    }

    /// What is given from outside the file, if anything is.
    fn given(&mut self, declared: &Declared<'_>, outside: &Outside<'_>) -> Result<Option<Given>, Reported> {
        let (name, settings) = (declared.name, outside.settings);
        if let Some((_, value)) = settings.set.iter().rev().find(|(set, _)| set == name) {
            return Ok(Some(Given { text: value.clone(), by: format!("`--set {name}=…`") }));
        }
        if settings.replayed.is_some() && (declared.is_secret() || declared.recorded(settings).is_some()) {
            return Ok(None);
        }
        let source = self.credential_source(declared, outside)?;
        let env = declared.env().and_then(|env| Some((env, (settings.env)(env).filter(|value| !value.is_empty())?)));
        if let Some((env, text)) = env {
            return Ok(Some(Given { text, by: format!("the environment variable {env}") }));
        }
        source.map_or(Ok(None), |source| self.looked_up(name, &source, settings))
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

    fn missing(&mut self, declared: &Declared<'_>, outside: &Outside<'_>) {
        let name = declared.name;
        let by_env = |env: &str| format!("set the environment variable {env} (it is not set, or empty)");
        let help = match (self.how_to_provide(declared, outside), declared.env()) {
            (Some(provide), None) => provide,
            (Some(provide), Some(env)) => format!("{provide}, or {}", by_env(env)),
            (None, Some(env)) => format!("run with `--set {name}=…`, or {}, or give it a `default`", by_env(env)),
            (None, None) => {
                let env = name.to_uppercase();
                format!(
                    "run with `--set {name}=…`, or name an environment variable (`env: {env}`) and set it, or give it a \
                     `default`"
                )
            }
        };
        let description = declared.settings.and_then(|settings| settings.description.as_ref());
        let mut diagnostic =
            Diagnostic::error(Code::MissingVariable, format!("the variable `{name}` has no value")).with_help(help);
        if let Some(description) = description {
            diagnostic = diagnostic.with_label(description.0.clone());
        }
        self.missing.push((name.to_owned(), diagnostic));
    }

    /// A variable without a value is one too few, unless only what was not chosen reads it.
    pub(super) fn report_missing(&mut self) {
        for (name, diagnostic) in std::mem::take(&mut self.missing) {
            if self.used.contains(&name) || !self.idle.contains(&name) {
                self.places.report_key(&["variables", &name], diagnostic);
            }
        }
    }

    /// A given value that is not of the default's kind. The value itself may be a credential: it is not shown.
    fn misfit(&mut self, name: &str, given_by: &str, problem: &str) {
        let message = format!("{given_by} gives `{name}` a value that does not fit: {problem}");
        let label = "the default says what kind of value it is";
        let diagnostic = Diagnostic::error(Code::InvalidValue, message).with_label(label);
        self.report(&["variables", name, "default"], diagnostic);
    }
}

impl Declared<'_> {
    fn is_in_vault(&self) -> bool {
        self.settings.is_some_and(|settings| settings.vault.is_some())
    }

    fn env(&self) -> Option<&str> {
        self.settings?.env.as_deref()
    }

    /// What stands in a file or a store of its own is secret unless the pipeline says otherwise.
    fn is_secret(&self) -> bool {
        let Some(settings) = self.settings else { return false };
        settings.secret.unwrap_or(settings.file.is_some() || settings.store.is_some() || settings.vault.is_some())
    }

    /// Its value in the run that is replayed, if one is.
    fn recorded<'r>(&self, settings: &'r Settings<'_>) -> Option<&'r Json> {
        settings.replayed.as_ref().filter(|_| !self.is_secret())?.0.get(self.name)
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
