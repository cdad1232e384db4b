//! Where an archive's files are, and who may read them: their owner.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of the indexes, one for each run.
pub(crate) fn runs(archive: &Path) -> PathBuf {
    archive.join("runs")
}

/// The folder of the bodies, which all runs share.
pub(crate) fn bodies(archive: &Path) -> PathBuf {
    archive.join("bodies")
}

/// Makes `folder` and those above it, where they are not there.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file that is not there yet.
pub(crate) fn make_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
