//! The conformance shim: lets a program in any language drive the libraries and see what they do.
//!
//! `shim sign`, `shim parse` and `shim client [--driver blocking|async]` read JSON from standard input and write
//! JSON to standard output. It uses only the public API of the crates and holds no protocol logic.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod parse;
mod sign;

use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use e2e::player::{self, Driver, Means, text};
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Exit status of wrong usage (sysexits `EX_USAGE`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["sign"] => each_line(sign::answer),
        ["parse"] => each_line(parse::answer),
        ["client"] => play_client(Driver::Blocking),
        ["client", "--driver", name] => match Driver::named(name) {
            Some(driver) => play_client(driver),
            None => return usage(),
        },
        _ => return usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shim: {error}");
            ExitCode::from(USAGE)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: shim sign | parse | client [--driver blocking|async]");
    ExitCode::from(USAGE)
}

/// Answers one JSON object a line.
fn each_line(answer: fn(&Value) -> Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let request: Value = serde_json::from_str(&line)?;
        let mut answered = answer(&request);
        if let Some(fields) = answered.as_object_mut() {
            fields.insert("id".to_owned(), request.get("id").cloned().unwrap_or(Value::Null));
        }
        writeln!(out, "{answered}")?;
        out.flush()?;
    }
    Ok(())
}

/// Plays the client of one request, on a stack of the size it names.
fn play_client(driver: Driver) -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let request: Value = serde_json::from_str(&text)?;
    let stack = request.get("stack").and_then(Value::as_u64);
    let Some(stack) = stack.and_then(|octets| usize::try_from(octets).ok()) else {
        return play_here(&request, driver);
    };
    let thread = std::thread::Builder::new().stack_size(stack);
    let played = thread.spawn(move || play_here(&request, driver))?;
    played.join().unwrap_or_else(|_| Err(io::Error::other("the client panicked")))
}

fn play_here(request: &Value, driver: Driver) -> io::Result<()> {
    let mut played = player::play(request, Means::new(driver));
    writeln!(io::stdout(), "{}", played.answer)?;
    io::stdout().flush()?;
    if played.failed {
        // Everything the client held is held for so long: a player sees whether the library closed the
        // connection itself.
        let linger = request.get("linger_ms").and_then(Value::as_u64).unwrap_or(0);
        std::thread::sleep(Duration::from_millis(linger));
    }
    // Behind the answer: a player does not wait for a server that takes no leave.
    played.say_goodbye();
    Ok(())
}

/// What cannot be expressed with the libraries.
fn unsupported(why: &str) -> Value {
    json!({ "unsupported": why })
}
