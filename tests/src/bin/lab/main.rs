//! The tests against real servers: `cargo xtask lab test`.
//!
//! A table of cells, one for every server, mechanism, way of TLS, form and case; named tests for what
//! servers were seen to do; whole journeys of mail; and measurements beside Python's own clients.
//! Without the environment of a running lab nothing is run, and that is an error.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod attempt;
mod cases;
mod cell;
mod credentials;
mod differences;
mod environment;
mod journeys;
mod page;
mod peers;
mod regressions;
mod report;
mod runner;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use environment::Lab;
use report::Counts;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    environment: PathBuf,
    /// Only tests whose name holds one of these words.
    words: Vec<String>,
    list: bool,
    /// Where the page of this run is written.
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(counts) if counts.failed == 0 && counts.passed > 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Counts> {
    let options = options()?;
    let lab = Lab::read(&options.environment)?;
    let wanted = |name: &str| {
        options.words.is_empty() || options.words.iter().all(|word| name.contains(word.as_str()))
    };
    let tests = runner::all(&lab).into_iter().filter(|test| wanted(&test.name));
    if options.list {
        let names: Vec<String> = tests.map(|test| test.name).collect();
        println!("{}", names.join("\n"));
        return Ok(Counts { passed: names.len(), ..Counts::default() });
    }
    let outcomes = runner::run(&lab, tests.collect());
    report::print(&outcomes);
    let counts = Counts::of(&outcomes);
    if let Some(path) = &options.page {
        std::fs::write(path, page::write(&lab, &outcomes))?;
    }
    println!("lab: {} differ as known, {} not run", counts.differs, counts.not_run);
    println!("lab: {} passed, {} failed", counts.passed, counts.failed);
    Ok(counts)
}

fn options() -> Result<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--environment" => {
                options.environment = arguments.next().ok_or("--environment needs a file")?.into();
            }
            "--page" => options.page = Some(arguments.next().ok_or("--page needs a file")?.into()),
            "--list" => options.list = true,
            word => options.words.push(word.to_owned()),
        }
    }
    if options.environment.as_os_str().is_empty() {
        return Err("run it by `cargo xtask lab test`, which starts the servers".into());
    }
    Ok(options)
}
