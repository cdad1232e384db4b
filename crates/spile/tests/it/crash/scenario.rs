//! The ways of writing that are put to the test. Data alone: [`super::trial`] plays them.

use serde_json::Value;

use super::origin;
use super::tables::{ITEMS, LINES, NOTES, OTHERS};

/// A way of writing, and an origin that makes it hard.
pub(super) struct Scenario {
    /// As the table of `cargo xtask crash` names it.
    pub(super) name: &'static str,
    /// The pipeline's streams: each one's name and settings.
    pub(super) streams: &'static [(&'static str, &'static str)],
    /// The queries whose results must be equal.
    pub(super) tables: &'static [&'static str],
    /// What the origin holds in each round; a round's last run is left alone.
    pub(super) origin: fn(round: usize) -> Vec<Value>,
    pub(super) rounds: usize,
    /// Whether the API serves the records in the order of the cursor.
    pub(super) ascending: bool,
    /// Whether each run adds everything once more: a killed run is repeated until one succeeded.
    pub(super) adds_all: bool,
    /// As much work as so many others: it gets so many times fewer kills.
    pub(super) weight: u64,
}

const PLAIN: Scenario = Scenario {
    name: "",
    streams: &[],
    tables: &[ITEMS],
    origin: origin::growing,
    rounds: 3,
    ascending: false,
    adds_all: false,
    weight: 1,
};

pub(super) const APPEND: Scenario =
    Scenario { name: "append", streams: &[("items", "write: append")], rounds: 1, adds_all: true, ..PLAIN };

pub(super) const APPEND_TWO_STREAMS: Scenario = Scenario {
    name: "append, two streams",
    streams: &[("items", "write: append"), ("others", "write: append")],
    tables: &[ITEMS, OTHERS],
    rounds: 1,
    adds_all: true,
    ..PLAIN
};

pub(super) const APPEND_ASCENDING: Scenario = Scenario {
    name: "append, ascending",
    streams: &[("items", "write: append, cursor: { field: at, param: since, order: ascending }")],
    ascending: true,
    ..PLAIN
};

pub(super) const APPEND_UNORDERED: Scenario = Scenario {
    name: "append, unordered",
    streams: &[("items", "write: append, cursor: { field: at, param: since }")],
    origin: origin::shuffled,
    ..PLAIN
};

pub(super) const APPEND_LARGE: Scenario = Scenario {
    name: "append, long texts",
    streams: &[("items", "write: append, cursor: { field: at, param: since, order: ascending }")],
    origin: origin::large,
    rounds: 1,
    weight: 5,
    ascending: true,
    ..PLAIN
};

pub(super) const APPEND_LOOKBACK: Scenario = Scenario {
    name: "append, key, lookback",
    streams: &[(
        "items",
        "write: append, primary_key: id, cursor: { field: at, param: since, order: ascending, lookback: 3 }",
    )],
    ascending: true,
    ..PLAIN
};

pub(super) const APPEND_CHILDREN: Scenario = Scenario {
    name: "append, child tables",
    streams: &[("items", "write: append, lists: child_tables, cursor: { field: at, param: since }")],
    tables: &[ITEMS, LINES, NOTES],
    origin: origin::growing_lines,
    ..PLAIN
};

pub(super) const REPLACE: Scenario =
    Scenario { name: "replace", streams: &[("items", "write: replace")], origin: origin::changing, ..PLAIN };

pub(super) const MERGE: Scenario = Scenario {
    name: "merge",
    streams: &[("items", "write: merge, primary_key: id")],
    origin: origin::changing,
    ..PLAIN
};

pub(super) const MERGE_ASCENDING: Scenario = Scenario {
    name: "merge, ascending",
    streams: &[("items", "write: merge, primary_key: id, cursor: { field: at, param: since, order: ascending }")],
    origin: origin::updated,
    ascending: true,
    ..PLAIN
};

pub(super) const MERGE_UNORDERED: Scenario = Scenario {
    name: "merge, unordered",
    streams: &[("items", "write: merge, primary_key: id, cursor: { field: at, param: since }")],
    origin: origin::updated_shuffled,
    ..PLAIN
};

/// The API says which pages have not changed: what it says must never stand for rows that were not committed.
pub(super) const MERGE_CACHED: Scenario = Scenario {
    name: "merge, cached",
    streams: &[("items", "write: merge, primary_key: id, cache: true")],
    origin: origin::updated_shuffled,
    ..PLAIN
};

pub(super) const APPEND_CACHED: Scenario = Scenario {
    name: "append, unordered, cached",
    streams: &[("items", "write: append, cursor: { field: at, param: since }, cache: true")],
    origin: origin::shuffled,
    ..PLAIN
};

pub(super) const MERGE_CHILDREN: Scenario = Scenario {
    name: "merge, child tables",
    streams: &[("items", "write: merge, primary_key: id, lists: child_tables")],
    tables: &[ITEMS, LINES, NOTES],
    origin: origin::changing_lines,
    rounds: 2,
    ..PLAIN
};
