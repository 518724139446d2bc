#![doc = include_str!("../README.md")]

mod account;
mod args;
mod config;
mod connect;
mod deliver;
mod diagnose;
mod failure;
mod header;
mod inspect;
mod nonces;
mod oauth1;
mod oauth2;
mod outgoing;
mod output;
mod preset;
mod progress;
mod query;
mod rules;
mod secret;
mod server;
mod sign_in;
mod spool;
mod steps;
mod store;
mod token;
mod verb;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;

use args::Cli;
pub use args::command;
use failure::{Exit, Failure};
use output::Ui;

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments = as_sendmail(std::env::args_os().collect());
    let matches = command().try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output, complaints to standard error.
            let _ = error.print();
            let asked = !error.use_stderr();
            return if asked { Exit::Ok } else { Exit::Usage }.into();
        }
    };
    let ui = Ui::new(&cli.global);
    match verb::run(&cli, &ui) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            ui.failure(&failure);
            failure.exit.into()
        }
    }
}

/// Called as `sendmail`, the command is `xoauth send`.
fn as_sendmail(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let name = arguments.first().map(std::path::PathBuf::from);
    if name.is_some_and(|name| name.file_stem().is_some_and(|stem| stem == "sendmail")) {
        arguments.insert(1, "send".into());
    }
    arguments
}

type Result<T, E = Failure> = std::result::Result<T, E>;
