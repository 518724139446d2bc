//! The tests against real servers: `cargo xtask lab test`.
//!
//! A table of cells, one for every server, mechanism, way of TLS, form and case; named tests for what
//! servers were seen to do; whole journeys of mail; and measurements beside Python's own clients.
//! Without the environment of a running lab nothing is run, and that is an error.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod attempt;
mod browser;
mod bulk;
mod cases;
mod cell;
mod command;
mod credentials;
mod curl;
mod delivery;
mod differences;
mod environment;
mod examples;
mod journeys;
mod logs;
mod mail;
mod nonblocking;
mod page;
mod peers;
mod regressions;
mod report;
mod runner;
mod sessions;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

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
    /// Where the example programs are.
    examples: Option<PathBuf>,
    /// This process is a client under measurement.
    candidate: Option<(bulk::Work, bulk::candidate::Driver)>,
    /// Where the page of this run is written.
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(counts) if counts.failed == 0 && counts.passed + counts.differs > 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Counts> {
    let options = options()?;
    let mut lab = Lab::read(&options.environment)?;
    if let Some((work, driver)) = options.candidate {
        bulk::candidate::run(&lab, work, driver)?;
        return Ok(Counts { passed: 1, ..Counts::default() });
    }
    lab.examples = options.examples;
    let wanted = |name: &str| {
        options.words.is_empty() || options.words.iter().all(|word| name.contains(word.as_str()))
    };
    let tests = runner::all().into_iter().filter(|test| wanted(&test.name));
    if options.list {
        let names: Vec<String> = tests.map(|test| test.name).collect();
        let others = [bulk::names(), logs::names()].concat();
        let others = others.into_iter().filter(|name| wanted(name));
        let names: Vec<String> = names.into_iter().chain(others).collect();
        println!("{}", names.join("\n"));
        return Ok(Counts { passed: names.len(), ..Counts::default() });
    }
    let begin = Instant::now();
    let mut outcomes = runner::run(&lab, tests.collect());
    println!("lab: {} tests in {:.1} s", outcomes.len(), begin.elapsed().as_secs_f64());
    // Alone on the machine, and the figures of a page in as many rounds as tell something.
    let begin = Instant::now();
    let rounds = if options.page.is_some() { 3 } else { 1 };
    let (bulk, figures) = bulk::run(&lab, rounds, wanted);
    if !figures.is_empty() {
        println!("lab: bulk in {:.1} s", begin.elapsed().as_secs_f64());
    }
    outcomes.extend(bulk);
    outcomes.extend(logs::outcomes(&lab, options.words.is_empty(), wanted));
    report::print(&outcomes);
    if !figures.is_empty() {
        print!("{}", figures.table());
        if !bulk::IS_OPTIMISED {
            println!("lab: the clients are not optimised; `--release` has figures to compare");
        }
    }
    let counts = Counts::of(&outcomes);
    if let Some(path) = &options.page {
        if !bulk::IS_OPTIMISED {
            return Err("a page has figures of an optimised program: --release".into());
        }
        std::fs::write(path, page::write(&lab, &outcomes, &figures))?;
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
            "--examples" => {
                options.examples = Some(arguments.next().ok_or("--examples needs a path")?.into());
            }
            "--candidate" => {
                options.candidate =
                    Some(candidate(arguments.next(), arguments.next()).ok_or("no such candidate")?);
            }
            "--list" => options.list = true,
            word => options.words.push(word.to_owned()),
        }
    }
    if options.environment.as_os_str().is_empty() {
        return Err("run it by `cargo xtask lab test`, which starts the servers".into());
    }
    Ok(options)
}

fn candidate(
    work: Option<String>,
    driver: Option<String>,
) -> Option<(bulk::Work, bulk::candidate::Driver)> {
    let (work, driver) = (work?, driver?);
    let work = bulk::Work::ALL.into_iter().find(|known| known.name() == work)?;
    let driver = bulk::candidate::Driver::ALL.into_iter().find(|known| known.name() == driver)?;
    Some((work, driver))
}
