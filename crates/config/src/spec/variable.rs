//! Variables: what changes from one run, person or machine to another.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Exact, Text};

/// A variable: its default value, or a map of its settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-spile-words" = "a value, a list of values, or a map with `default`, `env`, `secret` or `description`"))]
pub(crate) enum VariableForm {
    Value(Exact),
    List(Vec<Exact>),
    Settings(VariableSpec),
}

/// The settings of a variable. One without a default must be given, by `--set` or its environment variable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariableSpec {
    /// The value when nothing else gives one.
    pub(crate) default: Option<DefaultSpec>,

    /// The environment variable that may give the value. One that is set but empty does not count.
    #[schemars(length(min = 1))]
    pub(crate) env: Option<String>,

    /// Whether the value is a credential: it is then never shown, logged or stored.
    pub(crate) secret: Option<bool>,

    /// What the variable is for; shown when its value is missing.
    pub(crate) description: Option<Text>,
}

/// A value, or a list of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum DefaultSpec {
    Value(Exact),
    List(Vec<Exact>),
}
