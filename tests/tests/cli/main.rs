//! The `xoauth` command, run as a program against the embedded host, the authorization server and scripted
//! peers.
// A test that finds no value has found a fault: it may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod adversary;
mod announced;
mod check;
#[cfg(unix)]
mod disk;
mod effects;
mod environment;
mod fetch;
mod fetch_odd;
mod fetch_shared;
mod first_minute;
mod hostile;
mod login;
mod mail;
mod offline;
mod rules;
mod secrets;
mod sending;
mod sendmail;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod tokens;
mod watch;
mod wire;
