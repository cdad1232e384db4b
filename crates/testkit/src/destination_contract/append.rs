//! `append`: rows are added, and rows of a read that did not come to its end are read again without being doubled.

use serde_json::json;
use spile_destination::Written;
use spile_model::event::Outcome;
use spile_model::{Progress, RunId};

use super::session::{Session, Stream, stream, up_to};
use super::{Subject, table};

/// Every run adds its rows and marks them with its number.
pub async fn rows_are_added_by_each_run(subject: &dyn Subject) {
    let items = stream("items");
    let first = Session::whole_run(subject, &items, json!([{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]), 1).await;
    let second = Session::whole_run(subject, &items, json!([{"id": 1, "v": "a"}]), 2).await;
    let rows = table(subject, "items").await;
    assert_eq!(rows.only(&["id", "v", "_spile_run"]), json!([[1, "a", first], [1, "a", second], [2, "b", first]]));
    assert!(rows.rows().iter().all(|row| row.get("_spile_at").is_some_and(|at| !at.is_null())), "{rows:?}");
}

/// What a killed run left goes when it is read again; what earlier runs brought stays.
pub async fn rows_of_an_unfinished_read_are_removed_by_the_one_that_reads_them_again(subject: &dyn Subject) {
    let items = stream("items");
    Session::whole_run(subject, &items, json!([{"id": 0}]), 1).await;
    let killed = unfinished_run(subject, "items").await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[0], [1], [2]]));

    let session = Session::begin(subject).await;
    let mut writing = session.open(&items.clone().discard(killed)).await;
    writing.write(json!([{"id": 1}]), up_to(2)).await.expect("records can be written");
    writing.flush().await.expect("a flush commits");
    writing.write(json!([{"id": 2}, {"id": 3}]), up_to(3)).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    session.end().await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[0], [1], [2], [3]]));
}

/// Opening and abandoning a stream that discards removes nothing: removal is part of the first commit.
pub async fn rows_of_an_unfinished_read_stay_until_the_first_commit_of_the_next(subject: &dyn Subject) {
    let items = stream("items");
    let killed = unfinished_run(subject, "items").await;
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items.clone().discard(killed)).await;
    let written = writing.write(json!([{"id": 1}]), up_to(1)).await.expect("records can be written");
    drop(writing);
    let stored = session.checkpoint(&items).await.partitions.into_values().next();
    drop(session);
    let rows = table(subject, "items").await.only(&["id"]);
    match written {
        Written::Accepted => {
            assert_eq!(rows, json!([[1], [2]]));
            assert_eq!(stored.and_then(|progress| progress.unfinished), Some(killed));
        }
        Written::Durable(_) => {
            assert_eq!(rows, json!([[1]]));
            assert_eq!(stored, Some(up_to(1)));
        }
    }
}

/// Without a cursor each complete run adds one copy of everything. One that was killed or stopped after it had read the
/// stream, but before its own end was recorded, will be repeated: its copy goes with the first commit of the next run.
pub async fn a_run_that_was_broken_off_leaves_no_copy(subject: &dyn Subject) {
    let items = stream("items");
    let first = read_to_the_end(subject, &items, Some(Outcome::Succeeded)).await;
    for end in [None, Some(Outcome::Interrupted)] {
        let broken_off = read_to_the_end(subject, &items, end).await;
        assert_eq!(table(subject, "items").await.only(&["_spile_run"]), json!([[first], [broken_off]]));
    }
    let session = Session::begin(subject).await;
    drop(session.open(&items).await);
    session.end_as(Outcome::Failed, Vec::new(), None).await;
    assert_eq!(table(subject, "items").await.len(), 2, "nothing was committed, so nothing is removed");
    let repeated = read_to_the_end(subject, &items, Some(Outcome::Succeeded)).await;
    assert_eq!(table(subject, "items").await.only(&["_spile_run"]), json!([[first], [repeated]]));
}

/// A run whose end was recorded stays, though another stream failed in it; and with a cursor nothing is read again.
pub async fn every_other_run_keeps_its_rows(subject: &dyn Subject) {
    let (failed, with_cursor) = (stream("failed"), stream("with_cursor").cursor("id"));
    for (items, end) in [(failed, Some(Outcome::Failed)), (with_cursor, None)] {
        let first = read_to_the_end(subject, &items, end).await;
        let second = read_to_the_end(subject, &items, Some(Outcome::Succeeded)).await;
        let rows = table(subject, items.name().as_str()).await;
        assert_eq!(rows.only(&["_spile_run"]), json!([[first], [second]]), "{items:?}");
    }
}

/// With a primary key and a lookback, what is read twice is written once: a row is known when the table holds its key
/// with its cursor.
pub async fn rows_that_the_table_has_are_left_out_when_asked(subject: &dyn Subject) {
    let items = stream("items").key(&["id"]).cursor("at").skip_known();
    Session::whole_run(subject, &items, json!([{"id": 1, "at": 10}, {"id": 2, "at": 20}]), 20).await;

    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let again = json!([{"id": 2, "at": 20}, {"id": 2, "at": 21}, {"id": 3, "at": 20}]);
    let mut known = known_of(&writing.write(again, up_to(21)).await.expect("records can be written"));
    known += writing.finish(true).await.expect("a stream can be finished").map_or(0, |committed| committed.known);
    session.end().await;
    assert_eq!(table(subject, "items").await.only(&["id", "at"]), json!([[1, 10], [2, 20], [2, 21], [3, 20]]));
    assert_eq!(known, 1, "one row was known");
}

/// A page without records is progress too.
pub async fn a_batch_without_rows_moves_progress_alone(subject: &dyn Subject) {
    let items = stream("items");
    Session::whole_run(subject, &items, json!([{"id": 1}]), 1).await;
    Session::whole_run(subject, &items, json!([]), 2).await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[1]]));
    let session = Session::begin(subject).await;
    assert_eq!(session.checkpoint(&items).await.partitions.into_values().collect::<Vec<_>>(), [up_to(2)]);
}

fn known_of(written: &Written) -> u64 {
    match written {
        Written::Durable(committed) => committed.known,
        Written::Accepted => 0,
    }
}

/// A run that reads one record, which is all there is, and then ends so; without an outcome it is killed.
async fn read_to_the_end(subject: &dyn Subject, stream: &Stream, outcome: Option<Outcome>) -> RunId {
    let session = Session::begin(subject).await;
    let run = session.run();
    let mut writing = session.open(stream).await;
    let progress = Progress { finished: Some(run), ..Progress::default() };
    writing.write(json!([{"id": 1}]), progress).await.expect("records can be written");
    writing.finish(true).await.expect("a stream can be finished");
    if let Some(outcome) = outcome {
        session.end_as(outcome, Vec::new(), None).await;
    }
    run
}

/// A run that committed rows 1 and 2 and was then killed.
async fn unfinished_run(subject: &dyn Subject, name: &str) -> RunId {
    let session = Session::begin(subject).await;
    let run = session.run();
    let mut writing = session.open(&stream(name)).await;
    let progress = Progress { unfinished: Some(run), ..Progress::default() };
    writing.write(json!([{"id": 1}, {"id": 2}]), progress).await.expect("records can be written");
    writing.flush().await.expect("a flush commits");
    run
}
