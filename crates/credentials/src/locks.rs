//! Locks between processes, as files in a folder that have no content and are never removed: a removed one could be
//! locked by two at once. The system frees them when a process ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use spile_model::units::show_duration;

/// A small file is written in moments, also where its key has to be derived first. Who takes longer is stuck.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long to wait between two looks whether another process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The locks of one store.
#[derive(Debug)]
pub(crate) struct Locks {
    folder: PathBuf,
}

impl Locks {
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Beside the file that is locked, and hidden: `.spile.secrets.age.locks`.
    pub(crate) fn beside(path: &Path) -> Self {
        // Two ways to one file must lead to the same locks.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::in_folder(path.with_file_name(format!(".{name}.locks")))
    }

    /// Waits until nobody else writes, for half a minute at most; others wait until the file is dropped.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::TimedOut`] where another process does not end.
    pub(crate) fn writing(&self) -> io::Result<File> {
        self.writing_within(LONGEST_WAIT)
    }

    #[allow(clippy::disallowed_methods, reason = "calls of stores block, and are made on threads of their own")]
    fn writing_within(&self, patience: Duration) -> io::Result<File> {
        let file = self.file("writing")?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if waited >= patience => {
                    let message = format!(
                        "another process has been writing there for {}; if it is stuck, end it",
                        show_duration(patience)
                    );
                    return Err(io::Error::new(io::ErrorKind::TimedOut, message));
                }
                Err(TryLockError::WouldBlock) => sleep(LOOK_AGAIN),
            }
            waited += LOOK_AGAIN;
        }
    }

    /// Takes the lock of that name, if nobody has it; it is free again when the file is dropped.
    pub(crate) fn attempt(&self, name: &str) -> io::Result<Option<File>> {
        let file = self.file(&format!("held-{name}"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn file(&self, name: &str) -> io::Result<File> {
        make_folder(&self.folder)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.folder.join(name))
    }
}

/// Makes a folder that its owner alone may enter, and those above it.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_writer_that_does_not_end_is_told_and_goes_on_after_one_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (Locks::in_folder(folder.path().to_owned()), Locks::in_folder(folder.path().to_owned()));
        let held = one.writing().unwrap();
        let error = other.writing_within(LOOK_AGAIN * 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "another process has been writing there for 100 ms; if it is stuck, end it");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| other.writing().map(drop));
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }
}
