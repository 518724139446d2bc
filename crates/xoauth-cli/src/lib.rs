#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod args;
mod config;
mod connect;
mod deliver;
mod diagnose;
mod encoded;
mod failure;
mod files;
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
mod signals;
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
    let json = arguments.iter().take_while(|one| *one != "--").any(|one| one == "--json");
    let matches = command().try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            let asked = !error.use_stderr();
            if json && !asked {
                let text = error.to_string();
                let message = text.split("\n\n").next().unwrap_or_default();
                let message = message.strip_prefix("error: ").unwrap_or(message);
                output::complain_json(&Failure::usage(message));
                return Exit::Usage.into();
            }
            // Help and version go to standard output, complaints to standard error.
            return match error.print() {
                Err(error) if asked => {
                    let failure = Failure::io("standard output", &error);
                    output::complain_text(&failure);
                    failure.exit
                }
                _ if asked => Exit::Ok,
                _ => Exit::Usage,
            }
            .into();
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

/// Called as `sendmail`, the command is `xoauth send`, and `-h` is a count of hops that nobody needs.
fn as_sendmail(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let name = arguments.first().map(std::path::PathBuf::from);
    if name.is_some_and(|name| name.file_stem().is_some_and(|stem| stem == "sendmail")) {
        let ends = |argument: &OsString| argument == "--";
        let options = arguments.iter().position(ends).unwrap_or(arguments.len());
        if let Some(at) = arguments.iter().take(options).position(|argument| argument == "-h") {
            let number = |text: &OsString| text.to_str().is_some_and(|t| t.parse::<u32>().is_ok());
            if arguments.get(at + 1).is_some_and(number) {
                arguments.drain(at..at + 2);
            }
        }
        arguments.insert(1, "send".into());
    }
    arguments
}

type Result<T, E = Failure> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sendmail_is_send_and_its_count_of_hops_is_not_a_call_for_help() {
        let called = |arguments: &[&str]| {
            as_sendmail(arguments.iter().map(OsString::from).collect::<Vec<_>>())
        };
        assert_eq!(called(&["/usr/sbin/sendmail", "-t"]), ["/usr/sbin/sendmail", "send", "-t"]);
        assert_eq!(called(&["sendmail", "-h", "5", "a@b"]), ["sendmail", "send", "a@b"]);
        assert_eq!(called(&["sendmail", "-h"]), ["sendmail", "send", "-h"]);
        assert_eq!(called(&["sendmail", "--", "-h", "5"]), ["sendmail", "send", "--", "-h", "5"]);
        assert_eq!(called(&["xoauth", "-h", "5"]), ["xoauth", "-h", "5"]);
    }
}
