//! HashiCorp Vault: where it is, how to log in, and which of its secrets is meant.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;

/// HashiCorp Vault, or OpenBao. Everything that is not said here is taken from the environment variables that Vault's own
/// program knows: `VAULT_ADDR`, `VAULT_NAMESPACE`, `VAULT_TOKEN`, `VAULT_CACERT`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VaultSpec {
    /// Where it is: `https://vault.example.com:8200`. Default: the environment variable `VAULT_ADDR`.
    pub(crate) address: Option<Text>,

    /// The namespace. Default: the environment variable `VAULT_NAMESPACE`, if it is set.
    pub(crate) namespace: Option<Text>,

    /// How to log in. Default: with the token in the environment variable `VAULT_TOKEN`, or with the one that `vault login`
    /// has left in `~/.vault-token`.
    pub(crate) auth: Option<VaultAuthSpec>,
}

/// How to log in to Vault.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VaultAuthSpec {
    /// With a token: `token: "{{ vault_token }}"`. The variable has its value from another place than Vault.
    Token(Text),
    /// As an AppRole.
    #[serde(rename = "approle")]
    AppRole(AppRoleSpec),
}

/// An AppRole of Vault.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppRoleSpec {
    /// The role's id.
    pub(crate) role_id: Text,

    /// The secret id, mostly a template: `"{{ secret_id }}"`. Not needed where the role is bound otherwise.
    pub(crate) secret_id: Option<Text>,

    /// Where the engine is mounted. Default: `approle`.
    #[schemars(length(min = 1))]
    pub(crate) mount: Option<String>,
}

/// A field of a secret in Vault's KV engine, version 1 or 2.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VaultFieldSpec {
    /// The secret's path as Vault's HTTP API has it, without `v1/`: `secret/data/github` in an engine of version 2,
    /// `secret/github` in one of version 1.
    #[schemars(length(min = 1))]
    pub(crate) path: String,

    /// The field. A value that is no text is taken as its JSON text.
    #[schemars(length(min = 1))]
    pub(crate) field: String,

    /// Which version of the secret, in an engine of version 2. Default: the newest.
    #[schemars(range(min = 1))]
    pub(crate) version: Option<u64>,
}
