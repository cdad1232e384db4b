//! Names are data: whatever a pipeline or an API calls its things, they are only names.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field as ArrowField, Schema};
use serde_json::json;
use spile_columnar::TableBatch;

use super::session::{Session, Stream, stream, up_to};
use super::{Subject, table};

/// Names that a destination must carry, each free of anything but itself.
const NAMES: [&str; 12] = [
    "select",
    "with space",
    "Straße 北京 \u{1F600}",
    "quote\"inside",
    "it's",
    "a.b",
    "back\\slash",
    "semi;colon",
    "percent%s{}",
    "--comment",
    "1starts_with_a_digit",
    "ORDER BY 1",
];

/// As the table and as a column that widens, appended and merged.
pub async fn tables_and_columns_may_have_any_name(subject: &dyn Subject) {
    let streams: Vec<(&str, Stream)> = NAMES
        .iter()
        .flat_map(|name| [(*name, stream(name)), (*name, stream(&format!("{name} merged")).merge(&["key"]))])
        .collect();
    for (cursor, value) in [(1, json!(1)), (2, json!("wider"))] {
        let session = Session::begin(subject).await;
        for (name, odd) in &streams {
            let mut writing = session.open(odd).await;
            let mut batch = writing.batch(&json!([{"key": cursor, "value": value}]), up_to(cursor));
            batch.tables.iter_mut().for_each(|part| rename(part, "value", name));
            writing.write_batch(batch).await.expect("any name is a name");
            writing.finish(true).await.expect("a stream can be finished");
        }
        session.end().await;
    }
    for (name, odd) in &streams {
        let rows = table(subject, odd.name().as_str()).await.only(&["key", name]);
        assert_eq!(rows, json!([[1, 1], [2, "wider"]]), "table {:?}, column {name:?}", odd.name());
    }
    let destination = subject.open().await;
    assert!(destination.reset(&stream(NAMES[3]).name(), true).await.expect("a stream can be reset"));
    drop(destination);
    assert!(!subject.tables().await.iter().any(|name| name == NAMES[3]));
}

/// Not as a table, a stream, a column or a value.
pub async fn a_name_that_looks_like_sql_does_nothing(subject: &dyn Subject) {
    Session::whole_run(subject, &stream("canary"), json!([{"id": 1}]), 1).await;
    let evil = "x\"; DROP TABLE canary; --";
    let quoted = "x'; DROP TABLE canary; --";
    for name in [evil, quoted] {
        let session = Session::begin(subject).await;
        let mut writing = session.open(&stream(name).merge(&["id"])).await;
        let mut batch = writing.batch(&json!([{"id": name, "v": name}]), up_to(1));
        for part in &mut batch.tables {
            rename(part, "v", name);
        }
        writing.write_batch(batch).await.expect("any name is a name");
        writing.finish(true).await.expect("a stream can be finished");
        session.end().await;
        assert_eq!(table(subject, name).await.only(&["id", name]), json!([[name, name]]));
    }
    let destination = subject.open().await;
    destination.reset(&stream(quoted).name(), true).await.expect("a stream can be reset");
    drop(destination);
    assert_eq!(table(subject, "canary").await.len(), 1);
}

/// Gives a column another name, in the schema and in the rows.
fn rename(batch: &mut TableBatch, from: &str, to: &str) {
    for column in &mut batch.schema.columns {
        if column.name == from {
            to.clone_into(&mut column.name);
        }
    }
    let named = |field: &Arc<ArrowField>| match field.name().as_str() {
        name if name == from => Arc::new(field.as_ref().clone().with_name(to)),
        _ => Arc::clone(field),
    };
    let fields: Vec<Arc<ArrowField>> = batch.rows.schema().fields().iter().map(named).collect();
    batch.rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.rows.columns().to_vec())
        .expect("another name does not change the values");
}
