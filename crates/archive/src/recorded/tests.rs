use spile_model::event::Outcome;
use spile_model::{Checkpoint, FailureKind, RunId, StreamName};

use super::*;
use crate::{Asked, Key, Recorder, StreamEnd, Tried};

const SECOND: &str = "2026-03-01T12:00:00Z";

/// Records a run with some exchanges, and returns the recorder before the run's end.
fn record(folder: &Path, run: i64) -> Recorder {
    let recorder = Recorder::into_folder(folder).unwrap();
    let head = Head {
        format: FORMAT,
        version: "1".to_owned(),
        pipeline: "shop".to_owned(),
        file: None,
        run: RunId(run),
        started_at: SECOND.parse().unwrap(),
        variables: BTreeMap::new(),
        identity: None,
    };
    recorder.begin(head).unwrap();
    let stream = StreamName::new("orders");
    let start = StreamStart {
        stream: stream.clone(),
        checkpoint: Checkpoint::default(),
        from_beginning: false,
        has_table: false,
        cache: None,
    };
    recorder.stream(start).unwrap();
    for number in 0..5 {
        let url = format!("https://api.test/orders?page={number}");
        let key = Key::of([url.as_bytes()]);
        let asked = Asked { key, method: "GET".to_owned(), url, headers: Vec::new(), body: None };
        let tried = Tried::Failed { kind: FailureKind::Interrupted, message: format!("number {number}") };
        recorder.exchange(stream.clone(), asked, tried).unwrap();
    }
    recorder
}

fn end(recorder: &Recorder) {
    let stream = StreamEnd { stream: StreamName::new("orders"), outcome: Outcome::Succeeded, pages: 0, failure: None };
    let finished_at = SECOND.parse().unwrap();
    recorder.end(RunEnd { finished_at, outcome: Outcome::Succeeded, streams: vec![stream] }).unwrap();
}

fn only_index(folder: &Path) -> PathBuf {
    std::fs::read_dir(files::runs(folder)).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn an_index_that_was_changed_or_cut_after_its_run_ended_is_no_run() {
    let folder = tempfile::tempdir().unwrap();
    end(&record(folder.path(), 1));
    let index = only_index(folder.path());
    let whole = std::fs::read(&index).unwrap();
    assert_eq!(recorded(folder.path()).unwrap().runs[0].exchanges, 5);
    for position in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x10;
        for other in [&flipped[..], &whole[..position]] {
            std::fs::write(&index, other).unwrap();
            let contents = recorded(folder.path()).unwrap();
            if let [run] = &contents.runs[..] {
                // Some bits of a frame's head mean nothing.
                assert!(run.exchanges == 5 && run.end.is_some() && other.len() == whole.len(), "{position}");
                continue;
            }
            let said = contents.unreadable[0].to_string();
            assert!(said.starts_with(&index.display().to_string()), "{position}: {said}");
        }
    }
}

#[test]
fn the_index_of_a_run_that_was_killed_is_read_up_to_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    drop(record(folder.path(), 1));
    let index = only_index(folder.path());
    let whole = std::fs::read(&index).unwrap();
    let mut last = 0;
    for length in 0..=whole.len() {
        std::fs::write(&index, &whole[..length]).unwrap();
        let contents = recorded(folder.path()).unwrap();
        match (&contents.runs[..], &contents.unreadable[..]) {
            ([run], []) => {
                assert!(run.end.is_none() && run.exchanges >= last, "{length}");
                last = run.exchanges;
            }
            ([], [error]) => assert_eq!((error.kind(), last), (io::ErrorKind::UnexpectedEof, 0), "{length}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(last, 5);
}

#[test]
fn an_index_of_a_killed_run_that_holds_something_else_is_not_read_up_to_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(record(folder.path(), 1));
    let index = only_index(folder.path());
    let whole = std::fs::read(&index).unwrap();
    std::fs::write(&index, [&whole[..whole.len() / 2], &[0xff; 300]].concat()).unwrap();
    let contents = recorded(folder.path()).unwrap();
    assert!(contents.runs.is_empty() && contents.unreadable.len() == 1, "{contents:?}");
}

#[test]
fn runs_of_one_second_have_an_index_each_whether_they_have_ended_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = record(folder.path(), 1);
    end(&record(folder.path(), 2));
    end(&first);
    end(&record(folder.path(), 3));
    drop(record(folder.path(), 4));
    let runs = recorded(folder.path()).unwrap().runs;
    let told: Vec<(i64, bool)> = runs.iter().map(|run| (run.head.run.0, run.end.is_some())).collect();
    assert_eq!(told, [(1, true), (2, true), (3, true), (4, false)]);
}
