//! Credentials as their users see them: files on a disk, and what becomes of them.

#![allow(clippy::unwrap_used)]

mod age_file;
mod contract;
mod file;
mod keyring;
mod support;
mod vault;
