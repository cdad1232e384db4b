//! Bodies, each in a file that is named by its contents: `bodies/ab/abcd….zst`.

use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::files;

/// zstd's own default: a third of the size of usual JSON or less, faster than any API answers.
const LEVEL: i32 = 3;

/// Names a body by what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyRef {
    /// BLAKE3 of the contents, in hexadecimal.
    hash: String,
    /// How many bytes they are.
    pub bytes: u64,
}

/// The bodies of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    folder: PathBuf,
}

impl Bodies {
    pub(crate) fn of(archive: &Path) -> Self {
        Self { folder: files::bodies(archive) }
    }

    /// Stores the contents that `pieces` make up, unless they are there. When this returns, they are, as a whole.
    pub(crate) fn store(&self, pieces: &[&[u8]]) -> io::Result<BodyRef> {
        let mut hasher = blake3::Hasher::new();
        for piece in pieces {
            hasher.update(piece);
        }
        let hash = hasher.finalize().to_hex().as_str().to_owned();
        let body = BodyRef { hash, bytes: pieces.iter().map(|piece| piece.len() as u64).sum() };
        let place = self.place(&body)?;
        if place.try_exists()? {
            return Ok(body);
        }
        let folder = place.parent().unwrap_or(&self.folder);
        files::make_folder(folder)?;
        // Under its name stands only what is whole: others may look for it at the same time, and we may be killed.
        let mut file = zstd::Encoder::new(NamedTempFile::new_in(folder)?, LEVEL)?;
        for piece in pieces {
            file.write_all(piece)?;
        }
        file.finish()?.persist(&place)?;
        Ok(body)
    }

    /// The contents of a body that is stored.
    pub(crate) fn read(&self, body: &BodyRef) -> io::Result<Stored> {
        let file = std::fs::File::open(self.place(body)?)?;
        let contents = zstd::Decoder::new(file)?;
        Ok(Stored { contents, hasher: blake3::Hasher::new(), body: body.clone(), left: body.bytes })
    }

    fn place(&self, body: &BodyRef) -> io::Result<PathBuf> {
        // An index may have been written by anybody: nothing but a hash becomes part of a path.
        blake3::Hash::from_hex(&body.hash).map_err(|_| broken(body, "has a name that is no hash"))?;
        Ok(self.folder.join(&body.hash[..2]).join(format!("{}.zst", body.hash)))
    }
}

/// The contents of a body, as they are read. At their end it is an error when they are not what was stored.
pub struct Stored {
    contents: zstd::Decoder<'static, BufReader<std::fs::File>>,
    hasher: blake3::Hasher,
    body: BodyRef,
    left: u64,
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.contents.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| broken(&self.body, "is longer than it was"))?;
        if read == 0 && !buffer.is_empty() && self.hasher.finalize().to_hex().as_str() != self.body.hash {
            return Err(broken(&self.body, "is not what was stored"));
        }
        Ok(read)
    }
}

fn broken(body: &BodyRef, how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the body {} {how}", body.hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(bodies: &Bodies, body: &BodyRef) -> io::Result<Vec<u8>> {
        let mut contents = Vec::new();
        bodies.read(body)?.read_to_end(&mut contents)?;
        Ok(contents)
    }

    #[test]
    fn equal_bodies_are_stored_once_however_they_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let bodies = Bodies::of(folder.path());
        let first = bodies.store(&[b"a page", b" of records"]).unwrap();
        let second = bodies.store(&[b"a page of ", b"", b"records"]).unwrap();
        assert_eq!(first, second);
        assert_eq!(contents(&bodies, &first).unwrap(), b"a page of records");
        let empty = bodies.store(&[]).unwrap();
        assert_eq!(contents(&bodies, &empty).unwrap(), b"");
        let stored = std::fs::read_dir(files::bodies(folder.path())).unwrap().count();
        assert_eq!(stored, 2);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_body() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let bodies = Bodies::of(folder.path());
        let place = bodies.place(&bodies.store(&[b"x"]).unwrap()).unwrap();
        assert_eq!(place.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(place.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_body_that_was_changed_or_cut_is_an_error_and_never_a_body() {
        let folder = tempfile::tempdir().unwrap();
        let bodies = Bodies::of(folder.path());
        let body = bodies.store(&[b"0123456789"]).unwrap();
        let place = bodies.place(&body).unwrap();
        let whole = std::fs::read(&place).unwrap();
        let others: [(&[u8], &str); 3] =
            [(b"9876543210", "not what was stored"), (b"0123456789x", "longer"), (b"012", "not what was stored")];
        for (other, expected) in others {
            std::fs::write(&place, zstd::encode_all(other, 1).unwrap()).unwrap();
            assert!(contents(&bodies, &body).unwrap_err().to_string().contains(expected), "{expected}");
        }
        std::fs::write(&place, &whole[..whole.len() - 4]).unwrap();
        assert!(contents(&bodies, &body).is_err());
        let astray = BodyRef { hash: "../../etc/passwd".to_owned(), bytes: 1 };
        assert!(contents(&bodies, &astray).unwrap_err().to_string().contains("no hash"));
    }
}
