//! Where variables have their values that are kept outside the file and outside the environment.
//!
//! In: what a variable names (a file, a name in the pipeline's secret store, a secret in Vault). Out: its text, asked of who looks for
//! credentials ([`Settings::credentials`]), or problems with their places, which never hold a value.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use spile_model::SecretName;
use spile_plan::{CredentialSource, SecretStorePlan, VaultField, VaultPlan};

use super::variables::{Declared, Given, Reported};
use super::{Places, Planner};
use crate::diagnostic::{Code, Diagnostic};
use crate::load::Settings;
use crate::spec::VariableSpec;

/// What begins the name of an encrypted file.
const AGE: &str = "age:";
/// What begins the name of a project's part of the system keyring.
const KEYRING: &str = "keyring";

/// What would have been right where something else stands.
const STORES: &str = "`age:FILE`, a file that is encrypted with age, or `keyring:PROJECT`, the system keyring";
const PROJECT: &str = "`keyring:PROJECT`, where PROJECT tells this project's secrets from those of others: letters, digits, \
                       `_`, `-` and `.`, a letter, a digit or `_` first";

/// What surrounds the variables of a file.
pub(super) struct Outside<'o> {
    pub(super) settings: &'o Settings<'o>,
    /// Where relative paths begin.
    pub(super) folder: Option<&'o Path>,
    /// The pipeline's secret store, where the file names one rightly.
    pub(super) store: Option<&'o SecretStorePlan>,
    /// The server of the variables that are in Vault, once it is known.
    pub(super) vault: Option<&'o Arc<VaultPlan>>,
}

/// The secret store that `text` names, as `secrets` in a pipeline file does; a relative path begins at `folder`.
///
/// # Errors
/// What would have been right.
pub fn secret_store_named(text: &str, folder: Option<&Path>) -> Result<SecretStorePlan, &'static str> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix(KEYRING) {
        let project = rest.strip_prefix(':').map_or("", str::trim);
        // One rule for the names of secrets and of where they are.
        let named = SecretName::new(project).map_err(|_| PROJECT)?;
        return Ok(SecretStorePlan::Keyring { project: named.to_string() });
    }
    match text.strip_prefix(AGE).map(str::trim) {
        Some(file) if !file.is_empty() && !file.contains('\0') => Ok(SecretStorePlan::AgeFile(below(folder, file))),
        _ => Err(STORES),
    }
}

/// The pipeline's secret store: the one that `secrets` names, or a file beside the pipeline's. `None` where the name is
/// wrong; that has then been reported.
pub(crate) fn planned_store(
    secrets: Option<&str>,
    folder: Option<&Path>,
    places: &mut Places<'_, '_>,
) -> Option<SecretStorePlan> {
    let Some(text) = secrets else {
        return Some(SecretStorePlan::AgeFile(below(folder, SecretStorePlan::DEFAULT_FILE)));
    };
    if text.contains("{{") {
        let message = "no variables are used here: their values may be what the store holds";
        let help = "write the name of the store itself";
        places.report(&["secrets"], Diagnostic::error(Code::Template, message).with_help(help));
        return None;
    }
    match secret_store_named(text, folder) {
        Ok(store) => Some(store),
        Err(expected) => {
            let message = "`secrets` does not name a secret store";
            places.report(&["secrets"], Diagnostic::error(Code::InvalidValue, message).with_expected(expected));
            None
        }
    }
}

impl Planner<'_, '_, '_> {
    /// Where a variable's value is kept, if it names a place.
    pub(super) fn credential_source(
        &mut self,
        declared: &Declared<'_>,
        outside: &Outside<'_>,
    ) -> Result<Option<CredentialSource>, Reported> {
        let Some(settings) = declared.settings else { return Ok(None) };
        if let [first, second, ..] = places(settings).as_slice() {
            let message = format!("the variable `{}` has both `{first}` and `{second}`", declared.name);
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("keep the one that holds the value");
            self.report(&["variables", declared.name, second], diagnostic);
            return Err(Reported);
        }
        if let Some(file) = &settings.file {
            return Ok(Some(CredentialSource::File(below(outside.folder, file.trim()))));
        }
        if let Some(field) = &settings.vault {
            let path = field.path.trim().trim_matches('/').to_owned();
            let field = VaultField { path, field: field.field.clone(), version: field.version };
            let server = outside.vault.cloned().ok_or(Reported)?;
            return Ok(Some(CredentialSource::Vault { server, field }));
        }
        let Some(name) = &settings.store else { return Ok(None) };
        let name = SecretName::new(name).map_err(|failure| {
            let diagnostic = Diagnostic::error(Code::InvalidValue, failure.message);
            self.report(&["variables", declared.name, "store"], diagnostic);
            Reported
        })?;
        let store = outside.store.cloned().ok_or(Reported)?;
        Ok(Some(CredentialSource::Store { store, name }))
    }

    /// The value in the named place, if there is one.
    pub(super) fn looked_up(
        &mut self,
        name: &str,
        source: &CredentialSource,
        settings: &Settings<'_>,
    ) -> Result<Option<Given>, Reported> {
        let path = ["variables", name, key(source)];
        let found = (settings.credentials)(source).map_err(|failure| {
            let message = [format!("the variable `{name}` has no value: {failure}")];
            let message: Vec<_> = message.into_iter().chain(failure.causes()).collect();
            let diagnostic = Diagnostic::error(Code::Credential, message.join(": "));
            self.report(&path, diagnostic.with_help(failure.kind.remedy()));
            Reported
        })?;
        if let Some(warning) = found.warning {
            self.report(&path, Diagnostic::warning(Code::Exposed, warning.message).with_help(warning.remedy));
        }
        let given = |text: &str| Given { text: text.to_owned(), by: source.describe() };
        Ok(found.secret.map(|secret| given(secret.expose())))
    }

    /// How the value comes to where the variable has it, for a message that it is not there.
    pub(super) fn how_to_provide(&mut self, declared: &Declared<'_>, outside: &Outside<'_>) -> Option<String> {
        let source = self.credential_source(declared, outside).ok()??;
        Some(match &source {
            CredentialSource::File(_) => format!("put it into {} (it is not there, or empty)", source.describe()),
            CredentialSource::Vault { field, .. } => {
                format!("put a secret with the field `{}` at {} into Vault (there is none)", field.field, field.path)
            }
            CredentialSource::Store { store, name } => {
                let file = self.places.source.name();
                format!("store it by `spile secret set {name} {file}` (it is not in {})", store.describe())
            }
        })
    }
}

/// The keys that are there and name a place.
fn places(settings: &VariableSpec) -> Vec<&'static str> {
    let all =
        [("file", settings.file.is_some()), ("store", settings.store.is_some()), ("vault", settings.vault.is_some())];
    all.into_iter().filter_map(|(key, is_there)| is_there.then_some(key)).collect()
}

/// The key that names the place.
fn key(source: &CredentialSource) -> &'static str {
    match source {
        CredentialSource::File(_) => "file",
        CredentialSource::Store { .. } => "store",
        CredentialSource::Vault { .. } => "vault",
    }
}

pub(super) fn below(folder: Option<&Path>, file: &str) -> PathBuf {
    folder.map_or_else(|| PathBuf::from(file), |folder| folder.join(file))
}
