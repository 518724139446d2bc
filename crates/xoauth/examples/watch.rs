//! Tells what happens in an inbox until it is ended, over as many sessions as that takes:
//! `cargo run --example watch -- imap.gmail.com ann@gmail.com xoauth token -a work`
//!
//! The command behind the user prints an access token; it is run for each session.
#![allow(clippy::print_stdout)]

use std::env;
use std::error::Error;

use xoauth::imap::{Builder, Change, Reconnect};
use xoauth::{Credentials, TokenCommand};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(host), Some(user), Some(program)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        println!("usage: watch HOST USER PROGRAM [ARGUMENT..]");
        return Ok(());
    };
    let credentials = Credentials::bearer(user, TokenCommand::new(program, arguments));
    for change in Reconnect::new(Builder::new(&host), credentials).examine("INBOX").watch() {
        match change? {
            Change::Opened(opened) => println!("opened; to be looked at: {:?}", opened.arrived()),
            Change::Told(event) => println!("{event:?}"),
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
