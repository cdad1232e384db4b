//! The binary as its users meet it: what it prints, how it ends, what is in the tables afterwards.

#![allow(clippy::unwrap_used)]

mod bombs;
mod canaries;
mod clocks;
mod commands;
mod crash;
mod datasette;
mod demo;
mod endings;
mod faults;
mod health;
mod keyring;
mod logins;
mod logs;
mod messages;
mod place;
mod proxies;
mod replay;
mod secrets;
mod values;
