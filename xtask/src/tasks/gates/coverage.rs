//! Lines and regions of the protocol crates that their own tests reach.
//!
//! A region is a stretch that runs as a whole: an arm, the rest of a condition behind `&&`, the way out that `?` is.
//! Lines with several of them count as reached when one is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Result;
use crate::command::{cargo, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::{LOWER_CRATES, Workspace};

/// Lines that tests must reach, in percent.
const GOAL: usize = 95;

/// Regions that they must reach, in percent.
const REGIONS: usize = 90;

/// Files of which as many lines are not reached are named.
const WORTH_A_LOOK: usize = 5;

pub(super) fn run(workspace: &Workspace, figures: &mut String) -> Result<Outcome> {
    if !super::installed(workspace, "llvm-cov")? {
        return Ok(Outcome::NotRun("cargo-llvm-cov is not installed and cannot be".to_owned()));
    }
    // Where things are built somewhere else, it is not there.
    let directory = workspace.root.join("target");
    std::fs::create_dir_all(&directory)?;
    let (lcov, json) = (directory.join("coverage.lcov"), directory.join("coverage.json"));
    for mut command in [
        llvm_cov(workspace, &["clean", "--workspace"]),
        llvm_cov(workspace, &[&["--no-report"], super::lower_crates().as_slice()].concat()),
        llvm_cov(workspace, &["report", "--lcov", "--output-path", &lcov.to_string_lossy()]),
        llvm_cov(
            workspace,
            &["report", "--json", "--skip-functions", "--output-path", &json.to_string_lossy()],
        ),
    ] {
        let outcome = run_command(&mut command)?;
        if outcome != Outcome::Passed {
            return Ok(outcome);
        }
    }
    let mut regions = regions(&serde_json::from_str(&std::fs::read_to_string(json)?)?)
        .ok_or("the report of regions has another form")?;
    let mut crates: BTreeMap<&str, Reached> = BTreeMap::new();
    for (path, lines) in measured(&std::fs::read_to_string(lcov)?) {
        let regions = regions.remove(&path).unwrap_or_default();
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
        let (lines, regions) = (lines.of_product(&text), regions.of_product(&text));
        if lines.missed.len() >= WORTH_A_LOOK {
            println!("{path}: not reached: {:?}", lines.missed);
        }
        let sum = crates.entry(name).or_default();
        sum.lines.add(lines);
        sum.regions.add(regions);
    }
    let said = |(name, reached): (&&str, &Reached)| format!("{name} {}", reached.percent());
    *figures = crates.iter().map(said).collect::<Vec<_>>().join("; ");
    println!("{figures}; goals {GOAL} % and {REGIONS} %");
    let low: Vec<&str> =
        crates.iter().filter(|(_, reached)| !reached.is_enough()).map(|(name, _)| *name).collect();
    Ok(if crates.len() < LOWER_CRATES.len() {
        Outcome::Failed("not every crate was measured".to_owned())
    } else if low.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("below {GOAL} % or {REGIONS} %: {}", low.join(", ")))
    })
}

/// A subcommand of `cargo llvm-cov`.
fn llvm_cov(workspace: &Workspace, arguments: &[&str]) -> std::process::Command {
    let mut command = cargo(workspace);
    command.arg("llvm-cov").args(arguments);
    command
}

/// What is reached of one crate.
#[derive(Debug, Default)]
struct Reached {
    lines: Lines,
    regions: Lines,
}

impl Reached {
    /// A crate without regions was not measured.
    fn is_enough(&self) -> bool {
        self.lines.is_enough(GOAL) && self.regions.is_enough(REGIONS)
    }

    fn percent(&self) -> String {
        format!("{} lines, {} regions", self.lines.percent(), self.regions.percent())
    }
}

/// Lines that have code; or regions, each by the line where it begins.
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

    fn add(&mut self, other: Self) {
        self.reached += other.reached;
        self.missed.extend(other.missed);
    }

    fn is_enough(&self, goal: usize) -> bool {
        let all = self.reached + self.missed.len();
        all > 0 && self.reached * 100 >= all * goal
    }

    fn percent(&self) -> String {
        let all = self.reached + self.missed.len();
        format!("{:.1} % of {all}", self.reached as f64 * 100.0 / all.max(1) as f64)
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

/// The files of a report in JSON, and their regions: what any instance of a generic function reaches is reached.
///
/// A segment is `[line, column, count, counted, begins a region, lies between regions]` (llvm-cov's export, version 3).
fn regions(report: &Value) -> Option<BTreeMap<String, Lines>> {
    let mut files = BTreeMap::new();
    for file in report.pointer("/data/0/files")?.as_array()? {
        let mut regions = Lines::default();
        for segment in file.get("segments")?.as_array()? {
            let flag = |place: usize| segment.get(place).and_then(Value::as_bool);
            if (flag(3)?, flag(4)?, flag(5)?) == (true, true, false) {
                let line = usize::try_from(segment.get(0)?.as_u64()?).ok()?;
                regions.all.push((line, segment.get(2)?.as_u64()? > 0));
            }
        }
        files.insert(file.get("filename")?.as_str()?.to_owned(), regions);
    }
    Some(files)
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
            assert!(!lines.is_enough(GOAL));
        }
        let most = Lines { reached: 95, missed: vec![0; 5], all: Vec::new() };
        let fewer = Lines { reached: 94, missed: vec![0; 5], all: Vec::new() };
        assert!(most.is_enough(GOAL) && !fewer.is_enough(GOAL) && fewer.is_enough(REGIONS));
        assert_eq!(most.percent(), "95.0 % of 100");
        // What was not measured is not enough.
        assert!(!Reached { lines: most, regions: Lines::default() }.is_enough());
    }

    #[test]
    fn regions_are_read_where_they_begin() {
        // `fn a(x: u32) -> u32 { if x > 3 { x } else { 5 } }`, its end, what no region covers, and a test.
        let report = serde_json::json!({"data": [{"files": [{"filename": "a.rs", "segments": [
            [1, 1, 2, true, true, false], [1, 30, 2, true, true, false], [1, 36, 0, true, true, false],
            [1, 42, 2, true, false, false], [2, 1, 7, true, true, true], [3, 1, 0, false, false, false],
            [9, 1, 0, true, true, false]
        ]}]}]});
        let mut files = regions(&report).unwrap();
        let text = "fn a() {}\n\n\n#[cfg(test)]\nmod tests {\n}\n";
        let regions = files.remove("a.rs").unwrap().of_product(text);
        assert_eq!((regions.reached, regions.missed), (2, vec![1]));
        assert!(super::regions(&serde_json::json!({"data": []})).is_none());
    }
}
