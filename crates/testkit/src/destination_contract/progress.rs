//! Progress: committed with its rows, refused where somebody else has written, listed and forgotten on request.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use spile_destination::Written;
use spile_model::{Answer, CursorValue, FailureKind, NextPage, PartitionKey, Progress, RequestKey, RunId};

use super::session::{Session, stream, up_to};
use super::{Subject, table};

/// However a destination coalesces, after an end without notice the table holds exactly what the progress says.
pub async fn rows_and_progress_are_committed_together_or_not_at_all(subject: &dyn Subject) {
    let items = stream("items");
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let mut told = 0;
    for cursor in 1..=7 {
        let written = writing.write(json!([{"id": cursor}]), up_to(cursor)).await.expect("records can be written");
        if let Written::Durable(committed) = written {
            told = cursor;
            assert_eq!(committed.progress, up_to(cursor));
        }
    }
    drop(writing);
    drop(session);

    let session = Session::begin(subject).await;
    let stored = session.checkpoint(&items).await.partitions.into_values().next();
    drop(session);
    let stored = match stored.and_then(|progress| progress.cursor) {
        Some(CursorValue::Int(cursor)) => cursor,
        None => 0,
        other => panic!("a cursor that nobody wrote: {other:?}"),
    };
    assert_eq!(stored, told, "what was told to be durable is, and nothing else");
    let expected: Vec<[i64; 1]> = (1..=stored).map(|id| [id]).collect();
    assert_eq!(table(subject, "items").await.only(&["id"]), json!(expected));
}

/// A flush leaves nothing to be lost; one without anything accepted says so.
pub async fn a_flush_makes_everything_durable(subject: &dyn Subject) {
    let items = stream("items");
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    assert_eq!(writing.flush().await.expect("there is nothing to flush"), None);
    let mut rows = 0;
    for cursor in 1..=3 {
        let records = json!([{"id": cursor}, {"id": cursor}]);
        if let Written::Durable(committed) =
            writing.write(records, up_to(cursor)).await.expect("records can be written")
        {
            rows += committed.rows;
        }
    }
    if let Some(committed) = writing.flush().await.expect("a flush commits") {
        assert_eq!(committed.progress, up_to(3));
        rows += committed.rows;
    }
    assert_eq!(rows, 6, "every row was told once");
    assert_eq!(writing.flush().await.expect("there is nothing left"), None);
    drop(writing);
    drop(session);
    assert_eq!(table(subject, "items").await.len(), 6);
    let session = Session::begin(subject).await;
    assert_eq!(session.checkpoint(&items).await.partitions.into_values().collect::<Vec<_>>(), [up_to(3)]);
}

/// Three ways to be wrong: nothing stored, something stored, and another value stored. Neither rows nor progress of
/// the refused batch, nor of those accepted before it, are there afterwards.
pub async fn a_stored_state_that_is_not_the_expected_one_refuses_the_batch(subject: &dyn Subject) {
    let items = stream("items");
    for (stored, expected) in [(None, Some(up_to(5))), (Some(up_to(1)), None), (Some(up_to(1)), Some(up_to(5)))] {
        if stored.is_some() {
            let session = Session::begin(subject).await;
            if session.checkpoint(&items).await.partitions.is_empty() {
                let mut writing = session.open(&items).await;
                writing.write(json!([{"id": 1}]), up_to(1)).await.expect("records can be written");
                writing.finish(true).await.expect("a stream can be finished");
            }
            session.end().await;
        }
        let session = Session::begin(subject).await;
        let mut writing = session.open(&items).await;
        let mut batch = writing.batch(&json!([{"id": 2}]), up_to(2));
        batch.delta.from = expected.clone();
        let refused = match writing.write_batch(batch).await {
            Err(failure) => Err(failure),
            Ok(_) => writing.flush().await,
        };
        let failure = refused.expect_err("a batch that starts elsewhere is refused");
        assert_eq!(failure.kind, FailureKind::StateConflict, "stored {stored:?}, expected {expected:?}: {failure}");
        drop(writing);
        assert_eq!(session.checkpoint(&items).await.partitions.into_values().next(), stored);
        drop(session);
        assert_eq!(table(subject, "items").await.len(), usize::from(stored.is_some()));
    }
}

/// What was accepted and not yet durable goes with the batch that fails; what was durable stays.
pub async fn a_refused_batch_takes_the_accepted_ones_with_it(subject: &dyn Subject) {
    let items = stream("items");
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let mut durable = 0;
    for cursor in 1..=2 {
        let written = writing.write(json!([{"id": cursor}]), up_to(cursor)).await.expect("records can be written");
        if matches!(written, Written::Durable(_)) {
            durable = cursor;
        }
    }
    let mut batch = writing.batch(&json!([{"id": 3}]), up_to(3));
    batch.delta.from = Some(up_to(99));
    let refused = match writing.write_batch(batch).await {
        Err(failure) => Err(failure),
        Ok(_) => writing.flush().await,
    };
    let failure = refused.expect_err("a batch that starts elsewhere is refused");
    assert_eq!(failure.kind, FailureKind::StateConflict, "{failure}");
    drop(writing);
    let stored = session.checkpoint(&items).await.partitions.into_values().next();
    assert_eq!(stored, (durable > 0).then(|| up_to(durable)));
    drop(session);
    let expected: Vec<[i64; 1]> = (1..=durable).map(|id| [id]).collect();
    assert_eq!(table(subject, "items").await.only(&["id"]), json!(expected));
}

