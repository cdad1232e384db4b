//! What the program says when something is wrong, word by word: what happened, where, and what to do about it.
//!
//! Read every snapshot as somebody who was woken by it.

mod answers;
mod destinations;
mod files;
mod networks;

use std::ffi::OsStr;

use crate::place::{Called, Place};

/// Runs the pipeline and gives what a person then sees, and how the program ended, without what differs from run to
/// run: `shown` has words and what they are shown as.
fn told(place: &Place, shown: &[(&str, &str)]) -> String {
    told_with_env(place, [("SPILE_TEST_UNUSED", "")], shown)
}

/// As [`told`], with environment variables.
fn told_with_env<V: AsRef<OsStr>>(
    place: &Place,
    env: impl IntoIterator<Item = (V, V)>,
    shown: &[(&str, &str)],
) -> String {
    let output = place.command(&["run", "pipeline.yaml", "--quiet"]).envs(env).output().unwrap();
    let called = Called::from(&output);
    assert_eq!(called.stdout, "", "a quiet run keeps stdout for nobody");
    let folder = place.path("").display().to_string();
    let mut said = called.stderr.replace(folder.trim_end_matches('/'), "FOLDER");
    for (word, instead) in shown {
        said = said.replace(word, instead);
    }
    format!("{said}exit code {}", called.code)
}

/// A place whose `pipeline.yaml` is this text.
fn place(text: &str) -> Place {
    let place = Place::new();
    std::fs::write(place.path("pipeline.yaml"), text).unwrap();
    place
}

/// One try, and no patience: what is told must not depend on how often it was tried.
const ONCE: &str = "  retries: { attempts: 1 }\n";

/// A pipeline with one stream, and more lines in its source.
fn pipeline(base_url: &str, source: &str, stream: &str) -> Place {
    place(&format!(
        "name: shop\nsource:\n  base_url: {base_url}\n{source}streams:\n  orders: {stream}\ndestination: duckdb:shop.duckdb\n"
    ))
}
