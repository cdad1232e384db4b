//! A file whose creation was cut short (a kill, a full disk). DuckDB writes its headers before anything else and
//! refuses a file that lacks one, so that every later run would fail.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, fcntl_lock};

/// The main header and two headers for the data, of 4 KiB each: a shorter file never held anything.
const HEADERS: u64 = 3 * 4096;

/// What stands in the main header behind its checksum.
const MAGIC: &[u8] = b"DUCK";
const MAGIC_AT: usize = 8;

/// Removes the file if its creation was cut short, and returns whether it was. Any other file is left alone.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    let mut file = File::options().read(true).write(true).open(path)?;
    // DuckDB's own lock: while we hold it, nobody creates or opens this file.
    if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    // Whoever was faster may have put a new file in its place.
    let (opened, named) = (file.metadata()?, fs::metadata(path)?);
    let same = (opened.dev(), opened.ino()) == (named.dev(), named.ino());
    let unborn = same && opened.is_file() && is_unborn(&mut file, opened.len())?;
    if unborn {
        fs::remove_file(path)?;
    }
    Ok(unborn)
}

fn is_unborn(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(true);
    }
    let mut start = Vec::new();
    file.take(HEADERS).read_to_end(&mut start)?;
    Ok(length < HEADERS && start.get(MAGIC_AT..).is_some_and(|rest| rest.starts_with(MAGIC)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn removes(content: &[u8]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.duckdb");
        fs::write(&path, content).unwrap();
        let removed = remove(&path).unwrap();
        assert_eq!(removed, !path.exists());
        removed
    }

    #[test]
    fn only_what_creation_left_is_removed() {
        let header = [&[7; MAGIC_AT], MAGIC, &[0; 4084]].concat();
        assert!(removes(b""));
        assert!(removes(&header));
        assert!(removes(&header.repeat(2)));
        assert!(!removes(&header.repeat(3)), "a whole database");
        assert!(!removes(b"id,name\n1,Ann\n"), "something else");
        assert!(!removes(&[0; 4096]), "something else");
    }
}