/// Neither moves the other's.
pub async fn partitions_and_streams_have_progress_of_their_own(subject: &dyn Subject) {
    let (north, south) = (stream("items").partition("north"), stream("items").partition("south"));
    let other = stream("other");
    Session::whole_run(subject, &north, json!([{"id": 1}]), 1).await;
    Session::whole_run(subject, &south, json!([{"id": 2}]), 2).await;
    Session::whole_run(subject, &other, json!([{"id": 3}]), 3).await;
    Session::whole_run(subject, &north, json!([{"id": 4}]), 4).await;
    let session = Session::begin(subject).await;
    let stored = session.checkpoint(&north).await.partitions;
    let stored: Vec<(&str, &Progress)> = stored.iter().map(|(key, progress)| (key.as_str(), progress)).collect();
    assert_eq!(stored, [("north", &up_to(4)), ("south", &up_to(2))]);
    assert_eq!(session.checkpoint(&other).await.partitions.into_values().collect::<Vec<_>>(), [up_to(3)]);
    assert!(session.checkpoint(&stream("unheard_of")).await.partitions.is_empty());
    drop(session);
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[1], [2], [4]]));
}

/// Batches of several partitions through one writer, in one transaction or in several.
pub async fn partitions_may_alternate_in_one_writer(subject: &dyn Subject) {
    let items = stream("items");
    let session = Session::begin(subject).await;
    let mut writing = session.open(&items).await;
    let mut before: [Option<Progress>; 2] = [None, None];
    for id in 1..=6_i64 {
        let side = usize::from(id % 2 == 0);
        let mut batch = writing.batch(&json!([{"id": id}]), up_to(id));
        batch.delta.partition = PartitionKey::new(["odd", "even"][side]);
        batch.delta.from = before[side].replace(up_to(id));
        writing.write_batch(batch).await.expect("records can be written");
    }
    writing.finish(true).await.expect("a stream can be finished");
    let stored = session.checkpoint(&items).await.partitions;
    let stored: Vec<(&str, &Progress)> = stored.iter().map(|(key, progress)| (key.as_str(), progress)).collect();
    assert_eq!(stored, [("even", &up_to(6)), ("odd", &up_to(5))]);
    session.end().await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[1], [2], [3], [4], [5], [6]]));
}

/// Their commits come as they come; one that is abandoned takes nothing of the other.
pub async fn two_streams_may_be_written_at_once(subject: &dyn Subject) {
    let (left, right) = (stream("left"), stream("right").merge(&["id"]));
    let session = Session::begin(subject).await;
    let mut to_left = session.open(&left).await;
    let mut to_right = session.open(&right).await;
    for id in 1..=4 {
        to_left.write(json!([{"id": id}]), up_to(id)).await.expect("records can be written");
        to_right.write(json!([{"id": id, "new": [id]}]), up_to(id)).await.expect("records can be written");
    }
    to_left.flush().await.expect("a flush commits");
    to_right.write(json!([{"id": 1, "new": [9]}]), up_to(5)).await.expect("records can be written");
    let written = to_left.write(json!([{"id": 5}]), up_to(5)).await.expect("records can be written");
    drop(to_left);
    to_right.finish(true).await.expect("a stream can be finished");
    session.end().await;
    let expected: i64 = if matches!(written, Written::Durable(_)) { 5 } else { 4 };
    let expected: Vec<[i64; 1]> = (1..=expected).map(|id| [id]).collect();
    assert_eq!(table(subject, "left").await.only(&["id"]), json!(expected));
    let rows = table(subject, "right").await;
    assert_eq!(rows.only(&["id", "new"]), json!([[1, [9]], [2, [2]], [3, [3]], [4, [4]]]));
}

/// What one of them needs is not taken from the other.
pub async fn a_wide_stream_and_a_narrow_one_may_be_written_at_once(subject: &dyn Subject) {
    let session = Session::begin(subject).await;
    let mut wide = session.open(&stream("wide").replace()).await;
    let mut narrow = session.open(&stream("narrow").replace()).await;
    for page in 0..12 {
        let (first, text) = (page * 100, "x".repeat(200_000));
        let record = |id: i64| -> Value {
            let fields = (0..400).map(|n| (format!("c{n}"), json!(format!("{id}/{n}"))));
            std::iter::once(("id".to_owned(), json!(id))).chain(fields).collect()
        };
        let few: Vec<Value> = (0..50).map(|n| json!({"id": first + n})).collect();
        wide.write((first..first + 100).map(record).collect(), up_to(page + 1))
            .await
            .expect("wide rows can be written");
        narrow.write(json!(few), up_to(page + 1)).await.expect("narrow rows can be written");
        if page == 6 {
            let long: Vec<Value> = (0..50).map(|n| json!({"id": 10_000 + n, "t": text})).collect();
            wide.flush().await.expect("a flush commits");
            narrow.write(json!(long), up_to(page + 1)).await.expect("long rows can be written");
        }
    }
    narrow.finish(true).await.expect("the narrow one can be finished");
    wide.finish(true).await.expect("the wide one can be finished");
    session.end().await;
    assert_eq!(table(subject, "wide").await.len(), 1200);
    assert_eq!(table(subject, "narrow").await.len(), 650);
}

