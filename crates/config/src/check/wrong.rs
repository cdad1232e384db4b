//! Where the form of a document is wrong: paths of keys in, and whether a later complaint may only follow from one out.
//!
//! A setting that is wrong in form is left out of what is planned. A complaint that rests on its absence (`merge`
//! without a key, where the key is misspelt) would be news of the same slip, so it is not told; every other one is.

use std::collections::BTreeSet;

use crate::tree::Step;

/// The settings whose form is wrong.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    paths: Vec<Vec<String>>,
    /// Keys that stand where they do not belong, and so perhaps lack elsewhere.
    misplaced: BTreeSet<String>,
}

impl Wrong {
    pub(super) fn add(&mut self, path: impl IntoIterator<Item = Step>) {
        let names = path.into_iter().map(|step| match step {
            Step::Key(key) => key,
            Step::Index(index) => index.to_string(),
        });
        self.paths.push(names.collect());
    }

    pub(super) fn misplace(&mut self, key: &str) {
        self.misplaced.insert(key.to_owned());
    }

    /// Whether the setting at `path`, something inside it or something around it is wrong. A stream that has no setting of
    /// its own there (`has_own`) may have it from `defaults`.
    pub(crate) fn touches(&self, path: &[&str], has_own: bool) -> bool {
        if self.hits(path) {
            return true;
        }
        match path {
            ["streams", _, setting, ..] => {
                let shared = [&["defaults"], &path[2..]].concat();
                !has_own && (self.misplaced.contains(*setting) || self.hits(&shared))
            }
            _ => path.last().is_some_and(|key| self.misplaced.contains(*key)),
        }
    }

    fn hits(&self, path: &[&str]) -> bool {
        self.paths.iter().any(|wrong| wrong.iter().zip(path).all(|(wrong, asked)| wrong == asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_at(path: &[&str]) -> Wrong {
        let mut wrong = Wrong::default();
        wrong.add(path.iter().map(|key| Step::Key((*key).to_owned())));
        wrong
    }

    #[test]
    fn what_is_inside_or_around_a_wrong_setting_is_touched_and_its_neighbours_are_not() {
        let wrong = wrong_at(&["streams", "a", "cursor"]);
        assert!(
            wrong.touches(&["streams", "a", "cursor", "lookback"], false) && wrong.touches(&["streams", "a"], false)
        );
        assert!(
            !wrong.touches(&["streams", "a", "write"], false) && !wrong.touches(&["streams", "b", "cursor"], false)
        );
        let wrong = wrong_at(&["defaults", "primary_key"]);
        assert!(
            wrong.touches(&["streams", "b", "primary_key"], false) && !wrong.touches(&["streams", "b", "table"], false)
        );
        assert!(!wrong.touches(&["streams", "b", "primary_key"], true), "the stream's own takes its place");
    }

    #[test]
    fn a_key_in_the_wrong_place_may_lack_in_every_right_one() {
        let mut wrong = wrong_at(&["source", "primary_key"]);
        wrong.misplace("primary_key");
        assert!(
            wrong.touches(&["streams", "a", "primary_key"], false) && !wrong.touches(&["streams", "a", "write"], false)
        );
    }
}
