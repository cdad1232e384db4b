//! The manual of the pipeline file, as Markdown, and the reference of authentication (`auth`) that is made as it is.
//!
//! In: `manual.md`, the text that people write, with directives on lines of their own; and the JSON Schema, whose
//! descriptions are the doc comments of the `…Spec` types. Out: the text with each directive replaced by a table, so
//! that no key, default or kind is described twice. Invariant: the tables say what the check enforces, for both come
//! from the schema. It deliberately writes no file: a test holds `docs/pipeline.md` against it.
//!
//! The directives: `<!-- keys: Spec [key …] -->`, a map's keys (or those named); `<!-- kinds: Spec -->`, the kinds of
//! something tagged; `<!-- kind: Spec name -->`, what one of them is; `<!-- stream alone -->`, the keys of a stream that
//! cannot stand under `defaults`; `<!-- example: name -->`, an example in a file of its own.

mod auth;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::check::either;
use crate::spec::schema::json_schema;

pub use self::auth::auth_pages;

const TEXT: &str = include_str!("manual.md");

/// The type of the whole file, which has no name in the schema.
const ROOT: &str = "PipelineSpec";

const DEFAULT: &str = "Default: ";

/// The manual of the pipeline file: every key with its form, default and meaning, and examples. Markdown.
#[must_use]
pub fn manual() -> String {
    Manual::of(TEXT, "", &|_| String::new()).made(TEXT)
}

/// A page of the documentation.
pub struct Page {
    /// The name of its file, without `.md`.
    pub name: &'static str,
    /// Markdown.
    pub text: String,
}

enum Directive<'t> {
    Keys { spec: &'t str, only: Vec<&'t str> },
    Kinds { spec: &'t str },
    Kind { spec: &'t str, name: &'t str },
    StreamAlone,
    Example { name: &'t str },
}

impl<'t> Directive<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let inner = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
        if inner == "stream alone" {
            return Some(Self::StreamAlone);
        }
        let (word, rest) = inner.split_once(": ")?;
        let mut names = rest.split_whitespace();
        let first = names.next()?;
        match word {
            "keys" => Some(Self::Keys { spec: first, only: names.collect() }),
            "kinds" => Some(Self::Kinds { spec: first }),
            "kind" => Some(Self::Kind { spec: first, name: names.next()? }),
            "example" => Some(Self::Example { name: first }),
            _ => None,
        }
    }

    /// The type that it describes.
    fn spec(&self) -> Option<&'t str> {
        match self {
            Self::Keys { spec, .. } | Self::Kinds { spec } => Some(spec),
            Self::StreamAlone => Some("StreamDefaults"),
            Self::Kind { .. } | Self::Example { .. } => None,
        }
    }
}

