//! Where runs are recorded.

use std::path::{Path, PathBuf};

use super::Planner;
use crate::diagnostic::{Code, Diagnostic};

impl Planner<'_, '_, '_> {
    pub(super) fn archive(&mut self, text: &str, folder: Option<&Path>) -> Option<PathBuf> {
        let path = ["archive"];
        let archive = self.rendered_openly(&path, text.trim(), "everybody sees the name of a folder")?;
        if archive.is_empty() || archive.contains('\0') {
            let message = "`archive` names no folder";
            self.report(
                &path,
                Diagnostic::error(Code::InvalidValue, message).with_help("write it like `archive: archive`"),
            );
            return None;
        }
        let place = folder.map_or_else(|| PathBuf::from(&archive), |folder| folder.join(&archive));
        if place.is_file() {
            let message = format!("`{archive}` is a file, and an archive is a folder");
            self.report(&path, Diagnostic::error(Code::InvalidValue, message).with_help("name another folder"));
            return None;
        }
        Some(place)
    }
}
