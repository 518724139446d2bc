//! Measurements of the workspace's crates against other libraries: see the README.

mod allocations;
mod command;
mod imap;
mod measure;
mod page;
mod pair;
mod report;
mod sending;
mod signing;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

type Benchmark = fn() -> Result<(), Box<dyn Error>>;

/// What `cargo run --release -- NAME` runs.
const BENCHMARKS: &[(&str, Benchmark)] = &[
    ("sending", sending::run),
    ("sending-alone", sending::run_alone),
    ("signing", signing::run),
    ("imap", imap::run),
    ("imap-wire", imap::run_wire),
    ("drivers", drivers),
    ("fetch", command::run),
];

/// Both protocols by both drivers.
fn drivers() -> Result<(), Box<dyn Error>> {
    imap::run_drivers()?;
    sending::run_drivers()
}

fn main() -> ExitCode {
    if let Some(code) = command::as_command() {
        return code;
    }
    let mut wanted: Vec<String> = env::args().skip(1).filter(|name| name != "--quick").collect();
    let page = match wanted.iter().position(|argument| argument == "--write") {
        Some(at) if at + 1 < wanted.len() => {
            let path = wanted.remove(at + 1);
            wanted.remove(at);
            Some(PathBuf::from(path))
        }
        Some(_) => {
            eprintln!("error: `--write` needs the path of a page");
            return ExitCode::from(2);
        }
        None => None,
    };
    for name in &wanted {
        if !BENCHMARKS.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = BENCHMARKS.iter().map(|(known, _)| *known).collect();
            eprintln!("error: there is no benchmark `{name}`, only: {}", known.join(", "));
            return ExitCode::from(2);
        }
    }
    if cfg!(debug_assertions) {
        eprintln!("error: the figures of an unoptimised build say nothing, add `--release`");
        return ExitCode::from(2);
    }
    let picked = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    for (name, benchmark) in BENCHMARKS.iter().filter(|(name, _)| picked(name)) {
        let written = benchmark().and_then(|()| match &page {
            Some(page) => page::write(page, name, &report::take()),
            None => Ok(()),
        });
        if let Err(error) = written {
            eprintln!("error: {name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
