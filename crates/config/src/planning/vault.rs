//! HashiCorp Vault: where it is, and how to log in.
//!
//! It is planned between the variables that are elsewhere, which its settings may use, and those that are in it.

use std::collections::BTreeSet;

use spile_model::Secret;
use spile_plan::{VaultAuth, VaultPlan};

use super::Planner;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{Text, VaultAuthSpec, VaultSpec};

/// Where Vault mounts the engine by itself.
const APPROLE_MOUNT: &str = "approle";

impl Planner<'_, '_, '_> {
    /// The server that the file names, or the environment where it names none. `within` are the variables in it. `None`
    /// where something is wrong; that has then been reported.
    pub(super) fn vault(&mut self, spec: Option<&VaultSpec>, within: &BTreeSet<&str>) -> Option<VaultPlan> {
        let Some(spec) = spec else { return Some(VaultPlan::default()) };
        let address = spec.address.as_ref().map(|text| self.vault_text(&["vault", "address"], text, within));
        let namespace = spec.namespace.as_ref().map(|text| self.vault_text(&["vault", "namespace"], text, within));
        let auth = match &spec.auth {
            None => Some(VaultAuth::Environment),
            Some(VaultAuthSpec::Token(token)) => self
                .vault_text(&["vault", "auth", "token"], token, within)
                .map(|text| VaultAuth::Token(Secret::new(text))),
            Some(VaultAuthSpec::AppRole(role)) => {
                let at = |key: &'static str| ["vault", "auth", "approle", key];
                let role_id = self.vault_text(&at("role_id"), &role.role_id, within);
                let secret_id = role.secret_id.as_ref().map(|text| self.vault_text(&at("secret_id"), text, within));
                let mount = role.mount.as_deref().unwrap_or(APPROLE_MOUNT).trim_matches('/').to_owned();
                let secret_id = secret_id.map_or(Some(None), |text| text.map(Some));
                role_id.zip(secret_id).map(|(role_id, secret_id)| VaultAuth::AppRole {
                    mount,
                    role_id: Secret::new(role_id),
                    secret_id: secret_id.map(Secret::new),
                })
            }
        };
        let (address, namespace) =
            (address.map_or(Some(None), |text| text.map(Some)), namespace.map_or(Some(None), |text| text.map(Some)));
        Some(VaultPlan { address: address?, namespace: namespace?, auth: auth? })
    }

    fn vault_text(&mut self, path: &[&str], Text(text): &Text, within: &BTreeSet<&str>) -> Option<String> {
        let template = self.template(path, text, super::Names::Variables)?;
        if let Some(name) = template.names().iter().find(|name| within.contains(name.as_str())) {
            let message = format!("the variable `{name}` is in Vault, and Vault cannot be asked without it");
            let help = "let it have its value from another place";
            self.places.report_word(path, name, Diagnostic::error(Code::Conflict, message).with_help(help));
            return None;
        }
        Some(self.rendered(path, text)?.trim().to_owned())
    }
}
