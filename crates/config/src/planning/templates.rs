//! Templates: compiled, and every name in them known.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use spile_expression::Template;
use spile_plan::{JsonTemplate, NamedTemplate, Variable};

use super::{Planner, RESERVED};
use crate::check::did_you_mean;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{Named, OneOrMany, Text};

/// Functions of the template language that a template may call by name.
const FUNCTIONS: [&str; 3] = ["range", "dict", "namespace"];

/// Which names besides the variables a template may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// None.
    Variables,
    /// Those of a stream; `cursor` only if it has one.
    Stream {
        /// Whether the stream has a cursor.
        cursor: bool,
    },
    /// Those of a login; `signed_jwt` only if it signs.
    Login {
        /// Whether it signs.
        signs: bool,
    },
    /// Those of the headers that carry a session's token.
    Session,
    /// Those of what is signed.
    Signing,
}

impl Names {
    fn allows(self, name: &str) -> bool {
        self.own() == Some(name)
    }

    /// The name that has a meaning here alone.
    fn own(self) -> Option<&'static str> {
        match self {
            Self::Stream { cursor: true } => Some("cursor"),
            Self::Login { signs: true } => Some("signed_jwt"),
            Self::Session => Some("session_token"),
            Self::Signing => Some("request"),
            Self::Variables | Self::Stream { cursor: false } | Self::Login { signs: false } => None,
        }
    }
}

