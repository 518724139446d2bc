//! Measurements of the workspace's crates against other libraries: see the README.

mod allocations;
mod measure;
mod sending;
mod signing;

use std::env;
use std::error::Error;
use std::process::ExitCode;

type Benchmark = fn() -> Result<(), Box<dyn Error>>;

/// What `cargo run --release -- NAME` runs.
const BENCHMARKS: &[(&str, Benchmark)] = &[("sending", sending::run), ("signing", signing::run)];

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).filter(|name| name != "--quick").collect();
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
        if let Err(error) = benchmark() {
            eprintln!("error: {name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
