//! Playing: the answers of one recorded run, request by request.
//!
//! A request that was asked several times gets its answers in the order in which they were used: the n-th page that is
//! made of it is made of the n-th answer of which a page was made, in whatever order, and however often, requests
//! come meanwhile. What is asked ahead and given up uses nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use spile_model::{FailureKind, StreamName};

use crate::bodies::{Bodies, BodyRef, Stored};
use crate::entry::{Answered, Entry, Key, Reached, StreamStart, Tried};
use crate::recorded::{Recorded, for_each_line};

/// Plays one recorded run.
pub struct Player {
    recorded: Recorded,
    starts: BTreeMap<StreamName, StreamStart>,
    reached: Vec<Reached>,
    bodies: Bodies,
    /// The lines of the exchanges, unpacked, in a file without a name: a long run has more of them than memory.
    lines: Mutex<File>,
    exchanges: Mutex<HashMap<(StreamName, Key), Vec<Line>>>,
}

/// Where the line of an exchange is, and what is known of it.
struct Line {
    offset: u64,
    length: u32,
    number: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A page was made of it.
    Used,
    /// It was answered, and nobody took it: the run was ended, or the page was guessed ahead and did not follow.
    Answered,
    Failed,
    /// A page was made of it, in this replay too.
    Spent,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Found {
    /// An answer, and its number.
    Answered(u64, Answered),
    /// A failure: no try of it was answered well.
    Failed(FailureKind, String),
    /// It was asked so many times, and each of its answers is used.
    Spent(usize),
    /// It was not asked.
    Unknown,
}

impl Player {
    /// Makes ready to play a run.
    ///
    /// # Errors
    /// The archive cannot be read, or the temporary folder cannot be written.
    pub fn of(recorded: Recorded) -> io::Result<Self> {
        let mut lines = io::BufWriter::new(tempfile::tempfile()?);
        let mut exchanges: HashMap<(StreamName, Key), Vec<Line>> = HashMap::new();
        let (mut starts, mut reached) = (BTreeMap::new(), Vec::new());
        let mut used = Vec::new();
        let mut offset = 0;
        for_each_line(&recorded.index, |line| {
            match line.entry {
                Entry::Exchange(attempt) => {
                    lines.write_all(line.text)?;
                    let kind = if matches!(attempt.tried, Tried::Answered(_)) { Kind::Answered } else { Kind::Failed };
                    let length = u32::try_from(line.text.len()).map_err(io::Error::other)?;
                    let place = Line { offset, length, number: attempt.number, kind };
                    exchanges.entry((attempt.stream, attempt.asked.key)).or_default().push(place);
                    offset += u64::from(length);
                }
                Entry::Used(number) => used.push(number),
                Entry::Stream(start) => drop(starts.insert(start.stream.clone(), start)),
                Entry::Reached(one) => reached.push(one),
                Entry::Run(_) | Entry::Unanswered(_) | Entry::End(_) => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
        used.sort_unstable();
        for line in exchanges.values_mut().flatten().filter(|line| used.binary_search(&line.number).is_ok()) {
            line.kind = Kind::Used;
        }
        let bodies = Bodies::of(&recorded.archive);
        let lines = Mutex::new(lines.into_inner().map_err(io::IntoInnerError::into_error)?);
        Ok(Self { recorded, starts, reached, bodies, lines, exchanges: Mutex::new(exchanges) })
    }

    /// Which run it plays.
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// What a stream started from; none where the run did not read it.
    pub fn start_of(&self, stream: &StreamName) -> Option<&StreamStart> {
        self.starts.get(stream)
    }

    /// To what a stream had come, in its order.
    pub fn reached(&self, stream: &StreamName) -> impl DoubleEndedIterator<Item = &Reached> {
        self.reached.iter().filter(move |reached| reached.stream == *stream)
    }

    /// Whether the recorded run asked this.
    pub fn knows(&self, stream: &StreamName, key: Key) -> bool {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        exchanges.contains_key(&(stream.clone(), key))
    }

    /// What this request of `stream` comes to now. Until an answer is used, it is found again.
    ///
    /// # Errors
    /// What was unpacked cannot be read back.
    pub fn find(&self, stream: &StreamName, key: Key) -> io::Result<Found> {
        let (offset, length) = {
            let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(lines) = exchanges.get(&(stream.clone(), key)) else { return Ok(Found::Unknown) };
            let open = lines.iter().filter(|line| line.kind != Kind::Spent);
            // Of equal kinds the first; of failures the last, which is the one that the run ended with.
            let best = open.min_by_key(|line| match line.kind {
                Kind::Failed => (line.kind, u64::MAX - line.number),
                kind => (kind, line.number),
            });
            let Some(best) = best else { return Ok(Found::Spent(lines.len())) };
            (best.offset, best.length)
        };
        let mut text = vec![0; length as usize];
        {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.seek(SeekFrom::Start(offset))?;
            lines.read_exact(&mut text)?;
        }
        let Entry::Exchange(attempt) = serde_json::from_slice(&text)? else { return Ok(Found::Unknown) };
        Ok(match attempt.tried {
            Tried::Answered(answered) => Found::Answered(attempt.number, answered),
            Tried::Failed { kind, message } => Found::Failed(kind, message),
        })
    }

    /// A page was made of the answer of that number to this request: from now on the request has its next one.
    pub fn used(&self, stream: &StreamName, key: Key, number: u64) {
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = exchanges.get_mut(&(stream.clone(), key));
        if let Some(line) = answers.into_iter().flatten().find(|line| line.number == number) {
            line.kind = Kind::Spent;
        }
    }

    /// The contents of a body.
    ///
    /// # Errors
    /// It is not in the archive.
    pub fn body(&self, body: &BodyRef) -> io::Result<Stored> {
        self.bodies.read(body)
    }
}
