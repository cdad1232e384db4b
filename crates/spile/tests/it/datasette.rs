//! Real input: data sets that people publish, through a server that people run, into DuckDB, and every value compared
//! with where it came from. Then the origin changes, and exactly the change comes.

mod origin;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::origin::Origin;
use self::rows::{Row, Rows};
use crate::place::Place;

const PIPELINE: &str = include_str!("datasette/pipeline.yaml");

/// What a stream's last event says: rows committed and requests sent.
type Reports = BTreeMap<String, (u64, u64)>;

#[test]
fn every_value_of_real_data_sets_arrives_and_a_second_run_brings_exactly_the_change() {
    let place = Place::new();
    std::fs::write(place.path("vega.yaml"), PIPELINE).unwrap();
    let origin = Origin::serve_in(&place.path(""));

    let first = run(&place, &origin);
    let before = origin.tables();
    assert_eq!(first.len(), before.len(), "every table is a stream");
    assert_same(&place, &before);
    for (table, rows) in &before {
        let pages = (rows.0.len() as u64).div_ceil(1000);
        assert_eq!(first[table], (rows.0.len() as u64, pages.max(1)), "rows and requests of {table}");
    }

    origin.change();
    let second = run(&place, &origin);
    let after = origin.tables();
    assert_same(&place, &after);
    for table in ["airports", "seattle_weather"] {
        assert_only_the_change_was_written(&place, table, &before, &after);
    }
    assert_eq!(second["airports"].1, 1, "only changed rows were asked for");
    assert_eq!(second["seattle_weather"], (31, 1), "the last day that was there is recognised and not added again");

    let third = run(&place, &origin);
    assert_same(&place, &after);
    assert_eq!((third["airports"], third["seattle_weather"]), ((0, 1), (0, 1)), "nothing changed, nothing comes");
}

/// Runs the pipeline, and hears what became of each stream.
fn run(place: &Place, origin: &Origin) -> Reports {
    let output = place.command(&["run", "vega.yaml", "--json"]).env("DATASETTE_URL", origin.url()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    let events = stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let count = |event: &Value, name: &str| event[name].as_u64().unwrap_or_else(|| panic!("{name} of {event}"));
    events
        .filter(|event| event["event"] == "stream_finished")
        .map(|event| {
            assert_eq!(count(&event, "rejected"), 0, "{event}");
            (event["stream"].as_str().unwrap().to_owned(), (count(&event, "rows"), count(&event, "requests")))
        })
        .collect()
}

/// Every table holds the rows of the origin, value by value.
fn assert_same(place: &Place, origin: &[(String, Rows)]) {
    for (table, rows) in origin {
        let loaded = Rows::of_destination(&place.path("vega.duckdb"), table, "true");
        assert_eq!(loaded.0.len(), rows.0.len(), "rows of {table}");
        for (loaded, row) in loaded.0.iter().zip(&rows.0) {
            assert_eq!(loaded, row, "a row of {table}");
        }
    }
}

/// The rows that the last run wrote are those that the origin had not before.
fn assert_only_the_change_was_written(place: &Place, table: &str, before: &[(String, Rows)], after: &[(String, Rows)]) {
    let of = |tables: &[(String, Rows)]| {
        let (_, rows) = tables.iter().find(|(name, _)| name == table).unwrap();
        rows.0.clone()
    };
    let known: BTreeSet<Row> = of(before).into_iter().collect();
    let changed = Rows(of(after).into_iter().filter(|row| !known.contains(row)).collect());
    assert!(!changed.0.is_empty());
    let written = Rows::of_destination(&place.path("vega.duckdb"), table, "_spile_run = 2");
    assert_eq!(written, changed, "what the second run wrote to {table}");
}