/// Where each type is first described in a text, as links to the section, from a document where that is `file`.
fn sections(text: &'static str, file: &str) -> BTreeMap<&'static str, String> {
    let mut sections = BTreeMap::new();
    let mut anchor = String::new();
    for line in text.lines() {
        if line.starts_with('#') {
            anchor = slug(line.trim_start_matches('#'));
        } else if let Some(spec) = Directive::parse(line).and_then(|directive| directive.spec()) {
            sections.entry(spec).or_insert_with(|| format!("{file}#{anchor}"));
        }
    }
    sections
}

/// The anchor that renderers of Markdown give a heading.
fn slug(heading: &str) -> String {
    let heading = heading.trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

struct Manual<'e> {
    schema: &'static Json,
    /// Where each type is described.
    sections: BTreeMap<&'static str, String>,
    /// The text of the example of that name.
    example: &'e dyn Fn(&str) -> String,
}

impl<'e> Manual<'e> {
    /// For making `text`, which links to its own sections before those of the manual, which is at `manual` from there.
    fn of(text: &'static str, manual: &str, example: &'e dyn Fn(&str) -> String) -> Self {
        let mut all = sections(TEXT, manual);
        all.extend(sections(text, ""));
        Self { schema: json_schema(), sections: all, example }
    }

    /// `text`, with each directive replaced by what it stands for.
    fn made(&self, text: &str) -> String {
        let mut out = String::new();
        for line in text.lines() {
            match Directive::parse(line) {
                Some(directive) => out.push_str(&self.content(&directive)),
                None => {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        out
    }

    fn content(&self, directive: &Directive<'_>) -> String {
        match directive {
            Directive::Keys { spec, only } => self.keys(spec, only),
            Directive::Kinds { spec } => self.kinds(spec),
            Directive::Kind { spec, name } => self.kind(spec, name),
            Directive::StreamAlone => self.stream_alone(),
            Directive::Example { name } => format!("```yaml\n{}```\n", (self.example)(name)),
        }
    }

    /// A row for each key of a map.
    fn keys(&self, spec: &str, only: &[&str]) -> String {
        let required = list(self.spec(spec), "required");
        let mut out = "| key | value | default | meaning |\n|---|---|---|---|\n".to_owned();
        for (key, schema) in properties(self.spec(spec)) {
            if !only.is_empty() && !only.contains(&key.as_str()) {
                continue;
            }
            let (mut meaning, default) = meaning_and_default(schema);
            meaning.push_str(&choices(schema));
            let default = match default {
                Some(default) => default,
                None if required.iter().any(|name| name == key) => "*required*",
                None => "–",
            };
            out.push_str(&row(&[&format!("`{key}`"), &self.form(schema), default, &meaning]));
        }
        out
    }

    /// A row for each kind of something tagged; a kind that may also be named alone says so.
    fn kinds(&self, spec: &str) -> String {
        let kinds = list(self.spec(spec), "oneOf");
        let mut out = "| kind | value | meaning |\n|---|---|---|\n".to_owned();
        let named_alone = |tag: &str| kinds.iter().any(|kind| is_short(kind) && kind["const"] == tag);
        for kind in kinds.iter().filter(|kind| !is_short(kind)) {
            let meaning = meaning_and_default(kind).0;
            if let Some(word) = kind["const"].as_str() {
                out.push_str(&row(&[&format!("`{word}`"), "nothing", &meaning]));
            }
            for (tag, content) in properties(kind) {
                let mut form = self.form(content);
                if named_alone(tag) {
                    form.push_str(", or nothing");
                }
                out.push_str(&row(&[&format!("`{tag}`"), &form, &meaning]));
            }
        }
        out
    }

    /// What one of the kinds is.
    fn kind(&self, spec: &str, name: &str) -> String {
        let kinds = list(self.spec(spec), "oneOf");
        let named = |kind: &&Json| kind["const"] == name || kind["properties"].get(name).is_some();
        let meaning = kinds.iter().find(named).map(|kind| meaning_and_default(kind).0);
        format!("{}\n", meaning.unwrap_or_default())
    }

    fn stream_alone(&self) -> String {
        let shared = &self.spec("StreamDefaults")["properties"];
        let alone = properties(self.spec("StreamSpec")).filter(|(key, _)| shared.get(key).is_none());
        format!("{}.\n", alone.map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", "))
    }

    fn spec(&self, name: &str) -> &Json {
        // A type that has moved into another would leave an empty table.
        if name == ROOT { self.schema } else { self.schema["$defs"].get(name).expect("a type of the format") }
    }

    /// What may be written at a place, in a few words; a link where that has a section of its own.
    fn form(&self, schema: &Json) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            let target = self.spec(name);
            let word = if target.get("oneOf").is_some() { "a kind" } else { "map" };
            return match self.sections.get(name) {
                Some(section) => format!("[{word}]({section})"),
                None => self.form(target),
            };
        }
        if let Some(forms) = schema["anyOf"].as_array() {
            let mut words: Vec<String> = Vec::new();
            for form in forms.iter().map(|form| self.form(form)) {
                if !words.contains(&form) {
                    words.push(form);
                }
            }
            return either(words);
        }
        if let Some(words) = constants(schema) {
            return either(words.iter().map(|(word, _)| format!("`{word}`")));
        }
        self.plain_form(schema)
    }

    fn plain_form(&self, schema: &Json) -> String {
        match schema["format"].as_str() {
            Some("spile-duration") => return "duration".to_owned(),
            Some("spile-size") => return "size".to_owned(),
            Some("spile-amount") => return "amount".to_owned(),
            Some("json_path") => return "JSONPath".to_owned(),
            Some("column_type") => return "column type".to_owned(),
            Some("destination") => return "`duckdb:FILE`".to_owned(),
            _ => {}
        }
        match schema["x-spile-scalar"].as_str() {
            Some("text") => return "text".to_owned(),
            Some(_) => return "value".to_owned(),
            None => {}
        }
        match schema["type"].as_str() {
            Some("string") => "text".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("integer") => format!("integer{}", bounds(schema)),
            Some("array") => format!("list of {}", plural(&self.form(&schema["items"]))),
            Some("object") => match schema.get("additionalProperties") {
                Some(Json::Bool(_)) | None => "map".to_owned(),
                Some(inner) => format!("map of names to {}", plural(&self.form(inner))),
            },
            _ => "any value".to_owned(),
        }
    }
}

/// Several of a form. Text, and types of columns, are counted by their list.
fn plural(form: &str) -> String {
    match form {
        "value" => "values".to_owned(),
        form => form.replace("[map]", "[maps]"),
    }
}

fn properties(schema: &Json) -> impl Iterator<Item = (&String, &Json)> {
    schema["properties"].as_object().into_iter().flat_map(Map::iter)
}

fn list<'s>(schema: &'s Json, keyword: &str) -> &'s [Json] {
    schema[keyword].as_array().map_or(&[], Vec::as_slice)
}

