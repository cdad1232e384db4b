//! Reading: which runs an archive holds, and the lines of one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use spile_model::StreamName;

use crate::FORMAT;
use crate::entry::{Entry, Head, RunEnd, StreamStart};
use crate::files;

/// How the name of an index ends whose run has ended.
pub(crate) const ENDED: &str = ".ndjson.zst";

/// How the name of an index ends whose run is under way, or was killed.
pub(crate) const OPEN: &str = ".open.ndjson.zst";

/// The longest line. A line holds the heads of one exchange (a server's head has a megabyte at most), or a stream's
/// progress with what is remembered of its pages (5 KiB each at most).
pub(crate) const LONGEST_LINE: u64 = 256 << 20;

/// A run that was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The archive that it is in.
    pub(crate) archive: PathBuf,
    /// Its index.
    pub(crate) index: PathBuf,
    /// What it was.
    pub head: Head,
    /// What its streams started from.
    pub streams: BTreeMap<StreamName, StreamStart>,
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

fn summary(archive: &Path, index: &Path) -> io::Result<Recorded> {
    let mut recorded: Option<Recorded> = None;
    for_each_line(index, |line| {
        match (line.entry, &mut recorded) {
            (Entry::Run(head), None) => {
                recorded = Some(Recorded {
                    archive: archive.to_owned(),
                    index: index.to_owned(),
                    head,
                    streams: BTreeMap::new(),
                    end: None,
                    exchanges: 0,
                });
            }
            (Entry::Stream(start), Some(run)) => drop(run.streams.insert(start.stream.clone(), start)),
            (Entry::Exchange(_), Some(run)) => run.exchanges += 1,
            (Entry::End(end), Some(run)) => run.end = Some(end),
            _ => {}
        }
        Ok(())
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
pub(crate) struct Line<'l> {
    pub(crate) entry: Entry,
    pub(crate) text: &'l [u8],
}

/// Hands over every line that is there as a whole. Where the run was killed, or the machine lost power, the index is cut
/// short, and what stands before the cut is all there is; anything else that keeps it from being read is an error, which
/// names the file.
pub(crate) fn for_each_line(index: &Path, each: impl FnMut(Line<'_>) -> io::Result<()>) -> io::Result<()> {
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
    Whole,
    Cut,
}

fn read_lines(mut lines: impl BufRead, mut each: impl FnMut(Line<'_>) -> io::Result<()>) -> io::Result<Ending> {
    let mut text = Vec::new();
    loop {
        text.clear();
        match (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut text) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Ending::Cut),
            Err(error) => return Err(error),
            Ok(length) if length as u64 == LONGEST_LINE => return Err(damaged("a line has no end")),
            Ok(0) => return Ok(Ending::Whole),
            Ok(_) if text.last() != Some(&b'\n') => return Ok(Ending::Cut),
            Ok(_) => {}
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(&text) else { return Err(unreadable(&text)) };
        if let Entry::Run(head) = &entry {
            refuse_later(head.format)?;
        }
        each(Line { entry, text: &text })?;
    }
}

/// A line that is whole and yet means nothing here was written by a later version, or by somebody else.
fn unreadable(text: &[u8]) -> io::Error {
    let line: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let format = line.pointer("/run/format").and_then(serde_json::Value::as_u64);
    let later = refuse_later(format.and_then(|format| u32::try_from(format).ok()).unwrap_or(FORMAT));
    later.err().unwrap_or_else(|| damaged("it holds a line that is none of an archive"))
}

fn refuse_later(format: u32) -> io::Result<()> {
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
