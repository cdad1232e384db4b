//! Reading a JSON Schema: the part of it that the `…Spec` types produce.
//!
//! In: the schema as JSON. Out: its keywords by name, references resolved. Beside the standard
//! keywords there are four of ours: `x-spile-scalar` (`text`: any scalar, as it is written;
//! `exact`: a scalar of its own kind), `x-spile-short` (a kind named alone stands for it with all
//! its defaults), `x-spile-words` (how to call this in a message) and `x-spile-partial` (a map that is
//! looked at although something required lacks in it).

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

/// A `$ref` chain longer than this is a loop in the schema.
const MAX_REFS: usize = 16;

/// The whole schema, for resolving references.
#[derive(Clone, Copy)]
pub(crate) struct Root<'s>(pub(crate) &'s Json);

/// One schema of it, its references resolved.
#[derive(Clone, Copy)]
pub(crate) struct Schema<'s> {
    root: Root<'s>,
    json: &'s Json,
}

/// How a scalar is taken over, by `x-spile-scalar`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarForm {
    /// As text, exactly as written.
    Text,
    /// As its own kind; a number that would look different when written again stays text.
    Exact,
}

impl<'s> Root<'s> {
    pub(crate) fn schema(self) -> Schema<'s> {
        Schema { root: self, json: self.0 }
    }

    fn resolve(self, json: &'s Json) -> &'s Json {
        let mut json = json;
        for _ in 0..MAX_REFS {
            let Some(name) = json.get("$ref").and_then(Json::as_str) else { break };
            let Some(target) = name.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer)) else { break };
            json = target;
        }
        json
    }
}

impl<'s> Schema<'s> {
    fn child(self, json: &'s Json) -> Self {
        Self { root: self.root, json: self.root.resolve(json) }
    }

    /// Whether both are one place of the schema.
    pub(crate) fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.json, other.json)
    }

    pub(crate) fn get(self, keyword: &str) -> Option<&'s Json> {
        self.json.get(keyword)
    }

    pub(crate) fn text(self, keyword: &str) -> Option<&'s str> {
        self.get(keyword)?.as_str()
    }

    /// The kinds of value that `type` allows; empty when it does not say.
    pub(crate) fn types(self) -> Vec<&'s str> {
        match self.get("type") {
            Some(Json::String(one)) => vec![one],
            Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn scalar_form(self) -> Option<ScalarForm> {
        match self.text("x-spile-scalar")? {
            "text" => Some(ScalarForm::Text),
            _ => Some(ScalarForm::Exact),
        }
    }

    pub(crate) fn is_short(self) -> bool {
        self.get("x-spile-short").is_some()
    }

    pub(crate) fn is_partial(self) -> bool {
        self.get("x-spile-partial").is_some()
    }

    /// The first sentence of the description: it is the manual's text for this place.
    pub(crate) fn summary(self) -> Option<&'s str> {
        let text = self.text("description")?;
        let paragraph = text.lines().next().unwrap_or(text);
        Some(paragraph.split_once(". ").map_or(paragraph, |(sentence, _)| sentence).trim_end_matches('.'))
    }

    fn properties_json(self) -> Option<&'s Map<String, Json>> {
        self.get("properties")?.as_object()
    }

    pub(crate) fn property(self, key: &str) -> Option<Self> {
        Some(self.child(self.properties_json()?.get(key)?))
    }

    /// The description at the place of use, which is more to the point than that of the type.
    pub(crate) fn property_summary(self, key: &str) -> Option<&'s str> {
        let json = self.properties_json()?.get(key)?;
        Schema { root: self.root, json }.summary().or_else(|| self.property(key)?.summary())
    }

    pub(crate) fn keys(self) -> impl Iterator<Item = &'s str> {
        self.properties_json().into_iter().flat_map(|map| map.keys().map(String::as_str))
    }

    pub(crate) fn required(self) -> Vec<&'s str> {
        let required = self.get("required").and_then(Json::as_array);
        required.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    /// The schema of keys that are not properties: `None` when there may be none.
    pub(crate) fn additional(self) -> Option<Self> {
        match self.get("additionalProperties") {
            Some(Json::Bool(false)) => None,
            Some(schema) => Some(self.child(schema)),
            None => Some(Self { root: self.root, json: &Json::Bool(true) }),
        }
    }

    pub(crate) fn items(self) -> Option<Self> {
        Some(self.child(self.get("items")?))
    }

    pub(crate) fn constants(self) -> Vec<&'s Json> {
        match (self.get("const"), self.get("enum")) {
            (Some(one), _) => vec![one],
            (None, Some(Json::Array(several))) => several.iter().collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn has_constants(self) -> bool {
        self.get("const").is_some() || self.get("enum").is_some()
    }

    /// The alternatives of `anyOf` and `oneOf`, those inside alternatives included.
    pub(crate) fn alternatives(self) -> Option<Vec<Self>> {
        let listed = self.get("oneOf").or_else(|| self.get("anyOf"))?.as_array()?;
        let mut flat = Vec::new();
        for json in listed {
            let alternative = self.child(json);
            match alternative.alternatives() {
                Some(nested) => flat.extend(nested),
                None => flat.push(alternative),
            }
        }
        Some(flat)
    }

    pub(crate) fn all_of(self) -> Option<Vec<Self>> {
        let listed = self.get("allOf")?.as_array()?;
        Some(listed.iter().map(|json| self.child(json)).collect())
    }

    /// The key and content of an externally tagged kind: an object of one key, which it must have.
    pub(crate) fn tag(self) -> Option<(&'s str, Self)> {
        let properties = self.properties_json()?;
        let (key, _) = properties.iter().next()?;
        let only = properties.len() == 1 && self.required() == [key.as_str()] && self.additional().is_none();
        if only { Some((key, self.property(key)?)) } else { None }
    }

    pub(crate) fn allows(self, kind: &str) -> bool {
        self.types().contains(&kind)
    }

    /// Whether anything at all fits.
    pub(crate) fn is_free(self) -> bool {
        const DECIDING: [&str; 7] = ["type", "oneOf", "anyOf", "allOf", "const", "enum", "x-spile-scalar"];
        match self.json {
            Json::Object(map) => !DECIDING.iter().any(|keyword| map.contains_key(*keyword)),
            _ => true,
        }
    }

    /// Every key of this map in all its forms.
    pub(crate) fn all_keys(self) -> BTreeSet<&'s str> {
        let forms = self.alternatives().unwrap_or_else(|| vec![self]);
        forms.into_iter().flat_map(Schema::keys).collect()
    }
}
