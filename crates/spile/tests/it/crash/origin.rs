//! What the origin holds: records whose types drift from page to page, and what changes from round to round.

use serde_json::{Map, Value, json};

/// Records of the first round: at 12 to a page, 40 pages.
pub(super) const RECORDS: usize = 480;

/// Records that each later round adds.
const ADDED: usize = 120;

/// So many records share a value of the cursor, some of them across pages and rounds.
const SHARED: usize = 7;

/// What a round's changes begin with, so that their cursor is above all before.
const ROUND: usize = 1_000;

/// A record whose columns come and widen as the numbers rise: a new column, an integer that becomes a float and then
/// JSON, fields that a struct gains, a list, an instant.
fn drifting(id: usize, version: usize) -> Map<String, Value> {
    let mut place = json!({ "city": format!("c{}", id % 7) });
    if id >= 140 {
        place["zip"] = json!(10_000 + id);
    }
    if id >= 330 {
        place["at"] = json!({ "lat": 0.5, "lon": id });
    }
    let drift = match id {
        0..=149 => json!(id),
        150..=299 => json!(0.5),
        _ if id.is_multiple_of(5) => json!(format!("about {id}")),
        _ => json!({ "of": id }),
    };
    let mut record = json!({ "id": id, "at": id / SHARED, "version": version, "drift": drift, "place": place });
    if id >= 90 {
        record["tier"] = json!(["free", "paid"][id % 2]);
    }
    if id >= 250 {
        record["tags"] = json!([id, id + 1]);
    }
    if id >= 400 {
        record["seen"] = json!("2026-01-02T03:04:05Z");
        record["amount"] = if id >= 500 { json!(1.25) } else { json!(3) };
    }
    record.as_object().cloned().unwrap_or_default()
}

fn total(round: usize) -> usize {
    RECORDS + round * ADDED
}

/// Records that are only ever added, with a cursor that several share.
pub(super) fn growing(round: usize) -> Vec<Value> {
    (0..total(round)).map(|id| Value::Object(drifting(id, 0))).collect()
}

/// [`growing`] with texts so long that DuckDB's log grows beyond the 16 MiB at which it is written into the file while the
/// run goes on.
pub(super) fn large(round: usize) -> Vec<Value> {
    let mut records = growing(round);
    for record in &mut records {
        record["text"] = json!(format!("{:>40000}", record["id"].to_string()));
    }
    records
}

/// [`growing`], in an order that has nothing to do with the cursor.
pub(super) fn shuffled(round: usize) -> Vec<Value> {
    let mut records = growing(round);
    // A stride without a common factor with the length visits each place once.
    let (length, stride) = (records.len(), 97);
    (0..length).map(|place| records[place * stride % length].take()).collect()
}

/// Keys that come twice in one read, with another version further down, and that change from round to round.
pub(super) fn changing(round: usize) -> Vec<Value> {
    let again = (0..total(round)).filter(|id| id % 6 == round % 6).map(|id| drifting(id, 10 + round));
    (0..total(round)).map(|id| drifting(id, round)).chain(again).map(Value::Object).collect()
}

/// Each change moves its record to the end of the cursor's order, as `updated_at` does.
pub(super) fn updated(round: usize) -> Vec<Value> {
    let stamped = |id: usize| {
        let changed = |at: &usize| if id < total(at - 1) { id % 5 == at % 5 } else { id < total(*at) };
        let version = (1..=round).rev().find(changed).unwrap_or_default();
        let mut record = drifting(id, version);
        record.insert("at".to_owned(), json!(version * ROUND + id / SHARED));
        Value::Object(record)
    };
    (0..total(round)).map(stamped).collect()
}

/// [`updated`], in an order that has nothing to do with the cursor.
pub(super) fn updated_shuffled(round: usize) -> Vec<Value> {
    let mut records = updated(round);
    records.sort_by_key(|record| record["id"].as_u64().map(|id| (id * 7919) % 1013));
    records
}

/// Records with lists of objects, which have lists themselves; the lists change with the version.
fn with_lines(mut record: Map<String, Value>) -> Value {
    let (id, version) = (record["id"].as_u64().unwrap_or_default(), record["version"].as_u64().unwrap_or_default());
    let line = |number: u64| {
        let mut line = json!({ "sku": format!("s{id}-{number}-{version}"), "quantity": number });
        if id >= 200 {
            line["notes"] = json!([format!("note {number}"), format!("of {id}")]);
        }
        if id >= 320 {
            line["quantity"] = json!(0.5);
        }
        line
    };
    record.insert("lines".to_owned(), (0..(id + version) % 4).map(line).collect());
    Value::Object(record)
}

/// [`growing`] with child tables.
pub(super) fn growing_lines(round: usize) -> Vec<Value> {
    (0..total(round)).map(|id| with_lines(drifting(id, 0))).collect()
}

/// [`changing`] with child tables.
pub(super) fn changing_lines(round: usize) -> Vec<Value> {
    let lines = |record: Value| with_lines(record.as_object().cloned().unwrap_or_default());
    changing(round).into_iter().map(lines).collect()
}