/// Cursors of every kind, boundaries beyond i64, runs.
pub async fn all_of_a_progress_is_kept(subject: &dyn Subject) {
    let cursors = [
        CursorValue::Int(i64::MIN),
        CursorValue::Timestamp(1_700_000_000_000_001),
        CursorValue::LocalTimestamp(-1),
        CursorValue::Date(19_000),
        CursorValue::Text("it's \"quoted\" \u{1F600} \\ and\nlong".to_owned()),
    ];
    for (index, cursor) in cursors.into_iter().enumerate() {
        let items = stream(&format!("items_{index}"));
        let progress = Progress {
            cursor: Some(cursor),
            boundary: vec![0, u64::MAX, 1 << 63],
            unfinished: Some(RunId(7)),
            finished: Some(RunId(i64::MAX)),
            answers: BTreeMap::from([(RequestKey { stream: 0, request: u64::MAX }, answer())]),
        };
        let session = Session::begin(subject).await;
        let mut writing = session.open(&items).await;
        writing.write(json!([{"id": 1}]), progress.clone()).await.expect("records can be written");
        writing.finish(true).await.expect("a stream can be finished");
        session.end().await;
        let session = Session::begin(subject).await;
        assert_eq!(session.checkpoint(&items).await.partitions.into_values().collect::<Vec<_>>(), [progress]);
    }
}

/// An answer with everything that can be remembered of one.
fn answer() -> Answer {
    Answer {
        etag: Some("W/\"\u{fc}'\\\"".to_owned()),
        last_modified: Some("Sat, 01 Mar 2025 13:00:00 GMT".to_owned()),
        fresh_until: Some(Timestamp::MAX),
        contents: Some(u64::MAX),
        records: u64::MAX,
        cursor: Some(CursorValue::Text("\u{1F600}".to_owned())),
        next: Some(NextPage::Token("\"a\\nb\"".to_owned())),
        end: Some(0),
        full: Some(1 << 63),
    }
}

/// What `state show` and `state reset` stand on.
pub async fn states_are_listed_and_reset_forgets_them(subject: &dyn Subject) {
    let (items, other) = (stream("items"), stream("other"));
    let run = Session::whole_run(subject, &items, json!([{"id": 1}]), 1).await;
    Session::whole_run(subject, &other, json!([{"id": 1}]), 2).await;
    let destination = subject.open().await;
    let mut states = destination.states().await.expect("states can be listed");
    states.sort_by(|a, b| a.stream.cmp(&b.stream));
    let names: Vec<&str> = states.iter().map(|state| state.stream.as_str()).collect();
    assert_eq!((names, states[0].run), (vec!["items", "other"], run));
    assert_eq!(states[0].checkpoint.partitions.values().collect::<Vec<_>>(), [&up_to(1)]);

    assert!(destination.reset(&items.name(), false).await.expect("a stream can be reset"));
    assert!(!destination.reset(&stream("unheard_of").name(), true).await.expect("there is nothing to reset"));
    drop(destination);
    assert_eq!(table(subject, "items").await.len(), 1, "rows stay");

    let session = Session::begin(subject).await;
    assert!(session.checkpoint(&items).await.partitions.is_empty());
    assert_eq!(session.checkpoint(&other).await.partitions.len(), 1);
    drop(session);
    Session::whole_run(subject, &items, json!([{"id": 2}]), 1).await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([[1], [2]]));
}

/// Child tables and what was known of the records go with the table.
pub async fn reset_can_drop_the_tables(subject: &dyn Subject) {
    let items = stream("items").children();
    Session::whole_run(subject, &items, json!([{"id": 1, "parts": [{"n": 1}]}]), 1).await;
    Session::whole_run(subject, &stream("other"), json!([{"id": 1}]), 1).await;
    let destination = subject.open().await;
    assert!(destination.reset(&items.name(), true).await.expect("a stream can be reset"));
    drop(destination);
    let tables = subject.tables().await;
    assert!(!tables.iter().any(|name| name.starts_with("items")), "{tables:?}");
    assert!(tables.iter().any(|name| name == "other"), "{tables:?}");

    let session = Session::begin(subject).await;
    let writing = session.open(&items).await;
    assert_eq!(writing.known_schema(), None);
    drop(writing);
    session.end().await;
    Session::whole_run(subject, &items, json!([{"id": "text now", "parts": ["plain"]}]), 1).await;
    assert_eq!(table(subject, "items").await.only(&["id"]), json!([["text now"]]));
}
