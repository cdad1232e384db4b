//! A data set on disk: numbered page files as an API would answer them, and the same records as one NDJSON file.
//!
//! Written page by page, so that this process stays small: on Linux a child's peak memory counts from its parent's.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::dataset::{self, Dataset};
use super::draw::Draw;
use crate::problem::{Context, Problem, Result};
use crate::tools;

/// Generated files and what a correct output of them contains.
pub(super) struct Pages {
    /// Holds `items/1.json`, `items/2.json`, …
    pub(super) root: PathBuf,
    pub(super) ndjson: PathBuf,
    pub(super) count: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// The sum of all amounts, exact.
    pub(super) cents: u64,
}

/// A line for so many generated pages, which take some seconds: it is seen that something happens.
const PAGES_PER_LINE: u64 = 500;

/// Changes when the generator does, so that old files are written anew.
const GENERATOR: u32 = 1;

impl Pages {
    /// Generates `count` pages whose `next` links lead to `base_url`, unless they already lie in `folder`.
    pub(super) fn prepare(folder: &Path, dataset: &Dataset, count: u64, base_url: &str) -> Result<Self> {
        let root = folder.join(format!("{}-{count}", dataset.name));
        let stamp = root.join("STAMP");
        let version = format!("generator {GENERATOR}, {base_url}, {} records a page", dataset.records_per_page);
        let totals = root.join("TOTALS");
        let mut pages = Self {
            ndjson: root.join("items.ndjson"),
            root,
            count,
            rows: count * dataset.records_per_page,
            bytes: 0,
            cents: 0,
        };
        if tools::is_stamped(&stamp, &version) {
            let text = fs::read_to_string(&totals).at("cannot read", &totals)?;
            (pages.bytes, pages.cents) = parse_totals(&text).ok_or_else(|| Problem::new("unreadable TOTALS file"))?;
            return Ok(pages);
        }
        println!("bench: generating {count} pages of the data set `{}`", dataset.name);
        pages.generate(dataset, base_url)?;
        fs::write(&totals, format!("{} {}", pages.bytes, pages.cents)).at("cannot write", &totals)?;
        tools::stamp(&stamp, &version)?;
        Ok(pages)
    }

    pub(super) fn glob(&self) -> String {
        format!("{}/items/*.json", self.root.display())
    }

    fn generate(&mut self, dataset: &Dataset, base_url: &str) -> Result {
        if self.root.exists() {
            fs::remove_dir_all(&self.root).at("cannot remove", &self.root)?;
        }
        let items = self.root.join("items");
        fs::create_dir_all(&items).at("cannot create", &items)?;
        let mut ndjson = BufWriter::new(File::create(&self.ndjson).at("cannot create", &self.ndjson)?);
        let columns = dataset.columns();
        let mut draw = Draw::seeded(42);
        for number in 1..=self.count {
            if number.is_multiple_of(PAGES_PER_LINE) {
                println!("bench: {number} of {} pages", self.count);
            }
            let mut body = String::from("{\"data\":[");
            for place in 0..dataset.records_per_page {
                let start = body.len() + usize::from(place > 0);
                if place > 0 {
                    body.push(',');
                }
                let id = (number - 1) * dataset.records_per_page + place + 1;
                self.cents += dataset::write_record(&columns, id, &mut draw, &mut body);
                ndjson
                    .write_all(&body.as_bytes()[start..])
                    .and_then(|()| ndjson.write_all(b"\n"))
                    .at("cannot write", &self.ndjson)?;
            }
            body.push_str(&envelope_end(number, self.count, base_url));
            self.bytes += body.len() as u64;
            let path = items.join(format!("{number}.json"));
            fs::write(&path, &body).at("cannot write", &path)?;
        }
        ndjson.flush().at("cannot write", &self.ndjson)
    }
}

fn envelope_end(number: u64, count: u64, base_url: &str) -> String {
    let more = number < count;
    let next = if more { format!("\"{base_url}/items/{}.json\"", number + 1) } else { "null".to_owned() };
    format!("],\"next\":{next},\"has_more\":{more},\"page\":{number},\"total_pages\":{count}}}")
}

fn parse_totals(text: &str) -> Option<(u64, u64)> {
    let (bytes, cents) = text.trim().split_once(' ')?;
    Some((bytes.parse().ok()?, cents.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn pages_link_to_each_other_and_hold_the_records_of_the_ndjson_file() {
        let folder = std::env::temp_dir().join(format!("spile-xtask-pages-{}", std::process::id()));
        let pages = Pages::prepare(&folder, &dataset::WIDE, 2, "http://127.0.0.1:1").unwrap();
        let read = |name: &str| fs::read_to_string(pages.root.join(name)).unwrap();
        let first: Value = serde_json::from_str(&read("items/1.json")).unwrap();
        let last: Value = serde_json::from_str(&read("items/2.json")).unwrap();
        assert_eq!(first["next"], "http://127.0.0.1:1/items/2.json");
        assert!(last["next"].is_null());
        let lines: Vec<Value> = read("items.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len() as u64, pages.rows);
        assert_eq!(lines[0], first["data"][0]);
        assert_eq!(lines.last(), last["data"].as_array().unwrap().last());
        let again = Pages::prepare(&folder, &dataset::WIDE, 2, "http://127.0.0.1:1").unwrap();
        assert_eq!((again.bytes, again.cents), (pages.bytes, pages.cents));
        fs::remove_dir_all(&folder).unwrap();
    }
}
