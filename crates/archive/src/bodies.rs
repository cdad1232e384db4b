//! Bodies, each in a file that is named by its contents: `bodies/ab/abcd….zst`.

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::files;

/// zstd's own default: a third of the size of usual JSON or less, faster than any API answers.
const LEVEL: i32 = 3;

/// So many bodies are remembered as sound; beyond that they are looked at once more.
const MOST_SOUND: usize = 65_536;

/// Names a body by what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyRef {
    /// BLAKE3 of the contents, in hexadecimal.
    hash: String,
    /// How many bytes they are.
    pub bytes: u64,
}

/// The bodies of an archive.
#[derive(Debug)]
pub(crate) struct Bodies {
    folder: PathBuf,
    /// Those that were found to be what their names say.
    sound: Mutex<HashSet<String>>,
}

impl Bodies {
    pub(crate) fn of(archive: &Path) -> Self {
        Self { folder: files::bodies(archive), sound: Mutex::default() }
    }

    /// Stores the contents that `pieces` make up, unless they are there. When this returns, they are, as a whole: what
    /// stands under their name is looked at, when it is first met, for a disk or a loss of power may have spoilt it.
    pub(crate) fn store(&self, pieces: &[&[u8]]) -> io::Result<BodyRef> {
        let mut hasher = blake3::Hasher::new();
        for piece in pieces {
            hasher.update(piece);
        }
        let hash = hasher.finalize().to_hex().as_str().to_owned();
        let body = BodyRef { hash, bytes: pieces.iter().map(|piece| piece.len() as u64).sum() };
        let place = self.place(&body)?;
        if place.try_exists()? && self.is_sound(&body) {
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
        self.found_sound(&body);
        Ok(body)
    }

    /// Whether what is stored is what it is called.
    fn is_sound(&self, body: &BodyRef) -> bool {
        if self.sound.lock().unwrap_or_else(PoisonError::into_inner).contains(&body.hash) {
            return true;
        }
        let read = self.read(body).and_then(|mut stored| io::copy(&mut stored, &mut io::sink()));
        if read.is_ok() {
            self.found_sound(body);
        }
        read.is_ok()
    }

    fn found_sound(&self, body: &BodyRef) {
        let mut sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if sound.len() >= MOST_SOUND {
            sound.clear();
        }
        sound.insert(body.hash.clone());
    }

    /// The contents of a body that is stored.
    pub(crate) fn read(&self, body: &BodyRef) -> io::Result<Stored> {
        let place = self.place(body)?;
        let open = || zstd::Decoder::new(std::fs::File::open(&place)?);
        let contents = open().map_err(|error| at(&place, &error))?;
        Ok(Stored { contents, hasher: blake3::Hasher::new(), place, body: body.clone(), left: body.bytes })
    }

    fn place(&self, body: &BodyRef) -> io::Result<PathBuf> {
        // An index may have been written by anybody: nothing but a hash becomes part of a path.
        blake3::Hash::from_hex(&body.hash).map_err(|_| broken("the name of a body is no hash"))?;
        Ok(self.folder.join(&body.hash[..2]).join(format!("{}.zst", body.hash)))
    }
}

/// The contents of a body, as they are read. At their end it is an error when they are not what was stored.
pub struct Stored {
    contents: zstd::Decoder<'static, BufReader<std::fs::File>>,
    hasher: blake3::Hasher,
    place: PathBuf,
    body: BodyRef,
    left: u64,
}

impl Stored {
    fn read_checked(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.contents.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| broken("it is longer than it was"))?;
        if read == 0 && !buffer.is_empty() && self.hasher.finalize().to_hex().as_str() != self.body.hash {
            return Err(broken("it is not what was stored"));
        }
        Ok(read)
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_checked(buffer).map_err(|error| at(&self.place, &error))
    }
}

fn broken(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, how)
}

fn at(place: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("body {}: {error}", place.display()))
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

    #[test]
    fn a_body_that_was_spoilt_is_stored_anew_when_it_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let body = Bodies::of(folder.path()).store(&[b"0123456789"]).unwrap();
        for spoilt in [&b""[..], b"nothing like it", &zstd::encode_all(&b"9876543210"[..], 1).unwrap()] {
            // Each recording meets it for the first time.
            let bodies = Bodies::of(folder.path());
            std::fs::write(bodies.place(&body).unwrap(), spoilt).unwrap();
            assert!(contents(&bodies, &body).is_err());
            assert_eq!(bodies.store(&[b"0123456789"]).unwrap(), body);
            assert_eq!(contents(&bodies, &body).unwrap(), b"0123456789");
        }
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
        let said = contents(&bodies, &body).unwrap_err().to_string();
        assert!(said.starts_with(&format!("body {}: ", place.display())), "{said}");
        std::fs::remove_file(&place).unwrap();
        let said = contents(&bodies, &body).unwrap_err().to_string();
        assert!(said.starts_with(&format!("body {}: ", place.display())), "{said}");
        let astray = BodyRef { hash: "../../etc/passwd".to_owned(), bytes: 1 };
        assert!(contents(&bodies, &astray).unwrap_err().to_string().contains("no hash"));
    }
}
