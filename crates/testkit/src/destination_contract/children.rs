//! Child tables: the rows of a list belong to their parent's row, come with it and go with it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use spile_model::Progress;

use super::session::{Session, stream, up_to};
use super::{Subject, table};

/// The parents' `id`s with their parts' names, and the pieces of those, in the lists' order, found by following
/// `_spile_parent`. Panics on a row without its parent and on a row number that two rows share.
async fn family(subject: &dyn Subject) -> BTreeMap<String, Vec<String>> {
    let parents = numbered(&table(subject, "items").await.only(&["_spile_row", "id"]));
    let parts = table(subject, "items__parts").await.only(&["_spile_row", "name", "_spile_parent", "_spile_index"]);
    let part_names = numbered(&parts);
    let mut found: BTreeMap<String, BTreeMap<i64, String>> =
        parents.values().map(|id| (id.clone(), BTreeMap::new())).collect();
    for part in parts.as_array().into_iter().flatten() {
        let parent = parents.get(&part[2].to_string());
        let parent = parent.unwrap_or_else(|| panic!("a part without its parent: {part}"));
        let place = part[3].as_i64().expect("a part has a place");
        found.get_mut(parent).expect("a parent is there").insert(place, plain(&part[1]));
    }
    let pieces = table(subject, "items__parts__pieces").await.only(&["_spile_row", "value", "_spile_parent"]);
    for piece in pieces.as_array().into_iter().flatten() {
        let owner = part_names.get(&piece[2].to_string());
        let owner = owner.unwrap_or_else(|| panic!("a piece without its part: {piece}"));
        let of_owner = found.values_mut().flat_map(BTreeMap::values_mut).filter(|name| *name == owner);
        of_owner.for_each(|name| *name = format!("{name}+{}", plain(&piece[1])));
    }
    found.into_iter().map(|(id, parts)| (id, parts.into_values().collect())).collect()
}

fn numbered(rows: &Value) -> BTreeMap<String, String> {
    let mut numbered = BTreeMap::new();
    for row in rows.as_array().into_iter().flatten() {
        let before = numbered.insert(row[0].to_string(), plain(&row[1]));
        assert_eq!(before, None, "two rows have the number {}", row[0]);
    }
    numbered
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn expected(families: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    families.iter().map(|(id, parts)| ((*id).to_owned(), parts.iter().map(|p| (*p).to_owned()).collect())).collect()
}

/// Three generations, several batches, several runs.
pub async fn each_child_names_its_parent_over_batches_and_runs(subject: &dyn Subject) {
    let items = stream("items").children();
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let first = json!([{"id": 1, "parts": [{"name": "a", "pieces": [7]}, {"name": "b"}]}, {"id": 2, "parts": []}]);
    writing.write(first, up_to(1)).await.expect("records can be written");
    let second = json!([{"id": 3, "parts": [{"name": "c", "pieces": [8]}]}, {"id": 4}]);
    writing.write(second, up_to(2)).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;
    Session::whole_run(subject, &items, json!([{"id": 5, "parts": [{"name": "d"}, {"name": "e"}]}]), 3).await;
    let all: &[(&str, &[&str])] = &[("1", &["a+7", "b"]), ("2", &[]), ("3", &["c+8"]), ("4", &[]), ("5", &["d", "e"])];
    assert_eq!(family(subject).await, expected(all));
}

/// The children of the row that went go with it; those of other rows stay.
pub async fn merging_a_parent_replaces_its_children(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).children();
    let rows = json!([
        {"id": 1, "parts": [{"name": "a", "pieces": [7]}, {"name": "b"}]},
        {"id": 2, "parts": [{"name": "c"}]},
    ]);
    Session::whole_run(subject, &items, rows, 1).await;
    let rows = json!([
        {"id": 1, "parts": [{"name": "d", "pieces": [9]}]},
        {"id": 3, "parts": [{"name": "x"}]},
        {"id": 3, "parts": [{"name": "e"}]},
    ]);
    Session::whole_run(subject, &items, rows, 2).await;
    assert_eq!(family(subject).await, expected(&[("1", &["d+9"]), ("2", &["c"]), ("3", &["e"])]));
    Session::whole_run(subject, &items, json!([{"id": 1}, {"id": 2, "parts": []}]), 3).await;
    assert_eq!(family(subject).await, expected(&[("1", &[]), ("2", &[]), ("3", &["e"])]));
}

/// Whether or not the new rows have lists.
pub async fn replacing_a_table_replaces_its_children(subject: &dyn Subject) {
    let items = stream("items").replace().children();
    Session::whole_run(subject, &items, json!([{"id": 1, "parts": [{"name": "a", "pieces": [7]}]}]), 1).await;
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    writing.write(json!([{"id": 2, "parts": [{"name": "b"}]}]), up_to(2)).await.expect("records can be written");
    writing.flush().await.expect("a flush commits");
    drop(writing);
    drop(session);
    assert_eq!(family(subject).await, expected(&[("1", &["a+7"])]));
    Session::whole_run(subject, &items, json!([{"id": 3, "parts": [{"name": "c"}]}]), 3).await;
    assert_eq!(family(subject).await, expected(&[("3", &["c"])]));
    Session::whole_run(subject, &items, json!([{"id": 4}]), 4).await;
    assert_eq!(family(subject).await, expected(&[("4", &[])]));
}

/// Rows of an unfinished read take their children with them.
pub async fn discarding_unfinished_rows_discards_their_children(subject: &dyn Subject) {
    let items = stream("items").children();
    Session::whole_run(subject, &items, json!([{"id": 0, "parts": [{"name": "old"}]}]), 1).await;
    let session = Session::begin(subject).await;
    let killed = session.run();
    let mut writing = session.open(&items).await;
    let progress = Progress { unfinished: Some(killed), ..up_to(1) };
    let rows = json!([{"id": 1, "parts": [{"name": "a", "pieces": [7]}]}]);
    writing.write(rows.clone(), progress).await.expect("records can be written");
    writing.flush().await.expect("a flush commits");
    drop(writing);
    drop(session);
    Session::whole_run(subject, &items.clone().discard(killed), rows, 2).await;
    assert_eq!(family(subject).await, expected(&[("0", &["old"]), ("1", &["a+7"])]));
}

/// A version that loses by its cursor loses with its children, in the table and inside a batch.
pub async fn an_older_parent_that_loses_brings_no_children(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at").children();
    Session::whole_run(subject, &items, json!([{"id": 1, "at": 5, "parts": [{"name": "a"}]}]), 5).await;
    let rows = json!([
        {"id": 1, "at": 4, "parts": [{"name": "late"}]},
        {"id": 2, "at": 6, "parts": [{"name": "b"}]},
        {"id": 2, "at": 5, "parts": [{"name": "late"}, {"name": "too"}]},
    ]);
    Session::whole_run(subject, &items, rows, 6).await;
    assert_eq!(family(subject).await, expected(&[("1", &["a"]), ("2", &["b"])]));
}
