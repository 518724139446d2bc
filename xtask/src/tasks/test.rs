//! `cargo xtask test`: every test that needs only a Rust toolchain and a C compiler.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::Result;
use crate::command::{cargo, with_features};
use crate::openssl;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let (outcome, counts) = run_tests(workspace, arguments)?;
    print_end(&outcome, counts);
    Ok(outcome.said())
}

/// Ends the output with the counts of the tests, alone on the last line.
pub(crate) fn print_end(outcome: &Outcome, counts: Counts) {
    if let Outcome::Failed(why) = outcome {
        println!("\nfailed: {why}");
    }
    println!("\n{counts}");
}

/// How many tests passed and failed, unit tests, integration tests and documentation tests alike.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
}

/// Runs all tests, failing ones to the end, and adds up the counts of all test programs.
pub(crate) fn run_tests(workspace: &Workspace, arguments: &[String]) -> Result<(Outcome, Counts)> {
    println!("{}", openssl::choice());
    let mut command = cargo(workspace);
    command.args(["test", "--workspace", "--no-fail-fast"]);
    with_features(&mut command, &openssl::workspace_features()?).args(arguments);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            // A test may print octets that are no UTF-8.
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            counts.add(&line);
        }
    }
    let status = child.wait()?;
    let outcome = match (status.success(), counts.failed) {
        (true, 0) if counts.passed == 0 => Outcome::Failed("no test was run".to_owned()),
        (true, 0) => Outcome::Passed,
        (_, 0) => Outcome::Failed("a test program was not built or ended early".to_owned()),
        (_, failed) => Outcome::Failed(format!("{failed} tests failed")),
    };
    Ok((outcome, counts))
}

impl Counts {
    /// Adds a line `test result: ok. 3 passed; 0 failed; …`; other lines count nothing.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let numbers = result.split_once(". ").map_or("", |(_, numbers)| numbers);
        for part in numbers.split("; ") {
            let mut words = part.split(' ');
            let number = words.next().and_then(|word| word.parse::<u64>().ok());
            match (number, words.next()) {
                (Some(number), Some("passed")) => self.passed += number,
                (Some(number), Some("failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_test_programs_are_added_up() {
        let lines = [
            "running 3 tests",
            "test table::a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "all doctests ran in 0.31s; merged doctests compilation took 0.27s",
            "a test printed: 9 passed; 9 failed;",
        ];
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.add(line));
        assert_eq!(counts.to_string(), "10 passed, 2 failed");
    }
}
