use proptest::prelude::*;
use spile_model::event::Outcome;
use spile_model::{Checkpoint, CursorValue, FailureKind, PartitionKey, Progress, RunId, StreamName};

use super::*;
use crate::{Asked, Key, Recorder, StreamEnd, Tried};

const SECOND: &str = "2026-03-01T12:00:00Z";

/// Records a run with five exchanges, and returns the recorder before the run's end.
fn record(folder: &Path, run: i64) -> Recorder {
    record_with(folder, run, &["first", "second", "third", "fourth", "fifth"].map(ToOwned::to_owned))
}

/// The same with an exchange for each of `messages`.
fn record_with(folder: &Path, run: i64, messages: &[String]) -> Recorder {
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
        checkpoint: checkpoint(),
        from_beginning: false,
        has_table: false,
        cache: None,
    };
    recorder.stream(start).unwrap();
    for (number, message) in messages.iter().enumerate() {
        let url = format!("https://api.test/orders?page={number}");
        let key = Key::of([url.as_bytes()]);
        let asked = Asked { key, method: "GET".to_owned(), url, headers: Vec::new(), body: None };
        let tried = Tried::Failed { kind: FailureKind::Interrupted, message: message.clone() };
        recorder.exchange(stream.clone(), asked, tried).unwrap();
    }
    recorder
}

fn checkpoint() -> Checkpoint {
    let progress = Progress { cursor: Some(CursorValue::Int(7)), ..Progress::default() };
    Checkpoint { partitions: [(PartitionKey::whole(), progress)].into() }
}

fn end(recorder: &Recorder) {
    let stream = StreamEnd {
        stream: StreamName::new("orders"),
        outcome: Outcome::Succeeded,
        pages: 0,
        failure: None,
        message: None,
        page: None,
    };
    let finished_at = SECOND.parse().unwrap();
    recorder.end(RunEnd { finished_at, outcome: Outcome::Succeeded, streams: vec![stream] }).unwrap();
}

fn only_index(folder: &Path) -> PathBuf {
    std::fs::read_dir(files::runs(folder)).unwrap().next().unwrap().unwrap().path()
}

/// Records a run that is killed before its end, and returns its index and what that holds.
fn killed(folder: &Path) -> (PathBuf, Vec<u8>) {
    drop(record(folder, 1));
    let index = only_index(folder);
    let whole = std::fs::read(&index).unwrap();
    (index, whole)
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
    let (index, whole) = killed(folder.path());
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
    let (index, whole) = killed(folder.path());
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

#[test]
fn what_a_stream_started_from_is_read_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    end(&record(folder.path(), 1));
    let run = recorded(folder.path()).unwrap().runs.remove(0);
    assert_eq!(run.streams.keys().map(StreamName::as_str).collect::<Vec<_>>(), ["orders"]);
    assert_eq!(run.start_of(&StreamName::new("orders")).unwrap().unwrap().checkpoint, checkpoint());
    assert!(run.start_of(&StreamName::new("others")).unwrap().is_none());
}

fn entries(index: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for_each_line(index, |line: Line<'_, Entry>| {
        entries.push(line.entry);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(entries)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_index_that_is_cut_anywhere_reads_as_its_beginning_or_is_refused(
        messages in prop::collection::vec((".{0,60}", 1_usize..2_000), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let messages: Vec<String> = messages.into_iter().map(|(text, times)| text.repeat(times)).collect();
        let folder = tempfile::tempdir().unwrap();
        end(&record_with(folder.path(), 1, &messages));
        let index = only_index(folder.path());
        let bytes = std::fs::read(&index).unwrap();
        let whole = entries(&index).unwrap();
        prop_assert_eq!(whole.len(), messages.len() + 3);
        let open = folder.path().join(format!("killed{OPEN}"));
        for cut in cuts {
            let cut = &bytes[..cut.index(bytes.len())];
            std::fs::write(&open, cut).unwrap();
            let read = entries(&open).unwrap();
            prop_assert!(whole.starts_with(&read));
            std::fs::write(&index, cut).unwrap();
            prop_assert_eq!(entries(&index).map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
        }
    }
}
