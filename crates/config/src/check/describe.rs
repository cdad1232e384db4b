//! What a schema allows, in the words of a message.

use serde_json::Value as Json;

use super::format;
use super::schema::Schema;

/// More names than this are not listed in a message.
const MAX_LISTED: usize = 16;

/// What would have been right: "a whole number, at least 1", "`none` or a map with `page_number`".
pub(crate) fn describe(schema: Schema<'_>) -> String {
    if let Some(words) = schema.text("x-spile-words") {
        return words.to_owned();
    }
    if let Some(alternatives) = schema.alternatives() {
        return describe_alternatives(&alternatives);
    }
    if schema.has_constants() {
        return either(schema.constants().into_iter().map(constant));
    }
    if schema.scalar_form().is_some() {
        return "text, a number, or true or false".to_owned();
    }
    let kinds = schema.types().into_iter().map(|kind| describe_kind(schema, kind)).collect::<Vec<_>>();
    if kinds.is_empty() { "a value".to_owned() } else { kinds.join(" or ") }
}

/// The keys of a map, for an unknown one that is like none of them.
pub(crate) fn one_of_keys<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    either(keys.into_iter().map(|key| format!("`{key}`")))
}

fn describe_alternatives(alternatives: &[Schema<'_>]) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut tags: Vec<String> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for alternative in alternatives {
        if let Some((tag, _)) = alternative.tag() {
            tags.push(format!("`{tag}`"));
        } else if alternative.has_constants() {
            names.extend(alternative.constants().into_iter().map(constant));
        } else {
            others.push(describe(*alternative));
        }
    }
    // A kind that may stand alone is listed once.
    names.retain(|name| !tags.contains(name));
    let mut forms = names;
    if !tags.is_empty() {
        let one_of = if tags.len() > 1 { "a map with one of " } else { "a map with " };
        forms.push(format!("{one_of}{}", either(tags)));
    }
    forms.extend(others);
    either(forms)
}

fn describe_kind(schema: Schema<'_>, kind: &str) -> String {
    match kind {
        "string" => schema
            .text("format")
            .and_then(format::format)
            .map_or_else(|| "text".to_owned(), |format| format.words.to_owned()),
        "integer" => format!("a whole number{}", bounds(schema)),
        "number" => format!("a number{}", bounds(schema)),
        "boolean" => "`true` or `false`".to_owned(),
        "null" => "nothing".to_owned(),
        "array" => match schema.items() {
            Some(items) if !items.is_free() => format!("a list, each item {}", describe(items)),
            _ => "a list".to_owned(),
        },
        _ => describe_map(schema),
    }
}

fn describe_map(schema: Schema<'_>) -> String {
    let keys = if schema.required().is_empty() { schema.keys().collect() } else { schema.required() };
    match keys.len() {
        0 => "a map".to_owned(),
        1 => format!("a map with `{}`", keys[0]),
        _ => format!("a map with {}", list(keys.into_iter().map(|key| format!("`{key}`")), "and")),
    }
}

fn bounds(schema: Schema<'_>) -> String {
    // Bounds such as those of 32 bits say nothing to a person.
    let meant = |keyword: &str| schema.get(keyword).filter(|bound| bound.as_f64().is_some_and(|b| b.abs() < 1e6));
    match (meant("minimum"), meant("maximum")) {
        (Some(low), Some(high)) => format!(" from {} to {}", number(low), number(high)),
        (Some(low), None) => format!(", at least {}", number(low)),
        (None, Some(high)) => format!(", at most {}", number(high)),
        (None, None) => String::new(),
    }
}

/// A bound as a person writes it: schemars writes some of them with a fraction.
pub(crate) fn number(bound: &Json) -> String {
    bound.as_f64().map_or_else(|| bound.to_string(), |value| value.to_string())
}

fn constant(value: &Json) -> String {
    match value {
        Json::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// "a", "a or b", "a, b or c".
pub(crate) fn either(items: impl IntoIterator<Item = String>) -> String {
    list(items, "or")
}

fn list(items: impl IntoIterator<Item = String>, word: &str) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    if items.len() > MAX_LISTED {
        items.truncate(MAX_LISTED);
        items.push("others".to_owned());
    }
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} {word} {last}", first.join(", ")),
    }
}
