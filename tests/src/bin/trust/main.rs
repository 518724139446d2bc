//! What takes longer than `cargo test` may: the attack corpora against the shim, whole sweeps, times of growing
//! input, nonces that must not repeat, and the recording of transcripts. `cargo xtask attacks`, `sweep`, `growth` and
//! `gates nonces` call it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod attacks;
mod growth;
mod nonces;
mod record;
mod sweep;

use std::process::ExitCode;

/// How a subcommand ends: what went wrong, or whether all was right.
type Outcome = Result<bool, Box<dyn std::error::Error>>;

/// Exit status of wrong usage (sysexits `EX_USAGE`).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["attacks", shim, cases @ ..] => attacks::run(shim, cases),
        ["sweep"] => sweep::run(),
        ["growth"] => growth::run(),
        // What `growth` counts the instructions of: a shape, and no shape.
        ["play", name, octets] => growth::play(name, octets),
        ["play"] => Ok(true),
        ["nonces"] => nonces::run(),
        ["record", file] => record::run(file),
        _ => {
            eprintln!("usage: trust attacks SHIM [CASE..] | sweep | growth | nonces | record FILE");
            return ExitCode::from(USAGE);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("trust: {error}");
            ExitCode::FAILURE
        }
    }
}
