//! `merge`: one row for each primary key, the one with the latest cursor.

use serde_json::json;

use super::session::{Session, stream, up_to};
use super::{Subject, table};

/// Only rows with the same key are touched.
pub async fn a_row_takes_the_place_of_the_one_with_its_key(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at");
    let first =
        Session::whole_run(subject, &items, json!([{"id": 1, "at": 1}, {"id": 2, "at": 2, "v": "old"}]), 2).await;
    let second =
        Session::whole_run(subject, &items, json!([{"id": 2, "at": 3, "v": "new"}, {"id": 3, "at": 3}]), 3).await;
    let rows = table(subject, "items").await;
    assert_eq!(
        rows.only(&["id", "at", "v", "_spile_run"]),
        json!([[1, 1, null, first], [2, 3, "new", second], [3, 3, null, second]])
    );
}

/// A late page with an old version of a record does not undo the newer one; an equally old one does take its place.
pub async fn a_row_with_an_earlier_cursor_does_not(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at");
    let day = |day: u32| format!("2024-01-{day:02}T00:00:00Z");
    let rows = json!([{"id": 1, "at": day(5), "v": "a"}, {"id": 2, "at": day(5), "v": "a"}]);
    Session::whole_run(subject, &items, rows, 5).await;
    let rows = json!([{"id": 1, "at": day(4), "v": "late"}, {"id": 2, "at": day(5), "v": "same"}]);
    Session::whole_run(subject, &items, rows, 6).await;
    assert_eq!(table(subject, "items").await.only(&["id", "v"]), json!([[1, "a"], [2, "same"]]));
}

/// Whichever of them comes first.
pub async fn a_row_without_a_cursor_is_older_than_any_that_has_one(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at");
    let rows = json!([{"id": 1, "at": 5, "v": "a"}, {"id": 2, "at": null, "v": "a"}, {"id": 3, "v": "a"}]);
    Session::whole_run(subject, &items, rows, 5).await;
    let rows = json!([{"id": 1, "at": null, "v": "late"}, {"id": 2, "at": -1, "v": "b"}, {"id": 3, "v": "b"}]);
    Session::whole_run(subject, &items, rows, 6).await;
    assert_eq!(table(subject, "items").await.only(&["id", "v"]), json!([[1, "a"], [2, "b"], [3, "b"]]));
}

/// The same key twice, in one batch, in two batches of one transaction, and with the older version last.
pub async fn the_last_write_wins_inside_a_batch_and_between_batches(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at");
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let first = json!([
        {"id": 1, "at": 1, "v": "a"}, {"id": 1, "at": 1, "v": "b"},
        {"id": 2, "at": 9, "v": "newest"}, {"id": 2, "at": 3, "v": "older"},
        {"id": 3, "at": 5, "v": "stays"}, {"id": 4, "at": 5, "v": "goes"},
    ]);
    writing.write(first, up_to(9)).await.expect("records can be written");
    let second = json!([{"id": 3, "at": 4, "v": "late"}, {"id": 4, "at": 5, "v": "comes"}]);
    writing.write(second, up_to(10)).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;
    assert_eq!(
        table(subject, "items").await.only(&["id", "v"]),
        json!([[1, "b"], [2, "newest"], [3, "stays"], [4, "comes"]])
    );
}

/// Order of arrival decides where no cursor does.
pub async fn without_a_cursor_the_last_write_wins(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]);
    Session::whole_run(subject, &items, json!([{"id": "a", "v": 2}, {"id": "a", "v": 1}, {"id": "b", "v": 1}]), 1)
        .await;
    Session::whole_run(subject, &items, json!([{"id": "b", "v": 0}]), 2).await;
    assert_eq!(table(subject, "items").await.only(&["id", "v"]), json!([["a", 1], ["b", 0]]));
}

/// A key of several columns of several types.
pub async fn several_columns_may_be_the_key(subject: &dyn Subject) {
    let items = stream("items").merge(&["shop", "id"]);
    let rows = json!([{"shop": "x", "id": 1, "v": 1}, {"shop": "x", "id": 2, "v": 1}, {"shop": "y", "id": 1, "v": 1}]);
    Session::whole_run(subject, &items, rows, 1).await;
    Session::whole_run(subject, &items, json!([{"shop": "x", "id": 1, "v": 2}]), 2).await;
    assert_eq!(
        table(subject, "items").await.only(&["shop", "id", "v"]),
        json!([["x", 1, 2], ["x", 2, 1], ["y", 1, 1]])
    );
}

/// A page that is read again after a crash changes nothing.
pub async fn writing_the_same_again_changes_nothing(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]).cursor("at");
    let rows = json!([{"id": 1, "at": 1, "v": {"x": [1, 2]}}, {"id": 2, "at": 1, "v": null}]);
    Session::whole_run(subject, &items, rows.clone(), 1).await;
    let before = table(subject, "items").await.only(&["id", "at", "v"]);
    for cursor in 2..4 {
        Session::whole_run(subject, &items, rows.clone(), cursor).await;
        assert_eq!(table(subject, "items").await.only(&["id", "at", "v"]), before);
    }
}

/// What the new version of a record does not have, its row does not have either.
pub async fn a_row_is_replaced_whole(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]);
    Session::whole_run(subject, &items, json!([{"id": 1, "a": 1, "b": 1}]), 1).await;
    Session::whole_run(subject, &items, json!([{"id": 1, "b": 2}]), 2).await;
    assert_eq!(table(subject, "items").await.only(&["id", "a", "b"]), json!([[1, null, 2]]));
}

/// A key column that widens still identifies the rows that were there.
pub async fn keys_may_become_wider(subject: &dyn Subject) {
    let items = stream("items").merge(&["id"]);
    Session::whole_run(subject, &items, json!([{"id": 1, "v": "a"}, {"id": 2, "v": "a"}]), 1).await;
    let rows = json!([{"id": 9_007_199_254_740_993_i64, "v": "b"}, {"id": 2, "v": "b"}]);
    Session::whole_run(subject, &items, rows, 2).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.only(&["id", "v"]), json!([[1, "a"], [2, "b"], [9_007_199_254_740_993_i64, "b"]]));
    Session::whole_run(subject, &items, json!([{"id": "text", "v": "c"}, {"id": 1, "v": "c"}]), 3).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.only(&["id", "v"]), json!([["text", "c"], [1, "c"], [2, "b"], [9_007_199_254_740_993_i64, "b"]]));
}
