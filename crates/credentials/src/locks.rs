//! Locks between processes, as files in a folder that have no content and are never removed: a removed one could be
//! locked by two at once. The system frees them when a process ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::PathBuf;

/// The locks of one store.
#[derive(Debug)]
pub(crate) struct Locks {
    folder: PathBuf,
}

impl Locks {
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Waits until nobody else writes; others wait until the file is dropped.
    pub(crate) fn writing(&self) -> io::Result<File> {
        let file = self.file("writing")?;
        file.lock()?;
        Ok(file)
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
pub(crate) fn make_folder(folder: &std::path::Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
