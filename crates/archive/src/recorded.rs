//! Reading: which runs an archive holds, and the lines of one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use spile_model::StreamName;

use crate::FORMAT;
use crate::entry::{Cached, Entry, Head, RunEnd, StreamStart};
use crate::files;

/// How the name of an index ends whose run has ended.
pub(crate) const ENDED: &str = ".ndjson.zst";

/// How the name of an index ends whose run is under way, or was killed.
pub(crate) const OPEN: &str = ".open.ndjson.zst";

/// The longest line. A line holds the heads of one exchange (a server's head has a megabyte at most), or a stream's
/// progress with what is remembered of its pages (5 KiB each at most).
pub(crate) const LONGEST_LINE: u64 = 256 << 20;

/// A run that was recorded, without what may be long: an archive holds many.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The archive that it is in.
    pub(crate) archive: PathBuf,
    /// Its index.
    pub(crate) index: PathBuf,
    /// What it was.
    pub head: Head,
    /// Its streams, and how their answers were remembered, if they were.
    pub streams: BTreeMap<StreamName, Option<Cached>>,
    /// How it ended; none where it was killed.
    pub end: Option<RunEnd>,
    /// Tries of requests.
    pub exchanges: u64,
}

/// What an archive holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// Its runs, the oldest first.
    pub runs: Vec<Recorded>,
    /// Indexes of which no run can be made, with the reason, which names the file: they are damaged, or were written by a
    /// later version. [`io::ErrorKind::UnexpectedEof`] where a run was killed before its index held anything.
    pub unreadable: Vec<io::Error>,
}

/// What the archive in `folder` holds.
///
/// # Errors
/// The folder is no archive, or cannot be read.
pub fn recorded(folder: &Path) -> io::Result<Contents> {
    let mut contents = Contents::default();
    for entry in std::fs::read_dir(files::runs(folder))? {
        let index = entry?.path();
        if index.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDED)) {
            match summary(folder, &index) {
                Ok(run) => contents.runs.push(run),
                Err(error) => contents.unreadable.push(error),
            }
        }
    }
    contents.runs.sort_by_key(|run| (run.head.started_at, run.head.run));
    contents.unreadable.sort_by_key(ToString::to_string);
    Ok(contents)
}

impl Recorded {
    /// What a stream started from; none where the run did not read it.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn start_of(&self, stream: &StreamName) -> io::Result<Option<StreamStart>> {
        let mut found = None;
        for_each_line(&self.index, |line: Line<'_, Glance>| {
            if !matches!(line.entry, Glance::Stream(glance) if glance.stream == *stream) {
                return Ok(ControlFlow::Continue(()));
            }
            if let Entry::Stream(start) = parse(line.text)? {
                found = Some(start);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }
}

/// A line as far as it tells what the run was: what may be long is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Glance {
    Run(Head),
    Stream(StreamGlance),
    Exchange(IgnoredAny),
    End(RunEnd),
    #[serde(rename = "used", alias = "unanswered", alias = "reached")]
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct StreamGlance {
    stream: StreamName,
    #[serde(default)]
    cache: Option<Cached>,
}

fn summary(archive: &Path, index: &Path) -> io::Result<Recorded> {
    let mut recorded: Option<Recorded> = None;
    for_each_line(index, |line: Line<'_, Glance>| {
        match (line.entry, &mut recorded) {
            (Glance::Run(head), None) => {
                recorded = Some(Recorded {
                    archive: archive.to_owned(),
                    index: index.to_owned(),
                    head,
                    streams: BTreeMap::new(),
                    end: None,
                    exchanges: 0,
                });
            }
            (Glance::Stream(StreamGlance { stream, cache }), Some(run)) => drop(run.streams.insert(stream, cache)),
            (Glance::Exchange(_), Some(run)) => run.exchanges += 1,
            (Glance::End(end), Some(run)) => run.end = Some(end),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    match recorded {
        Some(run) if run.end.is_some() || is_open(index) => Ok(run),
        None if is_open(index) => {
            Err(at(index, &io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before its first line")))
        }
        _ => Err(at(index, &cut())),
    }
}

/// Whether the run was under way when the index was last written to.
fn is_open(index: &Path) -> bool {
    index.to_string_lossy().ends_with(OPEN)
}

/// A line, and what it says.
pub(crate) struct Line<'l, E> {
    pub(crate) entry: E,
    pub(crate) text: &'l [u8],
}

/// Hands over every line that is there as a whole, until `each` breaks off. Where the run was killed, or the machine lost
/// power, the index is cut short, and what stands before the cut is all there is; anything else that keeps it from being
/// read is an error, which names the file.
pub(crate) fn for_each_line<E: DeserializeOwned>(
    index: &Path,
    each: impl FnMut(Line<'_, E>) -> io::Result<ControlFlow<()>>,
) -> io::Result<()> {
    let read = || {
        let lines = BufReader::new(zstd::Decoder::new(File::open(index)?)?);
        match read_lines(lines, each)? {
            Ending::Cut if !is_open(index) => Err(cut()),
            Ending::Whole | Ending::Cut => Ok(()),
        }
    };
    read().map_err(|error| at(index, &error))
}

enum Ending {
    /// Nothing is missing of what was wanted.
    Whole,
    Cut,
}

fn read_lines<E: DeserializeOwned>(
    mut lines: impl BufRead,
    mut each: impl FnMut(Line<'_, E>) -> io::Result<ControlFlow<()>>,
) -> io::Result<Ending> {
    let mut text = Vec::new();
    for number in 0_u64.. {
        text.clear();
        match (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut text) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Ending::Cut),
            Err(error) => return Err(error),
            Ok(length) if length as u64 == LONGEST_LINE => return Err(damaged("a line has no end")),
            Ok(0) => return Ok(Ending::Whole),
            Ok(_) if text.last() != Some(&b'\n') => return Ok(Ending::Cut),
            Ok(_) => {}
        }
        if number == 0 {
            refuse_later(&text)?;
        }
        if each(Line { entry: parse(&text)?, text: &text })?.is_break() {
            break;
        }
    }
    Ok(Ending::Whole)
}

/// A line that is whole and yet means nothing here was written by somebody else.
fn parse<E: DeserializeOwned>(text: &[u8]) -> io::Result<E> {
    serde_json::from_slice(text).map_err(|_| damaged("it holds a line that is none of an archive"))
}

/// `text`: the first line.
fn refuse_later(text: &[u8]) -> io::Result<()> {
    #[derive(Deserialize)]
    struct First {
        run: Format,
    }
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let format = serde_json::from_slice(text).map_or(FORMAT, |First { run: Format { format } }| format);
    if format <= FORMAT {
        return Ok(());
    }
    let message = format!("it was written by a later version of Spile (format {format}, this one reads {FORMAT})");
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

fn cut() -> io::Error {
    damaged("its run has ended, but the file does not hold all of it")
}

fn damaged(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, how)
}

fn at(index: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", index.display()))
}

#[cfg(test)]
mod tests;
