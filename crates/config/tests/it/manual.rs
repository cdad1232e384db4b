//! The documents are true: the manual is the one that the code makes, every example in them loads, every link leads
//! somewhere.

use std::collections::BTreeSet;
use std::path::PathBuf;

use spile_config::{Settings, load_str, manual};
use spile_model::Secret;
use spile_plan::Found;

/// Set to 1, the tests write the manual instead of checking it.
const UPDATE: &str = "SPILE_UPDATE_DOCS";

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "docs/archive.md",
    "docs/pipeline.md",
    "docs/credentials.md",
    "docs/login.md",
    "docs/values.md",
    "docs/tables.md",
    "docs/events.md",
];

/// What an example leaves out.
const FRAME: [(&str, &str); 4] = [
    ("name", "name: example"),
    ("source", "source: { base_url: https://api.example.com }"),
    ("streams", "streams: { items: { path: /items } }"),
    ("destination", "destination: duckdb:example.duckdb"),
];

fn path(document: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(document)
}

fn read(document: &str) -> String {
    std::fs::read_to_string(path(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The examples of a document, each with its line.
fn examples(text: &str) -> Vec<(usize, String)> {
    let mut examples = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line) {
            (None, "```yaml") => open = Some((index + 2, String::new())),
            (Some(_), "```") => examples.extend(open.take()),
            (Some((_, example)), line) => {
                example.push_str(line);
                example.push('\n');
            }
            (None, _) => {}
        }
    }
    examples
}

fn with_frame(example: &str) -> String {
    let has = |key: &str| example.lines().any(|line| line.starts_with(&format!("{key}:")));
    let missing = FRAME.iter().filter(|(key, _)| !has(key)).map(|(_, line)| format!("{line}\n"));
    example.to_owned() + &missing.collect::<String>()
}

#[test]
fn the_manual_is_the_one_that_the_code_makes() {
    let made = manual();
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        std::fs::write(path("docs/pipeline.md"), &made).unwrap();
    }
    let same = read("docs/pipeline.md") == made;
    assert!(same, "docs/pipeline.md is stale: renew it by `{UPDATE}=1 cargo test -p spile-config manual`, and read it");
}

#[test]
fn every_example_in_the_documents_loads() {
    let mut problems = Vec::new();
    let mut loaded = 0;
    for document in DOCUMENTS {
        for (line, example) in examples(&read(document)) {
            let given = "100";
            let credential = || Ok(Found { secret: Some(Secret::new(given)), warning: None });
            let settings = Settings {
                env: Box::new(|_| Some(given.to_owned())),
                credentials: Box::new(|_| credential()),
                ..Settings::none()
            };
            match load_str(&format!("{document}:{line}"), &with_frame(&example), None, &settings) {
                Ok(_) => loaded += 1,
                Err(diagnostics) => problems.push(diagnostics.to_string()),
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(loaded >= 20, "only {loaded} examples were found");
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path(document) } else { path(document).with_file_name(file) };
            let leads =
                std::fs::read_to_string(&target).is_ok_and(|text| anchor.is_empty() || anchors(&text).contains(anchor));
            if !leads {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert_eq!(broken, [] as [String; 0]);
}

/// The anchors of a document's headings, as renderers of Markdown make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
        .map(|heading| heading.chars().filter(kept).collect())
        .collect()
}
