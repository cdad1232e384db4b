//! A DuckDB file keeps the contract of destinations, and what is DuckDB's own.
#![allow(clippy::unwrap_used)]

mod contract;
mod file;
