//! Variables: what changes from one run, person or machine to another.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Exact, Text, VaultFieldSpec};

/// A variable: its default value, or a map of its settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-spile-words" = "a value, a list of values, or a map with `default`, `env`, `file`, `store`, `vault`, `secret` or `description`"))]
pub(crate) enum VariableForm {
    Value(Exact),
    List(Vec<Exact>),
    Settings(VariableSpec),
}

/// The settings of a variable. One without a default must be given: by `--set`, by its environment variable, or by the
/// file, store or Vault that it names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariableSpec {
    /// The value when nothing else gives one.
    pub(crate) default: Option<DefaultSpec>,

    /// The environment variable that may give the value. One that is set but empty does not count.
    #[schemars(length(min = 1))]
    pub(crate) env: Option<String>,

    /// A text file that holds the value and nothing else. Line breaks at its end are not a part of the value. A relative
    /// path begins at the pipeline file's folder. One that is not there or empty does not count; one that others than its
    /// owner can read is warned about.
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,

    /// The name under which `spile secret set` has stored the value in the pipeline's secret store (`secrets`).
    #[schemars(length(min = 1))]
    pub(crate) store: Option<String>,

    /// The secret in HashiCorp Vault, and which of its fields holds the value.
    pub(crate) vault: Option<VaultFieldSpec>,

    /// Whether the value is a credential: it is then never shown, logged or stored. Default: true where `file`, `store` or
    /// `vault` says where the value is, otherwise false.
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
