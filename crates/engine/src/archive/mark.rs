//! Progress as a number, by which two recordings are held against each other.

use std::collections::BTreeMap;

use spile_archive::Key;
use spile_model::{Answer, Progress};

/// The hash of a progress, which stands in archives: what it is made of can never change without a new format. Of two
/// recorded runs, the one began where the other was if their marks are equal.
pub(super) fn mark(progress: &Progress) -> u64 {
    let Progress { cursor, boundary, unfinished, finished, .. } = progress;
    let whole = serde_json::to_vec(&(cursor, boundary, unfinished, finished, told(progress)));
    Key::of([&whole.expect("progress is plain data")[..]]).short()
}

/// What was asked of answers that are remembered, and which version was told: not what they held, which a file that has
/// changed may make something else of.
pub(super) fn told(progress: &Progress) -> BTreeMap<u64, [Option<&str>; 2]> {
    let version = |answer| {
        let Answer { etag, last_modified, .. }: &Answer = answer;
        [etag.as_deref(), last_modified.as_deref()]
    };
    progress.answers.iter().map(|(key, answer)| (key.request, version(answer))).collect()
}

#[cfg(test)]
mod tests {
    use spile_model::{CursorValue, RequestKey, RunId};

    use super::*;

    #[test]
    fn the_mark_in_archives_never_changes() {
        let etag = Answer { etag: Some("\"v1\"".to_owned()), ..Answer::default() };
        let whole = Progress {
            cursor: Some(CursorValue::Int(7)),
            boundary: vec![1, u64::MAX],
            unfinished: Some(RunId(3)),
            finished: Some(RunId(2)),
            answers: [(RequestKey { stream: 1, request: 2 }, etag)].into(),
        };
        assert_eq!([mark(&Progress::default()), mark(&whole)], [5_780_087_935_797_330_974, 242_223_110_565_278_583]);
    }
}
