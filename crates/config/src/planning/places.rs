//! From a path of keys to a place in the file.
//!
//! A setting may come from the stream itself or from `defaults`; a short form has no place for its
//! parts. In each case the caret goes to the nearest thing that the file does have.

use crate::check::Wrong;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Source, Span};
use crate::tree::{Located, Step, Tree, show_path};

/// Where problems of the plan are reported.
pub(crate) struct Places<'a, 'd> {
    pub(crate) tree: &'a Tree,
    pub(crate) source: &'a Source,
    pub(crate) diagnostics: &'d mut Diagnostics,
    /// Where the form is wrong: what depends on a setting there may only follow from that.
    pub(crate) wrong: Wrong,
    /// The one of the kinds of `auth.choose` that is being planned.
    pub(crate) among: Option<String>,
}

impl Places<'_, '_> {
    /// Reports a problem with the value at a path.
    pub(crate) fn report(&mut self, path: &[&str], diagnostic: Diagnostic) {
        let span = self.locate(path).span();
        self.push(path, diagnostic.with_span(span));
    }

    /// Reports a problem that also rests on what `others` say or do not say.
    pub(crate) fn report_with(&mut self, path: &[&str], others: &[&[&str]], diagnostic: Diagnostic) {
        if !others.iter().any(|other| self.is_wrong(other)) {
            self.report(path, diagnostic);
        }
    }

    /// Reports a problem with the key at the end of a path.
    pub(crate) fn report_key(&mut self, path: &[&str], diagnostic: Diagnostic) {
        let located = self.locate(path);
        let span = match located.key.filter(|_| located.whole && path.len() > 1) {
            Some(key) => key,
            None => located.span(),
        };
        self.push(path, diagnostic.with_span(span));
    }

    /// Reports a problem with a part of the text at a path: the first `word` in it that stands alone.
    pub(crate) fn report_word(&mut self, path: &[&str], word: &str, diagnostic: Diagnostic) {
        let span = self.word(path, word).unwrap_or_else(|| self.locate(path).span());
        self.push(path, diagnostic.with_span(span));
    }

    /// Reports a problem that has no place in the file.
    pub(crate) fn report_outside(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether the form of the setting at a path is wrong, so that it may lack in what is planned.
    pub(crate) fn is_wrong(&self, path: &[&str]) -> bool {
        let path = &self.actual(path)[..];
        let has_own = path.len() >= 3 && self.tree.locate(&steps(&path[..3])).whole;
        self.wrong.touches(path, has_own)
    }

    /// Whether the file has a key `variables.name`, even one that is written wrongly.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.locate(&["variables", name]).whole
    }

    fn push(&mut self, path: &[&str], diagnostic: Diagnostic) {
        if !stands_alone(diagnostic.code) && self.is_wrong(path) {
            return;
        }
        let path = show_path(&steps(&self.actual(path)));
        self.diagnostics.push(diagnostic.with_path(path));
    }

    /// Where the file has what is planned as `path`: the settings of `auth` may stand in a kind that is chosen from.
    pub(crate) fn actual<'k>(&'k self, path: &[&'k str]) -> Vec<&'k str> {
        match (path, &self.among) {
            (["source", "auth", rest @ ..], Some(name)) => [&["source", "auth", "choose", "from", name], rest].concat(),
            _ => path.to_vec(),
        }
    }

    fn locate(&self, path: &[&str]) -> Located<'_> {
        let path = &self.actual(path)[..];
        let own = self.tree.locate(&steps(path));
        // A setting that the stream does not have itself comes from the defaults.
        if let ["streams", _, setting, rest @ ..] = path {
            let has_own = self.tree.locate(&steps(&path[..3])).whole;
            let shared: Vec<&str> = ["defaults", setting].into_iter().chain(rest.iter().copied()).collect();
            if !has_own && self.tree.locate(&steps(&shared[..2])).whole {
                return self.tree.locate(&steps(&shared));
            }
        }
        own
    }

    fn word(&self, path: &[&str], word: &str) -> Option<Span> {
        let located = self.locate(path);
        let scalar = located.node.scalar().filter(|_| located.whole)?;
        let start = scalar.verbatim?;
        let text = self.source.text().get(start..start + scalar.text.len())?;
        let joins = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        text.match_indices(word)
            .find(|(at, _)| {
                let before = text[..*at].chars().next_back().is_none_or(|c| !joins(c));
                let after = text[at + word.len()..].chars().next().is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
                before && after && text[..*at].contains('{')
            })
            .map(|(at, _)| Span::new(start + at, start + at + word.len()))
    }
}

/// Whether a problem is one whatever else is wrong with the file.
fn stands_alone(code: Code) -> bool {
    matches!(code, Code::Template | Code::UnknownName | Code::MissingVariable | Code::InvalidValue)
}

/// Path parts that are numbers name items of lists.
fn steps(path: &[&str]) -> Vec<Step> {
    let index = |part: &str| part.parse::<usize>().ok().filter(|index| index.to_string() == part);
    path.iter().map(|part| index(part).map_or_else(|| Step::Key((*part).to_owned()), Step::Index)).collect()
}
