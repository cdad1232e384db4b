//! Writing: one run's exchanges into an archive.
//!
//! The index is one zstd stream of JSON lines that is brought to a block's end after every line: what was written can be
//! read, however the process ends. At its end stands a checksum, and it gets another name: what was cut or changed
//! afterwards is not taken for whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use spile_model::StreamName;

use crate::bodies::{Bodies, BodyRef};
use crate::entry::{Asked, Attempt, Entry, Head, Reached, RunEnd, StreamStart, Tried, Unanswered};
use crate::files;
use crate::recorded::{ENDED, LONGEST_LINE, OPEN};

/// Lines are alike, and what zstd has seen of the earlier ones makes later ones small at any level.
const LEVEL: i32 = 3;

/// Records one run. Its calls block for as long as the disk takes.
pub struct Recorder {
    folder: PathBuf,
    bodies: Bodies,
    index: Mutex<Index>,
}

enum Index {
    /// The run has no number yet.
    Ahead,
    Open {
        lines: zstd::Encoder<'static, File>,
        exchanges: u64,
        path: OpenPath,
    },
    /// A line could not be written: what stands behind it could not be read.
    Broken,
    /// The run is over.
    Closed,
}

impl Recorder {
    /// A recorder into the archive in `folder`, which is made where there is none.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn into_folder(folder: &Path) -> io::Result<Self> {
        files::make_folder(&files::runs(folder))?;
        files::make_folder(&files::bodies(folder))?;
        // Now, and not after the first answer: a folder that cannot be written costs no request.
        tempfile::tempfile_in(files::runs(folder))?;
        Ok(Self { folder: folder.to_owned(), bodies: Bodies::of(folder), index: Mutex::new(Index::Ahead) })
    }

    /// Where the archive is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The run has begun.
    ///
    /// # Errors
    /// Its index cannot be written.
    pub fn begin(&self, head: Head) -> io::Result<()> {
        let (path, file) = self.make_index(&head)?;
        let mut lines = zstd::Encoder::new(file, LEVEL)?;
        lines.include_checksum(true)?;
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Index::Open { lines, exchanges: 0, path };
        self.write(&Entry::Run(head)).map(|_| ())
    }

    /// A stream begins.
    ///
    /// # Errors
    /// As all that write.
    pub fn stream(&self, start: StreamStart) -> io::Result<()> {
        self.write(&Entry::Stream(start)).map(|_| ())
    }

    /// Stores the contents that `pieces` make up.
    ///
    /// # Errors
    /// As all that write.
    pub fn body(&self, pieces: &[&[u8]]) -> io::Result<BodyRef> {
        self.bodies.store(pieces)
    }

    /// A try has ended; its bodies are stored already. Returns its number.
    ///
    /// # Errors
    /// As all that write.
    pub fn exchange(&self, stream: StreamName, asked: Asked, tried: Tried) -> io::Result<u64> {
        self.write(&Entry::Exchange(Attempt { number: 0, stream, asked, tried }))
    }

    /// An exchange brought no answer with a status of success.
    ///
    /// # Errors
    /// As all that write.
    pub fn unanswered(&self, unanswered: Unanswered) -> io::Result<()> {
        self.write(&Entry::Unanswered(unanswered)).map(|_| ())
    }

    /// A page was made of the exchange of that number.
    ///
    /// # Errors
    /// As all that write.
    pub fn used(&self, number: u64) -> io::Result<()> {
        self.write(&Entry::Used(number)).map(|_| ())
    }

    /// A stream comes to other progress, of which nothing is written yet.
    ///
    /// # Errors
    /// As all that write.
    pub fn reached(&self, reached: Reached) -> io::Result<()> {
        self.write(&Entry::Reached(reached)).map(|_| ())
    }

    /// The run is over, and its index on the disk.
    ///
    /// # Errors
    /// As all that write.
    pub fn end(&self, end: RunEnd) -> io::Result<()> {
        self.write(&Entry::End(end))?;
        let index = std::mem::replace(&mut *self.index.lock().unwrap_or_else(PoisonError::into_inner), Index::Closed);
        match index {
            Index::Open { lines, path, .. } => {
                lines.finish()?.sync_all()?;
                std::fs::rename(&path.open, &path.ended)
            }
            Index::Ahead | Index::Broken | Index::Closed => Ok(()),
        }
    }

    /// Writes a line; of an exchange, gives it its number. A request that is given up at the end of a run may come when
    /// the index is closed: then nobody has made anything of its answer.
    fn write(&self, entry: &Entry) -> io::Result<u64> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, exchanges) = match &mut *index {
            Index::Open { lines, exchanges, .. } => (lines, exchanges),
            Index::Broken => return Err(io::Error::other("an earlier line could not be written")),
            Index::Ahead | Index::Closed => return Ok(0),
        };
        let mut numbered = None;
        if let Entry::Exchange(attempt) = entry {
            *exchanges += 1;
            numbered = Some(Entry::Exchange(Attempt { number: *exchanges, ..attempt.clone() }));
        }
        let mut line = serde_json::to_vec(numbered.as_ref().unwrap_or(entry)).map_err(io::Error::other)?;
        line.push(b'\n');
        if line.len() as u64 >= LONGEST_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than can be read again"));
        }
        // To the end of a block, and to the file.
        let (written, number) = (lines.write_all(&line).and_then(|()| lines.flush()), *exchanges);
        if let Err(error) = written {
            *index = Index::Broken;
            return Err(error);
        }
        Ok(number)
    }

    /// A new index. Runs that start in the same second each get one of their own.
    fn make_index(&self, head: &Head) -> io::Result<(OpenPath, File)> {
        let at = head.started_at.strftime("%Y%m%dT%H%M%SZ");
        let mut again = 1;
        loop {
            let more = if again > 1 { format!("-{again}") } else { String::new() };
            let named = |ending| files::runs(&self.folder).join(format!("{at}-{}{more}{ending}", head.pipeline));
            let path = OpenPath { open: named(OPEN), ended: named(ENDED) };
            match files::make_file(&path.open) {
                // One that has ended had this name before.
                Ok(_) if path.ended.try_exists()? && again < 1_000 => std::fs::remove_file(&path.open)?,
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && again < 1_000 => {}
                Err(error) => return Err(error),
            }
            again += 1;
        }
    }
}

/// What an index is called while its run is under way, and afterwards: so that one whose end is missing although the run
/// has ended is not taken for that of a run that was killed.
struct OpenPath {
    open: PathBuf,
    ended: PathBuf,
}
