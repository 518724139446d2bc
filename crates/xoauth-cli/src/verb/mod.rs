//! The verbs, one file each.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod fetch;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod string;
pub(crate) mod token;
pub(crate) mod verify;
pub(crate) mod watch;

use std::io::{IsTerminal, Read};

use crate::Result;
use crate::args::{Cli, Verb};
use crate::failure::{Exit, Failure};
use crate::output::Ui;

/// Does what the command line says.
pub(crate) fn run(cli: &Cli, ui: &Ui) -> Result<Exit> {
    let global = &cli.global;
    match &cli.verb {
        Verb::String(string) => string.run(global, ui),
        Verb::Check(check) => check.run(global, ui),
        Verb::Explain(explain) => explain.run(global, ui),
        Verb::Verify(verify) => verify.run(global, ui),
        Verb::Login(login) => login.run(global, ui),
        Verb::List(list) => list.run(global, ui),
        Verb::Search(search) => search.run(global, ui),
        Verb::Fetch(fetch) => fetch.run(global, ui),
        Verb::Watch(watch) => watch.run(global, ui),
        Verb::Send(send) => send.run(global, ui),
        Verb::Token(token) => token.run(global, ui),
    }
}

/// `300`, `300s`, `5m` or `2h`, for command lines.
pub(crate) fn seconds(text: &str) -> std::result::Result<u64, String> {
    let (number, factor) = match text.char_indices().last() {
        Some((at, 's')) => (text.get(..at), 1),
        Some((at, 'm')) => (text.get(..at), 60),
        Some((at, 'h')) => (text.get(..at), 3600),
        _ => (Some(text), 1),
    };
    let number = number.and_then(|number| number.parse::<u64>().ok());
    let seconds = number.and_then(|number| number.checked_mul(factor));
    seconds.ok_or_else(|| "expected seconds: 300, 300s, 5m or 2h".to_owned())
}

/// The text on standard input, as much as one that is to be judged may have. Who sits in front of it is told that it is read.
fn read_text(ui: &Ui, what: &str) -> Result<String> {
    let mut octets = Vec::new();
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        ui.note(format!("{what}; end it with Ctrl-D on a line of its own"));
    }
    let read = stdin.lock().take(1024 * 1024).read_to_end(&mut octets);
    read.map_err(|error| Failure::io("standard input", &error))?;
    String::from_utf8(octets).map_err(|_| Failure::data("standard input is no UTF-8"))
}
