//! A credential in a text file of its own: what container platforms mount, and what people write by hand.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use spile_model::{ByteSize, Failure, FailureKind, Secret};
use spile_plan::Found;

use crate::permissions;

/// The largest credential is a service account's file of some kilobytes; what is larger, is another file.
pub const LARGEST_CREDENTIAL: ByteSize = ByteSize::mib(1);

/// The file's text without the line breaks at its end. A file that is not there, or empty,
/// holds none.
///
/// # Errors
/// [`FailureKind::Credential`] where it is there and is no text, too large or unreadable.
pub(crate) fn look(path: &Path) -> Result<Found, Failure> {
    let unreadable = |error: std::io::Error| refused(path, "cannot be read").caused_by(error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::default()),
        Err(error) => return Err(unreadable(error)),
    };
    let warning = file.metadata().ok().and_then(|metadata| permissions::complain(path, &metadata));
    let mut bytes = Vec::new();
    file.take(LARGEST_CREDENTIAL.0 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_CREDENTIAL.0 {
        return Err(refused(path, &format!("is larger than {LARGEST_CREDENTIAL}, and no credential is")));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused(path, "is not UTF-8 text"))?;
    let value = without_line_breaks(&text);
    Ok(Found { secret: (!value.is_empty()).then(|| Secret::new(value)), warning })
}

/// The text without line breaks at its end: editors and `echo` put them there.
pub fn without_line_breaks(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(FailureKind::Credential, format!("the file {} {why}", path.display()))
}
