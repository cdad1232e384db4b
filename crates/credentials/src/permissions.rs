//! Who may read a file that holds a secret.

use std::fs::Metadata;
use std::path::Path;

use spile_plan::Warning;

/// Everybody but the owner, reading.
#[cfg(unix)]
const OTHERS_READ: u32 = 0o044;

/// A warning where others than its owner can read the file; devices and pipes are nobody's to keep.
pub(crate) fn complain(path: &Path, metadata: &Metadata) -> Option<Warning> {
    let mode = mode(metadata)?;
    (metadata.is_file() && mode & OTHERS_READ != 0).then(|| Warning {
        message: format!("{} holds a secret, and others than its owner can read it (mode {mode:04o})", path.display()),
        remedy: format!("chmod 600 {}", path.display()),
    })
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.mode() & 0o7777)
}

#[cfg(not(unix))]
const OTHERS_READ: u32 = 0;

#[cfg(not(unix))]
fn mode(_: &Metadata) -> Option<u32> {
    None
}
