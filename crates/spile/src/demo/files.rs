//! The demo's two files, and the care not to touch anybody else's.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// The pipeline as it is written.
pub(crate) const PIPELINE: &str = include_str!("pipeline.yaml");

/// The demo's own file begins so, whatever the user has changed in it.
const MARK: &str = "# Written by `spile demo`.";

/// Where the demo works.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) pipeline: PathBuf,
    pub(crate) database: PathBuf,
}

impl Files {
    /// Makes the folder and the pipeline file where there is none. Says whether the file was written now.
    ///
    /// # Errors
    /// Something of that name is there and not the demo's.
    pub(crate) fn prepare(folder: &Path) -> Result<(Self, bool), Problem> {
        fs::create_dir_all(folder)
            .map_err(|error| Problem::failed(format!("the folder {} cannot be made: {error}", folder.display())))?;
        // A pipeline in the working directory is `demo.yaml`, not `./demo.yaml`.
        let folder = if folder == Path::new(".") { Path::new("") } else { folder };
        let files = Self { pipeline: folder.join("demo.yaml"), database: folder.join("demo.duckdb") };
        let written = files.prepare_pipeline()?;
        Ok((files, written))
    }

    fn prepare_pipeline(&self) -> Result<bool, Problem> {
        match fs::read_to_string(&self.pipeline) {
            Ok(text) if text.starts_with(MARK) => Ok(false),
            Ok(_) => Err(foreign(&self.pipeline)),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(foreign(&self.pipeline)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if self.database.exists() {
                    return Err(foreign(&self.database));
                }
                fs::write(&self.pipeline, PIPELINE)
                    .map(|()| true)
                    .map_err(|error| Problem::failed(format!("{} cannot be written: {error}", self.pipeline.display())))
            }
            Err(error) => Err(Problem::failed(format!("{} cannot be read: {error}", self.pipeline.display()))),
        }
    }
}

fn foreign(path: &Path) -> Problem {
    Problem::usage(format!("{} is there already and was not written by the demo", path.display()))
        .remedy("name another folder: spile demo FOLDER")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_pipeline_file_bears_the_mark() {
        assert!(PIPELINE.starts_with(MARK));
    }

    #[test]
    fn a_second_demo_keeps_what_the_user_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (files, written) = Files::prepare(folder.path()).unwrap();
        assert!(written);
        let changed = format!("{PIPELINE}\n# mine\n");
        fs::write(&files.pipeline, &changed).unwrap();
        assert!(!Files::prepare(folder.path()).unwrap().1);
        assert_eq!(fs::read_to_string(&files.pipeline).unwrap(), changed);
    }

    #[test]
    fn a_file_of_somebody_else_is_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("demo.yaml"), "name: mine\n").unwrap();
        assert!(Files::prepare(folder.path()).is_err());
        fs::remove_file(folder.path().join("demo.yaml")).unwrap();
        fs::write(folder.path().join("demo.duckdb"), "").unwrap();
        assert!(Files::prepare(folder.path()).is_err());
        assert!(!folder.path().join("demo.yaml").exists());
    }
}
