//! Places that have several forms: short or long, or one of several kinds named by a key.
//!
//! The form is chosen by what the document has (text, list, map, and in a map the key that names
//! the kind), so that a mistake *inside* the form is reported inside it and not as "none of these fits".

use serde_json::{Map, Value as Json};

use super::describe::describe;
use super::schema::Schema;
use super::{Walker, suggest};
use crate::diagnostic::{Code, Diagnostic};
use crate::tree::{Entry, Kind, Node, Scalar, Value};

impl Walker<'_> {
    pub(super) fn alternatives(&mut self, node: &Node, whole: Schema<'_>, forms: &[Schema<'_>]) -> Option<Json> {
        match &node.kind {
            Kind::Scalar(scalar) => self.scalar_form(node, scalar, whole, forms),
            Kind::Map(entries) => self.map_form(node, entries, whole, forms),
            Kind::Sequence(_) => match forms.iter().find(|form| form.allows("array")) {
                Some(list) => self.check(node, *list),
                None => self.wrong_form(node, whole),
            },
            Kind::Broken => self.broken(),
        }
    }

    fn scalar_form(&mut self, node: &Node, scalar: &Scalar, whole: Schema<'_>, forms: &[Schema<'_>]) -> Option<Json> {
        let named = forms
            .iter()
            .find(|form| form.constants().iter().any(|constant| constant.as_str() == Some(scalar.text.as_str())));
        if let Some(named) = named {
            return if named.is_short() { Some(with_defaults(&scalar.text)) } else { self.check(node, *named) };
        }
        let open = forms.iter().filter(|form| !form.has_constants()).find(|form| takes(**form, scalar));
        if let Some(open) = open {
            return self.check(node, *open);
        }
        self.no_such_kind(node, scalar, whole, forms)
    }

    /// A name of no kind; or the name of a kind that cannot stand without its details.
    fn no_such_kind(&mut self, node: &Node, scalar: &Scalar, whole: Schema<'_>, forms: &[Schema<'_>]) -> Option<Json> {
        if let Some((tag, content)) = forms.iter().filter_map(|form| form.tag()).find(|(tag, _)| *tag == scalar.text) {
            let message = format!("`{tag}` needs more than its name");
            let details = describe(content);
            let diagnostic = Diagnostic::error(Code::MissingKey, message).with_span(node.span);
            let help = format!("write it as a map: `{tag}:`, and below it its keys");
            self.report(diagnostic.with_expected(format!("`{tag}` with {details}")).with_help(help));
            return None;
        }
        let open = forms.iter().filter(|form| !form.has_constants()).filter(|form| form.tag().is_none());
        if let Some(only) = single(open.filter(|form| form.allows("string") || form.allows("integer")).copied()) {
            return self.check(node, only);
        }
        if scalar.value == Value::Text {
            let help = suggest::did_you_mean(&scalar.text, kind_names(forms));
            return self.not_allowed(node, scalar, whole, help);
        }
        self.wrong_form(node, whole)
    }

    fn map_form(&mut self, node: &Node, entries: &[Entry], whole: Schema<'_>, forms: &[Schema<'_>]) -> Option<Json> {
        let tagged: Vec<_> = forms.iter().filter_map(|form| form.tag()).collect();
        let kinds = kind_names(forms);
        let present: Vec<&Entry> = entries.iter().filter(|entry| kinds.contains(&entry.key.as_str())).collect();
        if let [first, .., last] = present.as_slice() {
            return self.two_kinds(first, last);
        }
        if let Some(entry) = present.first() {
            let kind = forms.iter().find(|form| form.tag().is_some_and(|(tag, _)| tag == entry.key));
            return match kind {
                Some(kind) => self.check(node, *kind),
                None => self.kind_without_settings(entry),
            };
        }
        let plain = forms.iter().filter(|form| form.allows("object") && form.tag().is_none());
        let closest = plain.max_by_key(|form| form.keys().filter(|key| node.entry(key).is_some()).count());
        match (closest, entries) {
            (Some(closest), _) => self.check(node, *closest),
            (None, [only]) if !tagged.is_empty() => self.unknown_kind(only, whole, &tagged),
            (None, _) => self.wrong_form(node, whole),
        }
    }

    /// `pagination: { link_header: … }`, where the kind is only a name.
    fn kind_without_settings(&mut self, entry: &Entry) -> Option<Json> {
        let key = &entry.key;
        let message = format!("`{key}` has no settings");
        let help = format!("write the name alone: {}", self.subject().replace('`', "") + ": " + key);
        self.report(Diagnostic::error(Code::WrongType, message).with_span(entry.key_span).with_help(help));
        None
    }

    fn two_kinds(&mut self, first: &Entry, second: &Entry) -> Option<Json> {
        let message = format!("{} cannot have both `{}` and `{}`", self.subject(), first.key, second.key);
        let diagnostic = Diagnostic::error(Code::Conflict, message)
            .with_span(second.key_span)
            .with_related(first.key_span, "the other one")
            .with_help("keep one of them");
        self.report(diagnostic);
        None
    }

    fn unknown_kind(&mut self, entry: &Entry, whole: Schema<'_>, tagged: &[(&str, Schema<'_>)]) -> Option<Json> {
        let message = format!("{} cannot be `{}`", self.subject(), entry.key);
        let hint = suggest::did_you_mean(&entry.key, tagged.iter().map(|(tag, _)| *tag));
        let diagnostic = Diagnostic::error(Code::InvalidValue, message).with_span(entry.key_span);
        self.report(diagnostic.with_expected(describe(whole)).with_help_if(hint));
        None
    }

    fn wrong_form(&mut self, node: &Node, whole: Schema<'_>) -> Option<Json> {
        let message = format!("{} cannot be {}", self.subject(), node.described());
        let span = if matches!(node.kind, Kind::Map(_)) { self.owner(node) } else { node.span };
        self.report(Diagnostic::error(Code::WrongType, message).with_span(span).with_expected(describe(whole)));
        None
    }
}

/// Whether a form without fixed names takes this scalar for what it is.
fn takes(form: Schema<'_>, scalar: &Scalar) -> bool {
    if form.scalar_form().is_some() {
        return true;
    }
    match scalar.value {
        Value::Null => form.allows("null"),
        Value::Bool(_) => form.allows("boolean"),
        Value::Int(_) => form.allows("integer") || form.allows("number"),
        Value::Float(_) => form.allows("number"),
        Value::Text => form.allows("string"),
    }
}

/// The names of all kinds, those that stand alone and those that are keys.
fn kind_names<'s>(forms: &[Schema<'s>]) -> Vec<&'s str> {
    let constants = forms.iter().flat_map(|form| form.constants()).filter_map(Json::as_str);
    let tags = forms.iter().filter_map(|form| form.tag()).map(|(tag, _)| tag);
    constants.chain(tags).collect()
}

fn single<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// A kind named alone: the kind with all its defaults.
fn with_defaults(kind: &str) -> Json {
    Json::Object(Map::from_iter([(kind.to_owned(), Json::Object(Map::new()))]))
}
