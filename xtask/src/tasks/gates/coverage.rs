//! Lines of the protocol crates that their own tests reach.

use std::collections::BTreeMap;

use crate::Result;
use crate::command::{cargo, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::{LOWER_CRATES, Workspace};

/// Lines that tests must reach, in percent.
const GOAL: usize = 95;

/// Files of which as many lines are not reached are named.
const WORTH_A_LOOK: usize = 5;

pub(super) fn run(workspace: &Workspace, figures: &mut String) -> Result<Outcome> {
    if !super::installed(workspace, "llvm-cov")? {
        return Ok(Outcome::NotRun("cargo-llvm-cov is not installed and cannot be".to_owned()));
    }
    // Where things are built somewhere else, it is not there.
    let directory = workspace.root.join("target");
    std::fs::create_dir_all(&directory)?;
    let file = directory.join("coverage.lcov");
    let mut command = cargo(workspace);
    command.args(["llvm-cov", "--lcov", "--output-path"]).arg(&file).args(super::lower_crates());
    let outcome = run_command(&mut command)?;
    if outcome != Outcome::Passed {
        return Ok(outcome);
    }
    let mut crates: BTreeMap<&str, Lines> = BTreeMap::new();
    for (path, lines) in measured(&std::fs::read_to_string(file)?) {
        let path = path.replace('\\', "/");
        let Some(name) =
            LOWER_CRATES.iter().find(|name| path.contains(&format!("crates/{name}/src/")))
        else {
            continue;
        };
        if path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let lines = lines.of_product(&text);
        if lines.missed.len() >= WORTH_A_LOOK {
            println!("{path}: not reached: {:?}", lines.missed);
        }
        let sum = crates.entry(name).or_default();
        sum.reached += lines.reached;
        sum.missed.extend(lines.missed);
    }
    let said = |(name, lines): (&&str, &Lines)| format!("{name} {}", lines.percent());
    *figures = crates.iter().map(said).collect::<Vec<_>>().join("; ");
    println!("{figures}; goal {GOAL} %");
    let low: Vec<&str> =
        crates.iter().filter(|(_, lines)| !lines.is_enough()).map(|(name, _)| *name).collect();
    Ok(if crates.len() < LOWER_CRATES.len() {
        Outcome::Failed("not every crate was measured".to_owned())
    } else if low.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("below {GOAL} %: {}", low.join(", ")))
    })
}

/// Lines that have code.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    reached: usize,
    missed: Vec<usize>,
    all: Vec<(usize, bool)>,
}

impl Lines {
    /// Without the module of tests at the end of the file.
    fn of_product(self, text: &str) -> Self {
        let tests = text.lines().position(|line| line == "#[cfg(test)]").unwrap_or(usize::MAX);
        let lines = self.all.into_iter().filter(|&(line, _)| line <= tests);
        let mut product = Self::default();
        for (line, is_reached) in lines {
            if is_reached {
                product.reached += 1;
            } else {
                product.missed.push(line);
            }
        }
        product
    }

    fn is_enough(&self) -> bool {
        self.reached * 100 >= (self.reached + self.missed.len()) * GOAL
    }

    fn percent(&self) -> String {
        let all = self.reached + self.missed.len();
        format!("{:.1} % of {all} lines", self.reached as f64 * 100.0 / all.max(1) as f64)
    }
}

/// The files of a report in the form of lcov, and their lines.
fn measured(report: &str) -> Vec<(String, Lines)> {
    let mut files: Vec<(String, Lines)> = Vec::new();
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            files.push((path.to_owned(), Lines::default()));
        } else if let Some((number, count)) =
            line.strip_prefix("DA:").and_then(|data| data.split_once(','))
        {
            if let (Some((_, lines)), Ok(number)) = (files.last_mut(), number.parse()) {
                lines.all.push((number, count != "0"));
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_do_not_count() {
        let report = "SF:a.rs\nDA:1,3\nDA:2,0\nDA:5,1\nDA:6,0\nend_of_record\nSF:b.rs\nDA:1,0\n";
        let files = measured(report);
        assert_eq!(files.len(), 2);
        let text = "fn a() {}\nfn b() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        for (path, lines) in files {
            let lines = lines.of_product(text);
            let expected = if path == "a.rs" { (1, vec![2]) } else { (0, vec![1]) };
            assert_eq!((lines.reached, lines.missed.clone()), expected);
            assert!(!lines.is_enough());
        }
        let most = Lines { reached: 95, missed: vec![0; 5], all: Vec::new() };
        let fewer = Lines { reached: 94, missed: vec![0; 5], all: Vec::new() };
        assert!(most.is_enough() && !fewer.is_enough());
        assert_eq!(most.percent(), "95.0 % of 100 lines");
    }
}
