//! Writing a small file whole: who reads it, and who is killed, finds the old one or the new one.
//!
//! Until it is whole it lies beside its goal, under one name for each goal: what a killed process has left is removed by
//! the next one that writes. So only one may write at a time; callers hold the lock for that ([`crate::locks`]).

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
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
    let name = format!(".{}.partial", path.file_name().unwrap_or_default().to_string_lossy());
    match fs::remove_file(path.with_file_name(&name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Such a file is new, whatever lies there, and has the mode 0600 from its beginning.
    let mut file = Builder::new().prefix(&name).rand_bytes(0).tempfile_in(folder(path))?;
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
