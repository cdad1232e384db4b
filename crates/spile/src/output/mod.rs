//! Everything that goes to the terminal: consumers of run events and reports.
//!
//! Progress goes to stderr, results to stdout. Colour and movement appear only on a terminal, and never where
//! `NO_COLOR` is set. Nothing here fails: a reader that has gone away (a closed
//! pipe) is no error of the run, and what a full disk loses is told at the end (`stdout`).

pub(crate) mod board;
pub(crate) mod closing;
pub(crate) mod columns;
pub(crate) mod failure;
mod json;
mod live;
pub(crate) mod notices;
pub(crate) mod number;
mod plain;
pub(crate) mod progress;
pub(crate) mod stdout;
pub(crate) mod table;
pub(crate) mod terminal;
