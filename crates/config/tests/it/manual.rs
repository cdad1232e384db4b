//! The documents are true: the manual and the reference of authentication are those that the code makes, every example
//! in them loads, and every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use spile_config::{auth_pages, load_str, manual};

use crate::given;

/// Set to 1, the tests write the manual instead of checking it.
const UPDATE: &str = "SPILE_UPDATE_DOCS";

/// What an example leaves out.
const FRAME: [(&str, &str); 4] = [
    ("name", "name: example"),
    (
        "source",
        "source: { base_url: https://api.example.com, auth: { oauth2: { token_url: \"https://auth.example.com/token\", client_id: spile, client_secret: k } } }",
    ),
    ("streams", "streams: { items: { path: /items } }"),
    ("destination", "destination: duckdb:example.duckdb"),
];

pub(crate) fn path(document: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(document)
}

fn read(document: &str) -> String {
    fs::read_to_string(path(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The files below a folder, in the order of their names.
pub(crate) fn files_below(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut found = Vec::new();
    for entry in entries.map(Result::unwrap) {
        let name = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() { found.extend(files_below(&name)) } else { found.push(name) }
    }
    found.sort();
    found
}

/// Every document that users read.
fn documents() -> Vec<String> {
    let pages = files_below("docs").into_iter().filter(|name| name.ends_with(".md"));
    ["README.md".to_owned()].into_iter().chain(pages).collect()
}

fn updates() -> bool {
    std::env::var(UPDATE).is_ok_and(|value| value == "1")
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
    if updates() {
        fs::write(path("docs/pipeline.md"), &made).unwrap();
    }
    let same = read("docs/pipeline.md") == made;
    assert!(same, "docs/pipeline.md is stale: renew it by `{UPDATE}=1 cargo test -p spile-config manual`, and read it");
}

#[test]
fn the_reference_of_authentication_is_the_one_that_the_code_makes() {
    let pages = auth_pages(&|name| read(&format!("docs/examples/auth/{name}.yaml")));
    let file = |name: &str| format!("docs/auth/{name}.md");
    if updates() {
        fs::create_dir_all(path("docs/auth")).unwrap();
        files_below("docs/auth").iter().for_each(|old| fs::remove_file(path(old)).unwrap());
        pages.iter().for_each(|page| fs::write(path(&file(page.name)), &page.text).unwrap());
    }
    let made: BTreeSet<(String, String)> = pages.into_iter().map(|page| (file(page.name), page.text)).collect();
    let there: BTreeSet<(String, String)> =
        files_below("docs/auth").into_iter().map(|name| (name.clone(), read(&name))).collect();
    let stale: BTreeSet<&String> = made.symmetric_difference(&there).map(|(name, _)| name).collect();
    assert!(
        stale.is_empty(),
        "these are stale: {stale:?}; renew them by `{UPDATE}=1 cargo test -p spile-config manual`, and read them"
    );
}

#[test]
fn every_example_in_the_documents_loads() {
    let mut problems = Vec::new();
    let mut loaded = 0;
    for document in documents() {
        for (line, example) in examples(&read(&document)) {
            match load_str(&format!("{document}:{line}"), &with_frame(&example), None, &given()) {
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
    for document in documents() {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path(&document) } else { path(&document).with_file_name(file) };
            let leads =
                fs::read_to_string(&target).is_ok_and(|text| anchor.is_empty() || anchors(&text).contains(anchor));
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
