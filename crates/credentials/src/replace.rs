//! Writing a small file whole: who reads it, and who is killed, finds the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Puts `content` in the place of what `path` was, so that its owner alone can read it. When it returns, the new content
/// outlives a crash of the machine. A link stays one: what it leads to is replaced.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let goal = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    written_beside(&goal, content)?.persist(&goal).map_err(|error| error.error)?;
    settle_folder(&goal)
}

/// The same where there is no such file yet; otherwise an error of the kind `AlreadyExists`.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    written_beside(path, content)?.persist_noclobber(path).map_err(|error| error.error)?;
    settle_folder(path)
}

/// A file in the same folder, with the content on the disk. It is removed where it does not get further.
fn written_beside(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    // Such a file has the mode 0600 from its beginning.
    let mut file = Builder::new().prefix(".spile-").suffix(".partial").tempfile_in(folder(path))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// A rename is on the disk when the folder is.
fn settle_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
