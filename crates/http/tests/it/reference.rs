//! The reference of limits (`docs/limits`) is the one that the code makes, and each page has its example. That the
//! examples load is for `config` to see, which reads all of `docs/examples`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use spile_http::limit_pages;

/// Set to 1, the test writes the pages instead of checking them.
const UPDATE: &str = "SPILE_UPDATE_DOCS";

fn docs(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(path)
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(docs(folder)).unwrap().map(|file| file.unwrap().path());
    files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn example(name: &str) -> String {
    fs::read_to_string(docs(&format!("examples/limits/{name}.yaml")))
        .unwrap_or_else(|error| panic!("the page {name} has no example: {error}"))
}

#[test]
fn the_reference_of_limits_is_the_one_that_the_code_makes() {
    let pages = limit_pages(&example);
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        fs::create_dir_all(docs("limits")).unwrap();
        names_in("limits").iter().for_each(|old| fs::remove_file(docs(&format!("limits/{old}.md"))).unwrap());
        pages.iter().for_each(|page| fs::write(docs(&format!("limits/{}.md", page.name)), &page.text).unwrap());
    }
    let renew = format!("renew them by `{UPDATE}=1 cargo test -p spile-http reference`, and read them");
    let there = |name: &str| fs::read_to_string(docs(&format!("limits/{name}.md"))).unwrap_or_default();
    let stale: Vec<&str> = pages.iter().filter(|page| there(page.name) != page.text).map(|page| page.name).collect();
    assert!(stale.is_empty(), "these pages of docs/limits are stale: {stale:?}; {renew}");

    let made: BTreeSet<String> = pages.iter().map(|page| page.name.to_owned()).collect();
    assert_eq!(names_in("limits"), made, "docs/limits has other pages: {renew}");
    assert!(made.len() > 10, "only these pages were made: {made:?}");
    let examples: BTreeSet<String> = made.into_iter().filter(|name| name != "README").collect();
    assert_eq!(names_in("examples/limits"), examples, "every example belongs to a page");
}
