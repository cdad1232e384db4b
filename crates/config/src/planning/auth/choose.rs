//! One of several kinds, by the value of a variable.
//!
//! All of them are planned, so that a mistake in any is found; the plan has the chosen one, and what only others read
//! needs no value.

use std::mem;

use spile_plan::AuthPlan;

use super::at;
use crate::check::{did_you_mean, one_of_keys};
use crate::diagnostic::{Code, Diagnostic};
use crate::planning::Planner;
use crate::spec::{AuthSpec, ChooseSpec};

impl Planner<'_, '_, '_> {
    pub(super) fn choose(&mut self, spec: &ChooseSpec) -> Option<AuthPlan> {
        let chosen = self.chosen(spec);
        let mut plan = None;
        for (name, kind) in spec.from.iter() {
            if matches!(kind, AuthSpec::Choose(_)) {
                let message = "what is chosen from cannot be a choice itself";
                let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("list its kinds here");
                self.report(&at(&["choose", "from", name]), diagnostic);
                continue;
            }
            self.places.among = Some(name.to_owned());
            if chosen.as_deref() == Some(name) {
                plan = self.auth(kind);
            } else {
                let used = mem::take(&mut self.used);
                self.auth(kind);
                let idle = mem::replace(&mut self.used, used);
                self.idle.extend(idle);
            }
            self.places.among = None;
        }
        plan
    }

    /// Which one it is.
    fn chosen(&mut self, spec: &ChooseSpec) -> Option<String> {
        let path = at(&["choose", "by"]);
        let wanted = self.rendered(&path, &spec.by.0)?.trim().to_owned();
        let names = || spec.from.iter().map(|(name, _)| name);
        if names().any(|name| name == wanted) {
            return Some(wanted);
        }
        let quoted = self.quoted(&spec.by.0, &wanted);
        let message = format!("`by` says which of the kinds it is, and none is called {quoted}");
        let diagnostic = Diagnostic::error(Code::UnknownName, message).with_expected(one_of_keys(names()));
        self.report(&path, diagnostic.with_help_if(did_you_mean(&wanted, names())));
        None
    }
}