impl Planner<'_, '_, '_> {
    /// Compiles a template and checks the names that it reads.
    pub(super) fn template(&mut self, path: &[&str], text: &str, names: Names) -> Option<Template> {
        let template = match Template::compile(text) {
            Ok(template) => template,
            Err(error) => {
                self.report(path, Diagnostic::error(Code::Template, error.message));
                return None;
            }
        };
        self.used.extend(template.names().iter().cloned());
        let unknown: Vec<String> = template.names().iter().filter(|name| !self.knows(name, names)).cloned().collect();
        // A variable that is declared wrongly is declared.
        for name in &unknown {
            if !self.places.is_wrong(&["variables", name]) {
                self.unknown_name(path, name, names);
            }
        }
        if !unknown.is_empty() {
            return None;
        }
        self.try_out(path, &template)?;
        Some(template)
    }

    /// A template that reads variables only can be rendered now; better an error here than at the first request.
    fn try_out(&mut self, path: &[&str], template: &Template) -> Option<()> {
        let ready = template.names().iter().all(|name| self.variables.0.contains_key(name));
        if template.is_literal() || !ready {
            return Some(());
        }
        let Err(error) = template.render_json(&self.variables.scope()) else { return Some(()) };
        // What was computed with a credential may quote it.
        let message = if self.variables.touches_secret(template) {
            "the template cannot be rendered".to_owned()
        } else {
            error.message
        };
        self.report(path, Diagnostic::error(Code::Template, message));
        None
    }

    fn knows(&self, name: &str, names: Names) -> bool {
        self.declared.contains(name) || names.allows(name) || FUNCTIONS.contains(&name)
    }

    fn unknown_name(&mut self, path: &[&str], name: &str, names: Names) {
        let mut known: BTreeSet<&str> = self.declared.iter().map(String::as_str).collect();
        known.extend(names.own());
        let help = match (name, names) {
            ("cursor", Names::Stream { .. }) => {
                "the stream has no cursor: give it one by `cursor: { field: … }`".to_owned()
            }
            ("cursor", _) => "the cursor belongs to a stream: use it in the stream's own settings".to_owned(),
            ("signed_jwt", Names::Login { .. }) => {
                "the login signs nothing: say with what by `sign: { key: … }`".to_owned()
            }
            ("session_token", _) => "the token is there for `send` only".to_owned(),
            ("partition" | "parent", _) => "this version of Spile has no partitions and no parents yet".to_owned(),
            _ => did_you_mean(name, known).unwrap_or_else(|| {
                format!("declare it: `variables: {{ {name}: … }}`; text in a template is put in quotes")
            }),
        };
        let message = format!("nothing is called `{name}` here");
        self.places.report_word(path, name, Diagnostic::error(Code::UnknownName, message).with_help(help));
    }

    /// Renders a template of variables now: for what must be known before anything runs.
    pub(super) fn rendered(&mut self, path: &[&str], text: &str) -> Option<String> {
        let template = self.template(path, text, Names::Variables)?;
        if template.names().iter().any(|name| !self.variables.0.contains_key(name)) {
            return None; // The variable has no value, which has been reported.
        }
        if let Some(name) = template.names().iter().find(|name| self.stand_ins.contains(name.as_str())) {
            self.stood_in.insert(path.iter().map(ToString::to_string).collect(), name.to_string());
        }
        match template.render(&self.variables.scope()) {
            Ok(Some(text)) => Some(text),
            Ok(None) => {
                let message = "the template renders to nothing";
                self.report(path, Diagnostic::error(Code::Template, message));
                None
            }
            Err(_) => None, // Reported when it was tried out.
        }
    }

    /// As `rendered`, of what everybody sees, as `why` says: no secret may be in it.
    pub(super) fn rendered_openly(&mut self, path: &[&str], text: &str, why: &str) -> Option<String> {
        let rendered = self.rendered(path, text)?;
        self.is_shown(path, text, why).then_some(rendered)
    }

    /// Whether no secret is in the template of what everybody sees; reported with `why` they do.
    pub(super) fn is_shown(&mut self, path: &[&str], text: &str, why: &str) -> bool {
        let reads_secret = self.reads_secret(text);
        if reads_secret {
            let message = format!("a secret variable cannot be used here: {why}");
            self.report(path, Diagnostic::error(Code::Conflict, message).with_help("use another variable"));
        }
        !reads_secret
    }

    pub(super) fn reads_secret(&self, text: &str) -> bool {
        Template::compile(text).is_ok_and(|template| self.variables.touches_secret(&template))
    }

    /// What a template renders to, as a message may call it: by its text, but for one with a secret in it.
    pub(super) fn quoted(&self, text: &str, rendered: &str) -> String {
        if self.reads_secret(text) { "it".to_owned() } else { format!("`{rendered}`") }
    }

    /// Headers: names that HTTP allows, each once.
    pub(super) fn headers(
        &mut self,
        path: &[&str],
        headers: Option<&Named<Text>>,
        names: Names,
    ) -> Option<Vec<NamedTemplate>> {
        let mut seen = BTreeSet::new();
        let mut fine = true;
        let mut out = Vec::new();
        for (name, Text(text)) in headers.into_iter().flat_map(Named::iter) {
            let at = [path, &[name]].concat();
            fine &= self.check_header_name(&at, name);
            if !seen.insert(name.to_ascii_lowercase()) {
                let message = format!("the header `{name}` is there twice; the case of its letters does not matter");
                self.places.report_key(&at, Diagnostic::error(Code::Conflict, message).with_help("keep one of them"));
            }
            if text.chars().any(|c| c.is_control() && c != '\t') {
                let message = format!("the value of the header `{name}` has a line break or control character in it");
                self.report(&at, Diagnostic::error(Code::InvalidValue, message));
                fine = false;
            }
            match self.template(&at, text, names) {
                Some(value) => out.push(NamedTemplate { name: name.to_owned(), value }),
                None => fine = false,
            }
        }
        fine.then_some(out)
    }

    /// Whether `text`, which is taken as it is, does not want to be a template.
    pub(super) fn is_literal(&mut self, path: &[&str], text: &str) -> bool {
        let fits = !text.contains("{{");
        if !fits {
            let message = "no variables are used here: it is taken as it is written";
            self.report(path, Diagnostic::error(Code::Template, message).with_help("write the text itself"));
        }
        fits
    }

    /// Whether HTTP allows a header of this name (RFC 9110, `token`).
    pub(super) fn check_header_name(&mut self, path: &[&str], name: &str) -> bool {
        let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
        if !fits {
            let message = format!("`{name}` cannot be the name of a header");
            let expected = "letters, digits and `-`";
            self.places.report_key(path, Diagnostic::error(Code::InvalidValue, message).with_expected(expected));
        }
        fits
    }

    /// Query parameters or form fields, in the file's order; a list is the same name several times.
    pub(super) fn named(
        &mut self,
        path: &[&str],
        values: Option<&Named<OneOrMany<Text>>>,
        names: Names,
    ) -> Option<Vec<NamedTemplate>> {
        let mut fine = true;
        let mut out = Vec::new();
        for (name, texts) in values.into_iter().flat_map(Named::iter) {
            let many = matches!(texts, OneOrMany::Many(_));
            for (index, Text(text)) in texts.as_slice().iter().enumerate() {
                let index = index.to_string();
                let mut at = [path, &[name]].concat();
                if many {
                    at.push(&index);
                }
                match self.template(&at, text, names) {
                    Some(value) => out.push(NamedTemplate { name: name.to_owned(), value }),
                    None => fine = false,
                }
            }
        }
        fine.then_some(out)
    }

    /// A JSON body: every text in it is a template.
    pub(super) fn json(&mut self, path: &[&str], value: &Json, names: Names) -> Option<JsonTemplate> {
        match value {
            Json::String(text) => self.template(path, text, names).map(JsonTemplate::Text),
            Json::Array(items) => {
                let items = items.iter().enumerate();
                let items =
                    items.map(|(index, item)| self.json(&[path, &[index.to_string().as_str()]].concat(), item, names));
                items.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(JsonTemplate::List)
            }
            Json::Object(members) => {
                let members = members.iter().map(|(key, member)| {
                    Some((key.clone(), self.json(&[path, &[key.as_str()]].concat(), member, names)?))
                });
                members.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(JsonTemplate::Object)
            }
            literal => Some(JsonTemplate::Literal(literal.clone())),
        }
    }

    /// A credential in the file itself: remembered as a secret, so that it is kept out of all that is shown.
    pub(super) fn remember_credential(&mut self, path: &[&str], template: &Template) {
        if template.is_literal() && !template.source().is_empty() {
            // A point cannot be in a variable's name, so no template can read it.
            let secret = spile_model::Secret::new(template.source());
            self.variables.0.insert(self.places.actual(path).join("."), Variable::Secret(secret));
        }
    }

    /// Whether a variable may have this name: templates must be able to read it.
    pub(super) fn check_variable_name(&mut self, name: &str) -> bool {
        let path = ["variables", name];
        let mut characters = name.chars();
        let fits = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !fits {
            let message = format!("`{name}` cannot be the name of a variable");
            let expected = "letters, digits and `_`, no digit first";
            self.places.report_key(&path, Diagnostic::error(Code::InvalidValue, message).with_expected(expected));
        } else if RESERVED.contains(&name) || FUNCTIONS.contains(&name) {
            let message = format!("`{name}` has a meaning of its own in templates");
            let help = "choose another name for the variable";
            self.places.report_key(&path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
            return false;
        }
        fits
    }
}
