//! `replace`: a reader sees the old table or the new one, whole, and nothing else ever.

use serde_json::json;

use super::session::{Session, stream, up_to};
use super::{Subject, table};

/// There is nothing to be replaced yet.
pub async fn a_first_run_fills_the_table(subject: &dyn Subject) {
    let session = Session::begin(subject).await;
    let items = stream("items").replace();
    let mut writing = session.open(&items).await;
    writing.write(json!([{"id": 1}]), up_to(1)).await.expect("records can be written");
    writing.write(json!([{"id": 2}]), up_to(2)).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    assert_eq!(session.checkpoint(&items).await.partitions.into_values().collect::<Vec<_>>(), [up_to(2)]);
    session.end().await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[1], [2]]));
}

/// Committed pages of the new table do not show before the last.
pub async fn the_table_is_swapped_only_when_the_stream_is_complete(subject: &dyn Subject) {
    let items = stream("items").replace();
    Session::whole_run(subject, &items, json!([{"id": 1}, {"id": 2}]), 1).await;
    let tables = subject.tables().await;
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    writing.write(json!([{"id": 3}]), up_to(2)).await.expect("records can be written");
    writing.flush().await.expect("a flush commits");
    drop(writing);
    drop(session);
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[1], [2]]), "not complete, so not swapped");

    Session::whole_run(subject, &items, json!([{"id": 4}]), 3).await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[4]]));
    assert_eq!(subject.tables().await, tables, "the staging table of the abandoned run is gone");
}

/// A stream that is finished without being complete keeps its old table.
pub async fn an_incomplete_stream_leaves_the_table(subject: &dyn Subject) {
    let items = stream("items").replace();
    Session::whole_run(subject, &items, json!([{"id": 1}]), 1).await;
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    writing.write(json!([{"id": 2}]), up_to(2)).await.expect("records can be written");
    writing.finish(false).await.expect("a stream can be left");
    session.end().await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[1]]));
}

/// Not even on the first run, and not in the next one's table.
pub async fn an_abandoned_run_leaves_nothing_behind(subject: &dyn Subject) {
    let items = stream("items").replace();
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    writing.write(json!([{"id": 1, "only_here": true}]), up_to(1)).await.expect("records can be written");
    writing.flush().await.expect("a flush commits");
    drop(writing);
    drop(session);
    assert!(table(subject, "items").await.is_empty());

    Session::whole_run(subject, &items, json!([{"id": 2}]), 2).await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[2]]));
    let leftover: Vec<String> =
        subject.tables().await.into_iter().filter(|name| name.contains("items") && name != "items").collect();
    assert!(leftover.is_empty(), "{leftover:?}");
}

/// The origin may have become empty, and the table follows.
pub async fn a_complete_run_without_rows_empties_the_table(subject: &dyn Subject) {
    let items = stream("items").replace();
    Session::whole_run(subject, &items, json!([{"id": 1}]), 1).await;
    Session::whole_run(subject, &items, json!([]), 2).await;
    assert!(table(subject, "items").await.is_empty());
}

/// New columns and wider types come with the new table.
pub async fn the_new_rows_may_have_other_columns(subject: &dyn Subject) {
    let items = stream("items").replace();
    Session::whole_run(subject, &items, json!([{"id": 1, "old": 1}]), 1).await;
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    writing.write(json!([{"id": 2}]), up_to(2)).await.expect("records can be written");
    writing.write(json!([{"id": "three", "new": [1]}]), up_to(3)).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;
    assert_eq!(
        table(subject, "items").await.only(&["id", "old", "new"]),
        json!([["three", null, [1]], [2, null, null]])
    );
}

/// `orders__archive` is not a table of `orders`.
pub async fn a_stream_leaves_alone_what_another_with_a_similar_name_fills(subject: &dyn Subject) {
    let (orders, archive) = (stream("orders").replace().children(), stream("orders__archive").replace().children());
    let record = json!([{"id": 1, "lines": [{"n": 1}]}]);
    let session = Session::begin(subject).await;
    let mut filling = session.open(&archive).await;
    filling.write(record.clone(), up_to(1)).await.expect("records can be written");
    filling.flush().await.expect("a flush commits");
    let mut writing = session.open(&orders).await;
    writing.write(record, up_to(1)).await.expect("records can be written");
    writing.flush().await.expect("a flush commits");
    writing.finish(false).await.expect("a stream can end early");
    filling.write(json!([{"id": 2, "lines": [{"n": 2}]}]), up_to(2)).await.expect("records can be written");
    filling.finish(true).await.expect("a stream can be finished");
    session.end().await;
    assert_eq!(table(subject, "orders__archive").await.only(&["id"]), json!([[1], [2]]));
    assert_eq!(table(subject, "orders__archive__lines").await.len(), 2);
}
