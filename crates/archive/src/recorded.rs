//! Reading: which runs an archive holds, and the lines of one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use spile_model::StreamName;

use crate::FORMAT;
use crate::entry::{Entry, Head, RunEnd, StreamStart};
use crate::files;

/// How the name of an index ends.
pub(crate) const INDEX: &str = ".ndjson.zst";

/// The longest line that is read. A line holds the heads of one exchange; a server's head has a megabyte at most.
const LONGEST_LINE: u64 = 16 << 20;

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

/// The runs in the archive in `folder`, the oldest first. An index that ends before its first line is no run.
///
/// # Errors
/// The folder is no archive, cannot be read, or was written by a later version.
pub fn recorded(folder: &Path) -> io::Result<Vec<Recorded>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(files::runs(folder))? {
        let index = entry?.path();
        if index.file_name().is_some_and(|name| name.to_string_lossy().ends_with(INDEX)) {
            found.extend(summary(folder, &index)?);
        }
    }
    found.sort_by_key(|run| (run.head.started_at, run.head.run));
    Ok(found)
}

fn summary(archive: &Path, index: &Path) -> io::Result<Option<Recorded>> {
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
    Ok(recorded)
}

/// A line, and what it says.
pub(crate) struct Line<'l> {
    pub(crate) entry: Entry,
    pub(crate) text: &'l [u8],
}

/// Hands over every line that is there as a whole. Where the index was cut short (the run was killed, the machine lost
/// power), what stands before the cut is all there is.
pub(crate) fn for_each_line(index: &Path, mut each: impl FnMut(Line<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut lines = BufReader::new(zstd::Decoder::new(File::open(index)?)?);
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut text);
        if read.is_err() || text.last() != Some(&b'\n') {
            return Ok(());
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(&text) else { return unreadable(index, &text) };
        if let Entry::Run(head) = &entry {
            refuse_later(index, head.format)?;
        }
        each(Line { entry, text: &text })?;
    }
}

/// A line that is whole and yet means nothing here was written by a later version, or by somebody else.
fn unreadable(index: &Path, text: &[u8]) -> io::Result<()> {
    let line: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let format = line.pointer("/run/format").and_then(serde_json::Value::as_u64);
    refuse_later(index, format.and_then(|format| u32::try_from(format).ok()).unwrap_or(FORMAT))?;
    let message = format!("{} holds a line that is none of an archive", index.display());
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

fn refuse_later(index: &Path, format: u32) -> io::Result<()> {
    if format <= FORMAT {
        return Ok(());
    }
    let index = index.display();
    let message = format!("{index} was written by a later version of Spile (format {format}, this one reads {FORMAT})");
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}
