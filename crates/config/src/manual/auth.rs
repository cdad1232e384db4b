//! The reference of authentication: a page for each kind, and for each of the ways to a token that `oauth2` knows.
//!
//! In: texts with directives, one for each page, and the examples, which are files that load by themselves. Out: pages
//! as Markdown. A kind that is added to the `…Spec` types has to have a page and an example: tests see to it.

use super::{Manual, Page};

/// The manual, as seen from a page.
const MANUAL: &str = "../pipeline.md";

/// Where the index has a row for each page.
const ROWS: &str = "<!-- pages -->\n";

const INDEX: &str = include_str!("auth/README.md");

/// The name and the text of each page, in the order of the index.
const TEXTS: [(&str, &str); 18] = [
    ("bearer", include_str!("auth/bearer.md")),
    ("basic", include_str!("auth/basic.md")),
    ("digest", include_str!("auth/digest.md")),
    ("api_key", include_str!("auth/api_key.md")),
    ("oauth2", include_str!("auth/oauth2.md")),
    ("oauth2_private_key", include_str!("auth/oauth2_private_key.md")),
    ("oauth2_refresh_token", include_str!("auth/oauth2_refresh_token.md")),
    ("oauth2_login", include_str!("auth/oauth2_login.md")),
    ("oauth2_device", include_str!("auth/oauth2_device.md")),
    ("jwt_bearer", include_str!("auth/jwt_bearer.md")),
    ("google_service_account", include_str!("auth/google_service_account.md")),
    ("session", include_str!("auth/session.md")),
    ("github_app", include_str!("auth/github_app.md")),
    ("aws", include_str!("auth/aws.md")),
    ("hmac", include_str!("auth/hmac.md")),
    ("mutual_tls", include_str!("auth/mutual_tls.md")),
    ("choose", include_str!("auth/choose.md")),
    ("none", include_str!("auth/none.md")),
];

/// The pages of the kinds of authentication, their index (`README`) first. `example` is the text of the example of that
/// name.
#[must_use]
pub fn auth_pages(example: &dyn Fn(&str) -> String) -> Vec<Page> {
    let pages = TEXTS.map(|(name, text)| Page { name, text: page(name, text, example) });
    let rows: String = pages.iter().map(row).collect();
    let table = format!("| page | what it is |\n|---|---|\n{rows}");
    let index = made_from("README") + &INDEX.replace(ROWS, &table);
    [Page { name: "README", text: index }].into_iter().chain(pages).collect()
}

fn page(name: &str, text: &'static str, example: &dyn Fn(&str) -> String) -> String {
    let body = Manual::of(text, MANUAL, example).made(text);
    format!("{}{body}\n[All kinds](README.md) · [The manual]({MANUAL}#authentication)\n", made_from(name))
}

fn made_from(name: &str) -> String {
    format!(
        "<!-- Made from crates/config/src/manual/auth/{name}.md and the types in crates/config/src/spec: change those, then\n     \
         run `SPILE_UPDATE_DOCS=1 cargo test -p spile-config manual`. -->\n\n"
    )
}

/// The row of a page in the index: its title, and its first paragraph.
fn row(page: &Page) -> String {
    let mut paragraphs = page.text.split("\n\n").skip(1);
    let title = paragraphs.next().unwrap_or_default().trim_start_matches("# ");
    let about = paragraphs.next().unwrap_or_default().replace('\n', " ");
    super::row(&[&format!("[{title}]({}.md)", page.name), about.trim_end()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::manual::{Directive, is_short, list, properties};
    use crate::parse::parse;
    use crate::source::Source;
    use crate::spec::schema::json_schema;
    use crate::tree::Node;

    fn example(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/examples/auth/{name}.yaml"));
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("the example {name}: {error}"))
    }

    /// The kinds that the format has, each with the type of its settings, where it has any.
    fn kinds() -> Vec<(&'static str, Option<&'static str>)> {
        let kinds = list(&json_schema()["$defs"]["AuthSpec"], "oneOf").iter().filter(|kind| !is_short(kind));
        let named = kinds.flat_map(|kind| {
            let alone = kind["const"].as_str().map(|word| (word, None));
            let with_settings = properties(kind).map(|(tag, content)| {
                (tag.as_str(), content["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")))
            });
            alone.into_iter().chain(with_settings)
        });
        named.collect()
    }

    /// The kinds that an example uses.
    fn used(text: &str) -> BTreeSet<String> {
        let source = Source::new("example", text);
        let tree = parse(&source, &mut Diagnostics::new(source.clone())).expect("an example is YAML");
        let source = &tree.root.entry("source").expect("an example has a source").value;
        source.entry("auth").map(|auth| kinds_in(&auth.value)).unwrap_or_default()
    }

    fn kinds_in(auth: &Node) -> BTreeSet<String> {
        if let Some(word) = auth.scalar() {
            return BTreeSet::from([word.text.clone()]);
        }
        let mut found = BTreeSet::new();
        for kind in auth.entries().into_iter().flatten() {
            found.insert(kind.key.clone());
            let inner = kind.value.entry("from").and_then(|from| from.value.entries());
            found.extend(inner.into_iter().flatten().flat_map(|one| kinds_in(&one.value)));
        }
        found
    }

    fn examples_of(text: &'static str) -> impl Iterator<Item = &'static str> {
        text.lines().filter_map(|line| match Directive::parse(line)? {
            Directive::Example { name } => Some(name),
            _ => None,
        })
    }

    #[test]
    fn every_kind_has_a_page_with_all_of_its_keys_and_an_example_that_uses_it() {
        let kinds = kinds();
        assert!(kinds.len() >= 12, "only these kinds were found: {kinds:?}");
        for (kind, spec) in kinds {
            let (_, text) = TEXTS.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("no page on {kind}"));
            let directives: Vec<_> = text.lines().filter_map(Directive::parse).collect();
            let says = |wanted: &Directive<'_>| match wanted {
                Directive::Kind { name, .. } => *name == kind,
                _ => false,
            };
            assert!(directives.iter().any(says), "the page on {kind} does not say what it is");
            let lists = |spec: &str| {
                let all = |directive: &Directive<'_>| matches!(directive, Directive::Keys { spec: listed, only } if *listed == spec && only.is_empty());
                directives.iter().any(all)
            };
            assert!(spec.is_none_or(lists), "the page on {kind} does not list all of its keys");
            let mut examples = examples_of(text).map(example);
            assert!(examples.any(|text| used(&text).contains(kind)), "no example on the page of {kind} uses it");
        }
    }

    #[test]
    fn every_page_has_an_example_and_every_example_a_page() {
        let mut shown = BTreeSet::new();
        for (name, text) in TEXTS {
            let before = shown.len();
            shown.extend(examples_of(text).map(str::to_owned));
            assert!(shown.len() > before, "the page {name} has no example of its own");
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/auth");
        let files = std::fs::read_dir(folder).expect("there are examples");
        let there =
            files.map(|file| file.expect("a file").path().file_stem().expect("a name").to_string_lossy().into());
        assert_eq!(there.collect::<BTreeSet<String>>(), shown);
    }
}
