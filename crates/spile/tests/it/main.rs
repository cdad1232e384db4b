//! The binary as its users meet it: what it prints, how it ends, what is in the tables afterwards.

#![allow(clippy::unwrap_used)]

mod commands;
mod crash;
mod datasette;
mod demo;
mod endings;
mod faults;
mod health;
mod logs;
mod messages;
mod place;
mod secrets;
mod values;
