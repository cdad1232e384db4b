//! The JSON Schema of the format, for editors, for `spile schema`, and for the check itself.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::PipelineSpec;

static SCHEMA: LazyLock<Json> = LazyLock::new(build);

/// The JSON Schema (draft 2020-12) of a pipeline file.
#[must_use]
pub fn json_schema() -> &'static Json {
    &SCHEMA
}

fn build() -> Json {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = generator.into_root_schema_for::<PipelineSpec>().to_value();
    remove_nulls(&mut schema);
    unwrap_lines(&mut schema);
    let whole = schema.clone();
    add_short_forms(&mut schema, &whole);
    schema
}

/// An optional key is left out, not left empty: `primary_key:` without a value is a slip, and taking it for "none"
/// would change what the pipeline does.
fn remove_nulls(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(remove_nulls),
        Json::Object(map) => {
            if let Some(Json::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Json::Array(words)) = map.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            if let Some(Json::Array(forms)) = map.get_mut("anyOf") {
                forms.retain(|form| form.get("type").is_none_or(|kind| kind != "null"));
                if let [Json::Object(only)] = forms.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    for (key, value) in only {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            map.values_mut().for_each(remove_nulls);
        }
        _ => {}
    }
}

/// Where the lines of a comment break is nothing to a reader of the manual; paragraphs are.
fn unwrap_lines(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(unwrap_lines),
        Json::Object(map) => {
            if let Some(Json::String(text)) = map.get_mut("description") {
                let paragraphs: Vec<String> =
                    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
                *text = paragraphs.join("\n\n");
            }
            map.values_mut().for_each(unwrap_lines);
        }
        _ => {}
    }
}

/// A kind whose settings all have defaults may be named alone: `pagination: page_number`.
fn add_short_forms(schema: &mut Json, whole: &Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|item| add_short_forms(item, whole)),
        Json::Object(map) => {
            if let Some(Json::Array(forms)) = map.get_mut("oneOf") {
                let short: Vec<Json> = forms.iter().filter_map(|form| short_form(form, whole)).collect();
                forms.extend(short);
            }
            map.values_mut().for_each(|value| add_short_forms(value, whole));
        }
        _ => {}
    }
}

fn short_form(form: &Json, whole: &Json) -> Option<Json> {
    let properties = form.get("properties")?.as_object()?;
    let (tag, content) = properties.iter().next().filter(|_| properties.len() == 1)?;
    if form.get("required")? != &json!([tag]) {
        return None;
    }
    let content = match content.get("$ref").and_then(Json::as_str) {
        Some(name) => whole.pointer(name.strip_prefix('#')?)?,
        None => content,
    };
    let bare = content.get("properties").is_some() && content.get("required").is_none();
    bare.then(|| {
        let mut short = json!({ "type": "string", "const": tag, "x-spile-short": true });
        if let Some(description) = form.get("description") {
            short["description"] = description.clone();
        }
        short
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Masked, Source};
    use crate::{check, parse};

    const GITHUB: &str = include_str!("../../tests/it/pipelines/github.yaml");

    /// The document as an editor's YAML plugin sees it, and whether our own check takes it.
    fn read(text: &str) -> (Json, bool) {
        let source = Source::new("pipeline.yaml", text);
        let mut problems = Diagnostics::new(source.clone());
        let tree = parse::parse(&source, &mut problems).unwrap();
        let (raw, _) = check::check(&tree, &Json::Bool(true), &Masked::default(), &mut problems);
        check::check(&tree, json_schema(), &Masked::default(), &mut problems);
        (raw, problems.is_empty())
    }

    #[test]
    fn the_schema_is_the_published_one() {
        insta::assert_json_snapshot!(json_schema());
    }

    #[test]
    fn every_key_has_a_description_for_the_manual() {
        fn visit(schema: &Json, path: &str, missing: &mut Vec<String>) {
            let properties = schema.get("properties").and_then(Json::as_object);
            for (key, property) in properties.into_iter().flatten() {
                // The key of a kind is described with the kind.
                if property.get("description").is_none() && schema.get("description").is_none() {
                    missing.push(format!("{path}.{key}"));
                }
            }
            match schema {
                Json::Object(map) => {
                    map.iter().for_each(|(key, value)| visit(value, &format!("{path}.{key}"), missing))
                }
                Json::Array(items) => items.iter().for_each(|item| visit(item, path, missing)),
                _ => {}
            }
        }
        let mut missing = Vec::new();
        visit(json_schema(), "", &mut missing);
        assert_eq!(missing, [] as [String; 0]);
    }

    #[test]
    fn an_editor_and_the_check_are_of_one_opinion() {
        let validator = jsonschema::draft202012::new(json_schema()).unwrap();
        let changes = [
            ("", ""),
            ("concurrency: 4", "concurrency: 0"),
            ("concurrency: 4", "concurrency: four"),
            ("concurrency: 4", "concurency: 4"),
            ("read: 45s", "read: 45"),
            ("read: 45s", "read: soon"),
            ("body: 256MiB", "body: 256"),
            ("name: github", "title: github"),
            ("pagination: link_header", "pagination: page_number"),
            ("pagination: link_header", "pagination: { page_number: {} }"),
            ("pagination: link_header", "pagination: offset"),
            ("pagination: link_header", "pagination: { offset: { limit: 10 } }"),
            ("pagination: link_header", "pagination: { link_header: {} }"),
            ("pagination: link_header", "pagination: {}"),
            ("nested: json", "nested: deep"),
            ("nested: json", "path: /x"),
            ("primary_key: id", "primary_key: [id, owner]"),
            ("primary_key: id", "primary_key: []"),
            ("primary_key: id", "primary_key:"),
            ("primary_key: id", "primary_key: { id: 1 }"),
            ("state: all", "state: [open, closed]"),
            ("state: all", "state: 7"),
            ("state: all", "state: { a: b }"),
            ("lookback: 5m", "lookback: 5"),
            ("lookback: 5m", "lookback: -5"),
            ("order: ascending", "order: descending"),
            ("owner: rust-lang", "owner: [a, 1, true]"),
            ("owner: rust-lang", "owner: { default: [a], env: OWNER }"),
            ("owner: rust-lang", "owner: { defaults: a }"),
            ("bearer: \"{{ token }}\"", "basic: { username: a }"),
            ("bearer: \"{{ token }}\"", "api_key: { header: X-Key, value: 7 }"),
            ("bearer: \"{{ token }}\"", "bearer: x, basic: { username: a }"),
            ("param: { body: variables.after }", "param: { body: [variables, after] }"),
            ("param: { body: variables.after }", "param: { cookie: x }"),
            (
                "duckdb: { path: github.duckdb, schema: raw, memory: 512MiB, commit: { rows: 1000, age: 10s } }",
                "duckdb: github.duckdb",
            ),
            (
                "duckdb: { path: github.duckdb, schema: raw, memory: 512MiB, commit: { rows: 1000, age: 10s } }",
                "postgres: x",
            ),
        ];
        for (from, to) in changes {
            assert!(GITHUB.contains(from), "{from}");
            let (raw, taken) = read(&GITHUB.replace(from, to));
            let valid = validator.is_valid(&raw);
            assert_eq!(valid, taken, "`{to}`: an editor says {valid}, the check says {taken}");
        }
    }
}
