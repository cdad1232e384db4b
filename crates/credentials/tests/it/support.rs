//! A user with a folder of their own and a project.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use spile_credentials::{AgeFile, Environment};
use spile_model::clock::FixedClock;
use spile_model::{Clock, Failure, Secret, SecretName};
use tempfile::TempDir;

pub(crate) struct User {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl User {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        fs::create_dir(folder.path().join("project")).unwrap();
        let home = folder.path().join("home").display().to_string();
        Self { folder, variables: BTreeMap::from([("HOME".to_owned(), home)]) }
    }

    /// With a further environment variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn environment(&self) -> Environment {
        let variables = self.variables.clone();
        Environment::new(move |name| variables.get(name).cloned())
    }

    pub(crate) fn project(&self, file: &str) -> PathBuf {
        self.folder.path().join("project").join(file)
    }

    /// In the user's own folder.
    pub(crate) fn home(&self, file: &str) -> PathBuf {
        self.folder.path().join("home").join(file)
    }

    /// Where the key is made.
    pub(crate) fn identity(&self) -> PathBuf {
        self.folder.path().join("home/.config/spile/identity.txt")
    }

    pub(crate) fn store(&self) -> AgeFile {
        self.store_in("spile.secrets.age")
    }

    pub(crate) fn store_in(&self, file: &str) -> AgeFile {
        AgeFile::new(self.project(file), &self.environment(), clock())
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(FixedClock("2026-01-02T03:04:05Z".parse().unwrap()))
}

pub(crate) fn name(text: &str) -> SecretName {
    SecretName::new(text).unwrap()
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text)
}

#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// All that a failure shows: message and causes.
pub(crate) fn shown(failure: &Failure) -> String {
    format!("{failure}\n{}", failure.causes().join("\n"))
}
