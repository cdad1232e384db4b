//! The JSONTestSuite, file by file.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use spile_testkit::fake_api::{FakeApi, Response, below};
use spile_testkit::place::shared;

use crate::place::Place;

/// What becomes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is a page: its objects are rows, or kept as rejects, and what is no object is a reject.
    Read,
    /// It is not JSON, and nothing of it is loaded.
    Refused,
}
use Outcome::{Read, Refused};

/// What the standard leaves open, and what Spile does. Where a page is read, each of its values is kept exactly; a lone
/// surrogate is a flagged escape, and bytes that are not UTF-8 cost their record.
const LEFT_OPEN: [(&str, Outcome); 35] = [
    ("i_number_double_huge_neg_exp", Read),
    ("i_number_huge_exp", Read),
    ("i_number_neg_int_huge_exp", Read),
    ("i_number_pos_double_huge_exp", Read),
    ("i_number_real_neg_overflow", Read),
    ("i_number_real_pos_overflow", Read),
    ("i_number_real_underflow", Read),
    ("i_number_too_big_neg_int", Read),
    ("i_number_too_big_pos_int", Read),
    ("i_number_very_big_negative_int", Read),
    ("i_object_key_lone_2nd_surrogate", Read),
    ("i_string_1st_surrogate_but_2nd_missing", Read),
    ("i_string_1st_valid_surrogate_2nd_invalid", Read),
    // No API sends UTF-16: JSON is UTF-8 (RFC 8259, section 8.1).
    ("i_string_UTF-16LE_with_BOM", Refused),
    ("i_string_UTF-8_invalid_sequence", Read),
    ("i_string_UTF8_surrogate_U+D800", Read),
    ("i_string_incomplete_surrogate_and_escape_valid", Read),
    ("i_string_incomplete_surrogate_pair", Read),
    ("i_string_incomplete_surrogates_escape_valid", Read),
    ("i_string_invalid_lonely_surrogate", Read),
    ("i_string_invalid_surrogate", Read),
    ("i_string_invalid_utf-8", Read),
    ("i_string_inverted_surrogates_U+1D11E", Read),
    ("i_string_iso_latin_1", Read),
    ("i_string_lone_second_surrogate", Read),
    ("i_string_lone_utf8_continuation_byte", Read),
    ("i_string_not_in_unicode_range", Read),
    ("i_string_overlong_sequence_2_bytes", Read),
    ("i_string_overlong_sequence_6_bytes", Read),
    ("i_string_overlong_sequence_6_bytes_null", Read),
    ("i_string_truncated-utf-8", Read),
    ("i_string_utf16BE_no_BOM", Refused),
    ("i_string_utf16LE_no_BOM", Refused),
    // Depth is no limit: below the depth of columns, nesting is kept as its text.
    ("i_structure_500_nested_arrays", Read),
    ("i_structure_UTF-8_BOM_empty_object", Read),
];

/// The bytes of every file of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())).collect()
}

