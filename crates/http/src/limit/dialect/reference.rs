//! The reference of limits: a page for each way in which an API tells of them.
//!
//! In: what each dialect says of itself, the tables by which it reads, and the examples, which are pipelines that load.
//! Out: pages as Markdown. What a page says of a vendor's answer is what is read from it when the page is made. It
//! deliberately writes no file: a test holds `docs/limits` against it.

pub(crate) mod words;

use super::row::Row;
use super::{DIALECTS, graphql};
use crate::retry_after;

/// Where the index has a row for each page, and one for each vendor.
const ROWS: &str = "<!-- pages -->\n";
const VENDORS: &str = "<!-- vendors -->\n";

const INDEX: &str = include_str!("reference.md");

/// What a way to tell of limits says of itself. Texts are Markdown.
pub(crate) struct Reference {
    /// The name of its page and of its example.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What it is, in a paragraph.
    pub(crate) about: &'static str,
    /// What is read.
    pub(crate) reads: &'static [Reads],
    /// What is particular about it, and what is left alone.
    pub(crate) notes: &'static [&'static str],
    pub(crate) vendors: &'static [Vendor],
    /// What is done when nothing is left.
    pub(crate) spent: &'static str,
    /// What is made of an answer that came at [`words::NOW`], in words: one for each limit.
    pub(crate) understands: fn(&str) -> Vec<String>,
}

/// A part of what is read.
pub(crate) enum Reads {
    /// Headers, or paths into the body, each with what it tells.
    Fields(&'static [(&'static str, &'static str)]),
    /// A row of headers for each limit.
    Rows(&'static [Row]),
    /// All the ends of names that begin so.
    Family(&'static str),
}

/// Who tells of limits so.
pub(crate) struct Vendor {
    pub(crate) who: &'static str,
    /// Where it is written.
    pub(crate) source: &'static str,
    /// What tells of limits in one of its answers.
    pub(crate) answer: &'static str,
    /// Where its headers have names of their own: a row for each limit.
    pub(crate) rows: &'static [Row],
}

impl Vendor {
    pub(crate) const fn new(who: &'static str, source: &'static str, answer: &'static str) -> Self {
        Self { who, source, answer, rows: &[] }
    }

    pub(super) const fn with(self, rows: &'static [Row]) -> Self {
        Self { rows, ..self }
    }
}

/// A page of the reference of limits.
pub struct LimitPage {
    /// The name of its file, without `.md`.
    pub name: &'static str,
    /// Markdown.
    pub text: String,
}

/// The pages of the ways in which APIs tell of limits, their index (`README`) first. `example` is the text of the example
/// of that name: each page but the index has one, of its own name.
#[must_use]
pub fn limit_pages(example: &dyn Fn(&str) -> String) -> Vec<LimitPage> {
    let pages = references().map(|reference| LimitPage {
        name: reference.name,
        text: made_from(reference.name) + &page(reference, &example(reference.name)),
    });
    let index = LimitPage { name: "README", text: made_from("README") + &index() };
    [index].into_iter().chain(pages).collect()
}

/// All that have a page: the dialects of headers, that of bodies, and the header that asks for a wait.
pub(super) fn references() -> impl Iterator<Item = &'static Reference> {
    let dialects = DIALECTS.iter().map(|dialect| &dialect.reference);
    dialects.chain([&graphql::REFERENCE, &retry_after::REFERENCE])
}

fn made_from(name: &str) -> String {
    let place = if name == "README" { "reference.md and " } else { "" };
    format!(
        "<!-- Made from {place}what each dialect says of itself, in crates/http/src/limit/dialect (and retry_after.rs): change\n     \
         that, then run `SPILE_UPDATE_DOCS=1 cargo test -p spile-http reference`. -->\n\n"
    )
}

fn index() -> String {
    let rows: String =
        references().map(|one| format!("| [{}]({}.md) | {} |\n", one.title, one.name, one.about)).collect();
    let mut vendors: Vec<(&str, &Reference)> =
        references().flat_map(|one| one.vendors.iter().map(move |vendor| (vendor.who, one))).collect();
    vendors.sort_by_key(|(who, _)| who.to_lowercase());
    let vendors: String =
        vendors.iter().map(|(who, one)| format!("| {who} | [{}]({}.md) |\n", one.title, one.name)).collect();
    INDEX
        .replace(ROWS, &format!("| page | what it is |\n|---|---|\n{rows}"))
        .replace(VENDORS, &format!("| who | page |\n|---|---|\n{vendors}"))
}

fn page(reference: &Reference, example: &str) -> String {
    let Reference { title, about, vendors, spent, understands, .. } = reference;
    let reads = what_is_read(reference);
    let vendors: String = vendors.iter().map(|vendor| section(vendor, *understands)).collect();
    format!(
        "# Limits: {title}\n\n{about}\n\n## What is read\n\n{reads}\n## Who tells so\n\nWhat Spile makes of answers that \
         came on 2026-01-01 at 12:00:00 UTC:\n\n{vendors}## When nothing is left\n\n{spent}\n\nWhat holds for all limits \
         that answers tell of is [on the first page](README.md#what-spile-does).\n\n## Example\n\nWhat answers tell is \
         kept without any setting.\n\n```yaml\n{example}```\n\n[All pages](README.md) · [`rate_limit` in the \
         manual](../pipeline.md#rate_limit)\n"
    )
}

fn what_is_read(reference: &Reference) -> String {
    let notes: String = reference.notes.iter().map(|note| format!("- {note}\n")).collect();
    let tables = reference.reads.iter().map(words::table);
    let parts: Vec<String> = tables.chain((!notes.is_empty()).then_some(notes)).collect();
    parts.join("\n")
}

fn section(vendor: &Vendor, understands: fn(&str) -> Vec<String>) -> String {
    let Vendor { who, source, answer, rows } = vendor;
    let rows = if rows.is_empty() { String::new() } else { words::rows(rows) + "\n" };
    let told: String = understands(answer).iter().map(|told| format!("- {told}\n")).collect();
    format!("### {who}\n\n{rows}```\n{answer}\n```\n\n{told}\nSource: <{source}>\n\n")
}

#[cfg(test)]
mod tests;