fn is_short(kind: &Json) -> bool {
    kind.get("x-spile-short").is_some()
}

/// The words that a place takes, each with what it means, where it takes nothing else.
fn constants(schema: &Json) -> Option<Vec<(&str, &str)>> {
    let words: Option<Vec<_>> = list(schema, "oneOf")
        .iter()
        .map(|word| Some((word["const"].as_str()?, word["description"].as_str().unwrap_or_default())))
        .collect();
    let bare = list(schema, "enum").iter().filter_map(Json::as_str).map(|word| (word, ""));
    words.map(|words| words.into_iter().chain(bare).collect::<Vec<_>>()).filter(|words| !words.is_empty())
}

/// What each word means, below the meaning of the key.
fn choices(schema: &Json) -> String {
    let words = constants(schema).unwrap_or_default().into_iter().filter(|(_, meaning)| !meaning.is_empty());
    words.map(|(word, meaning)| format!("<br>`{word}`: {meaning}")).collect()
}

fn bounds(schema: &Json) -> String {
    let bound = |keyword: &str| schema[keyword].as_f64();
    match (bound("minimum"), bound("maximum")) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        (Some(low), None) => format!(" from {low}"),
        _ => String::new(),
    }
}

/// A description, and the default that its last sentence tells.
fn meaning_and_default(schema: &Json) -> (String, Option<&str>) {
    let text = schema["description"].as_str().unwrap_or_default();
    match text.rsplit_once(DEFAULT) {
        Some((meaning, default)) => (meaning.trim_end().to_owned(), Some(default.trim_end_matches('.'))),
        None => (text.to_owned(), None),
    }
}

/// A row of a table: a line break or a bar would end its cell.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace("\n\n", "<br>").replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every key and every kind of the format, as `Spec.key`; `described` by a directive or not.
    fn all_entries(described: bool) -> BTreeSet<String> {
        let manual = Manual::of(TEXT, "", &|_| String::new());
        let mut entries = BTreeSet::new();
        let mut add = |spec: &str, only: &[&str]| {
            let schema = manual.spec(spec);
            let keys = properties(schema).map(|(key, _)| key.as_str());
            let tags = list(schema, "oneOf").iter().flat_map(|kind| properties(kind).map(|(tag, _)| tag.as_str()));
            let all = keys.chain(tags).filter(|key| only.is_empty() || only.contains(key));
            entries.extend(all.map(|key| format!("{spec}.{key}")));
        };
        if described {
            for directive in TEXT.lines().filter_map(Directive::parse) {
                match directive {
                    Directive::Keys { spec, only } => add(spec, &only),
                    Directive::Kinds { spec } => add(spec, &[]),
                    Directive::StreamAlone => add("StreamDefaults", &[]),
                    Directive::Kind { .. } | Directive::Example { .. } => {}
                }
            }
        } else {
            add(ROOT, &[]);
            let specs = json_schema()["$defs"].as_object().expect("the schema has definitions");
            specs.keys().for_each(|spec| add(spec, &[]));
        }
        entries
    }

    #[test]
    fn every_key_and_kind_of_the_format_is_described() {
        assert_eq!(all_entries(true), all_entries(false));
    }

    #[test]
    fn every_directive_is_understood_and_names_keys_that_exist() {
        let made = manual();
        let left_over = made.lines().find(|line| line.starts_with("<!--") && line.ends_with("-->"));
        assert_eq!(left_over, None);
        for directive in TEXT.lines().filter_map(Directive::parse) {
            let Directive::Keys { spec, only } = directive else { continue };
            let known = Manual::of(TEXT, "", &|_| String::new());
            for key in only {
                assert!(known.spec(spec)["properties"].get(key).is_some(), "{spec} has no key {key}");
            }
        }
    }

    #[test]
    fn a_default_is_the_last_sentence_of_its_description() {
        let schema = serde_json::json!({ "description": "How many. Default: 8." });
        assert_eq!(meaning_and_default(&schema), ("How many.".to_owned(), Some("8")));
    }
}