/// Each file is the page of a stream of its own, in one run.
#[test]
fn every_file_is_read_or_refused_as_it_should_be() {
    let Some(folder) = shared("data/json/test_parsing") else { return };
    let files = files(&folder);
    let outcomes = outcomes(&files);
    let left_open: BTreeMap<&str, Outcome> = LEFT_OPEN.into();
    let mut wrong = Vec::new();
    for (name, stream) in &outcomes {
        let right = match &name[..2] {
            "y_" => Read,
            "n_" => Refused,
            _ => left_open[name.as_str()],
        };
        let refused = stream.message.as_deref();
        match right {
            Read if refused.is_some() => wrong.push(format!("{name} is refused: {refused:?}")),
            Read if name.starts_with("y_") && stream.records != Some(elements(&files[name])) => {
                wrong.push(format!("{name} has {} elements, and {:?} came", elements(&files[name]), stream.records));
            }
            Refused if refused.is_none() => wrong.push(format!("{name} is read: {:?} records", stream.records)),
            Refused if !refused.is_some_and(|said| said.contains("JSON") || said.contains("body is")) => {
                wrong.push(format!("{name} fails for another reason: {refused:?}"));
            }
            _ => {}
        }
    }
    assert_eq!(outcomes.len(), files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many records a page has that is all of a document.
fn elements(text: &[u8]) -> u64 {
    match serde_json::from_slice::<Value>(text).unwrap() {
        Value::Array(elements) => elements.len() as u64,
        Value::Null => 0,
        _ => 1,
    }
}

/// How the stream of one file ended.
struct Ended {
    /// Rows and rejects, where it went well.
    records: Option<u64>,
    /// What was said, where it failed.
    message: Option<String>,
}

fn outcomes(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Ended> {
    let names: Vec<&String> = files.keys().collect();
    let api = FakeApi::start_blocking();
    let pages: Vec<Vec<u8>> = files.values().cloned().collect();
    api.route(below("/"), move |request| {
        let at: usize = request.path.trim_start_matches('/').parse().unwrap();
        Response::json_text(pages[at].clone())
    });
    let streams: String = (0..names.len()).map(|at| format!("  s{at}: {{ path: /{at}, write: append }}\n")).collect();
    let place = Place::new();
    let text = format!(
        "name: suite\nsource:\n  base_url: {}\n  retries: {{ attempts: 1 }}\nstreams:\n{streams}destination: duckdb:suite.duckdb\n",
        api.url()
    );
    std::fs::write(place.path("pipeline.yaml"), text).unwrap();
    let called = place.call(&["run", "pipeline.yaml", "--json"]);
    assert_eq!(called.code, 1, "{}", called.stderr);
    let events: Vec<Value> = called.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let name_of = |stream: &Value| names[stream.as_str().unwrap()[1..].parse::<usize>().unwrap()].clone();
    let flagged = place.query("suite.duckdb", "SELECT stream, count(*) FROM _spile_rejects WHERE loaded GROUP BY ALL");
    let flagged: BTreeMap<&str, u64> = flagged
        .iter()
        .map(|row| row.split_once('|').unwrap())
        .map(|(stream, count)| (stream, count.parse().unwrap()))
        .collect();
    let mut ended: BTreeMap<String, Ended> = events
        .iter()
        .filter(|event| event["event"] == "stream_finished")
        .map(|event| {
            let count = |what: &str| event[what].as_u64().unwrap();
            let went_well = event["outcome"] == "succeeded";
            assert!(went_well || count("rows") + count("rejected") == 0, "a refused page leaves nothing: {event}");
            let flagged = flagged.get(event["stream"].as_str().unwrap()).copied().unwrap_or_default();
            let records = went_well.then(|| count("rows") + count("rejected") - flagged);
            (name_of(&event["stream"]), Ended { records, message: None })
        })
        .collect();
    for error in events.last().unwrap()["errors"].as_array().unwrap() {
        ended.get_mut(&name_of(&error["stream"])).unwrap().message =
            Some(error["message"].as_str().unwrap().to_owned());
    }
    ended
}

/// Every value of the suite beside every other, in one column of one page: each is kept as its very text.
#[test]
fn every_value_is_kept_exactly_beside_all_others() {
    let (Some(parsing), Some(transform)) = (shared("data/json/test_parsing"), shared("data/json/test_transform"))
    else {
        return;
    };
    let mut files = files(&parsing);
    files.retain(|name, _| name.starts_with("y_") || LEFT_OPEN.contains(&(name.as_str(), Read)));
    // A byte order mark belongs before a page, not into it.
    files.remove("i_structure_UTF-8_BOM_empty_object");
    files.extend(self::files(&transform));
    let mut page = b"[".to_vec();
    for (name, value) in &files {
        page.extend(format!("{}{{\"name\": \"{name}\", \"value\": ", if page.len() > 1 { "," } else { "" }).bytes());
        page.extend(value);
        page.push(b'}');
    }
    page.push(b']');
    let api = super::serving(vec![page]);
    let place =
        Place::with_pipeline(&api.url(), "  records: { path: /records, pagination: page_number, write: append }");
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    let query = |sql: &str| place.query("test.duckdb", sql);

    assert_eq!(query("SELECT DISTINCT typeof(value) FROM records"), ["JSON"]);
    assert_eq!(query("SELECT count(*) FROM records WHERE value IS NOT NULL AND NOT json_valid(value)"), ["0"]);
    let kept: BTreeMap<String, String> = query("SELECT name || '|' || coalesce(value, 'null') FROM records")
        .iter()
        .map(|row| row.split_once('|').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let flagged = query("SELECT record FROM _spile_rejects WHERE loaded");
    let rejected = query("SELECT record FROM _spile_rejects WHERE NOT loaded");
    for (name, bytes) in &files {
        match std::str::from_utf8(bytes) {
            Err(_) => {
                assert!(!kept.contains_key(name), "{name} is not UTF-8");
                assert!(rejected.iter().any(|record| record.contains(name.as_str())), "{name} is kept as a reject");
            }
            Ok(text) if serde_json::from_str::<Value>(text).is_err() && text.contains("\\u") => {
                let told = flagged
                    .iter()
                    .any(|record| record.contains(&format!("\"{name}\"")) && record.contains(text.trim()));
                assert!(told, "{name} is changed without a word: {}", kept[name]);
            }
            Ok(text) => assert_eq!(kept[name], text.trim_matches([' ', '\t', '\n', '\r']), "{name}"),
        }
    }
    assert_eq!(kept.len() + rejected.len(), files.len());
}
