//! What the user's environment says, injected so that tests and servers decide what a pipeline may see.

use std::path::PathBuf;
use std::sync::Arc;

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment variables of a process, and its user's folder.
#[derive(Clone)]
pub struct Environment {
    variable: Arc<LookUp>,
    home: Option<PathBuf>,
}

impl Environment {
    /// This process's. Where HOME is not set (some services), the user's folder is what the system says.
    pub fn of_process() -> Self {
        Self { variable: Arc::new(|name| std::env::var(name).ok()), home: std::env::home_dir() }
    }

    /// Variables as `variable` says, HOME among them.
    pub fn new(variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let home = variable("HOME").map(PathBuf::from);
        Self { variable: Arc::new(variable), home }
    }

    /// The variable of that name; one that is set but empty does not count.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The user's own folder.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.home.clone().filter(|home| home.is_absolute())
    }

    /// Where the user's settings of Spile lie: `$XDG_CONFIG_HOME/spile`, or `~/.config/spile`.
    pub(crate) fn config_folder(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME", ".config")
    }

    /// Where Spile leaves what is neither a setting nor wanted elsewhere: `$XDG_STATE_HOME/spile`, or
    /// `~/.local/state/spile`.
    pub(crate) fn state_folder(&self) -> Option<PathBuf> {
        self.folder("XDG_STATE_HOME", ".local/state")
    }

    fn folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        // A relative path is to be ignored (XDG Base Directory Specification).
        let named = self.get(variable).map(PathBuf::from).filter(|folder| folder.is_absolute());
        Some(named.or_else(|| Some(self.home()?.join(below_home)))?.join("spile"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &'static [(&str, &str)]) -> Environment {
        Environment::new(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn settings_lie_where_the_desktop_says_and_otherwise_below_the_users_folder() {
        let named = environment(&[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "/cfg")]);
        assert_eq!(named.config_folder(), Some("/cfg/spile".into()));
        for variables in [&[("HOME", "/home/ada")][..], &[("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "cfg")]] {
            assert_eq!(environment(variables).config_folder(), Some("/home/ada/.config/spile".into()));
        }
        assert_eq!(environment(&[]).config_folder(), None);
    }
}
