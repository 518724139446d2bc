//! No file is too long to be read in one go.

use super::source::{is_test_module, without_tests};
use super::{Complaint, Finding, line_of};
use crate::Result;
use crate::workspace::Workspace;

/// How many lines a source file may have outside its tests.
const LIMIT: usize = 500;

/// The files that may be longer, a line each: `path: reason`.
const LIST: &str = "xtask/long-files.txt";

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let list = workspace.read(LIST)?;
    let files = workspace.files(|path| path.ends_with(".rs") && !is_test(path))?;
    let lengths: Vec<(&str, usize)> =
        files.iter().map(|file| (file.path.as_str(), without_tests(&file.text).len())).collect();
    Ok(judge(&lengths, &list).into())
}

fn judge(lengths: &[(&str, usize)], list: &str) -> Vec<Complaint> {
    let entries: Vec<(&str, &str)> = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .collect();
    let mut complaints = Vec::new();
    for &(path, length) in lengths.iter().filter(|(_, length)| *length > LIMIT) {
        if !entries.iter().any(|(listed, _)| *listed == path) {
            complaints.push(Complaint::new(
                path,
                LIMIT + 1,
                format!("{length} lines outside tests, at most {LIMIT} are allowed"),
                "look for the cut; where there is none, list the file in xtask/long-files.txt",
            ));
        }
    }
    for (path, reason) in entries {
        let line = line_of(list, |line| line.split(':').next() == Some(path));
        let long = lengths.iter().any(|&(found, length)| found == path && length > LIMIT);
        if !long {
            let what = format!("`{path}` has no more than {LIMIT} lines, or is no more");
            complaints.push(Complaint::new(LIST, line, what, "remove the line"));
        } else if reason.trim().is_empty() {
            let what = format!("`{path}` is listed without a reason");
            complaints.push(Complaint::new(LIST, line, what, "write `path: reason`"));
        }
    }
    complaints
}

/// Whether a file holds nothing but tests or benchmarks.
fn is_test(path: &str) -> bool {
    let in_package = path.strip_prefix("crates/").and_then(|rest| rest.split_once('/'));
    let rest = in_package.map(|(_, rest)| rest).or(path.strip_prefix("tests/")).unwrap_or(path);
    let directory = ["tests/", "benches/"].iter().any(|name| rest.starts_with(name));
    directory || is_test_module(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(lengths: &[(&str, usize)], list: &str) -> Vec<String> {
        judge(lengths, list).iter().map(|found| format!("{}:{}", found.file, found.line)).collect()
    }

    #[test]
    fn the_limit_is_exact() {
        assert!(complaints(&[("a.rs", 500)], "").is_empty());
        assert_eq!(complaints(&[("a.rs", 501)], ""), ["a.rs:501"]);
    }

    #[test]
    fn a_listed_file_may_be_long_and_must_be() {
        let list = "# which and why\na.rs: one table\n";
        assert!(complaints(&[("a.rs", 501)], list).is_empty());
        assert_eq!(complaints(&[("a.rs", 500)], list), ["xtask/long-files.txt:2"]);
        assert_eq!(complaints(&[], list), ["xtask/long-files.txt:2"]);
        assert_eq!(complaints(&[("a.rs", 501)], "a.rs: \n"), ["xtask/long-files.txt:1"]);
    }

    #[test]
    fn tests_and_benches_are_told_from_sources() {
        for path in [
            "crates/a/tests/vectors.rs",
            "crates/a/benches/b.rs",
            "crates/a/src/parse/tests.rs",
            "crates/a/src/parse/tests/list.rs",
            "tests/tests/transcripts.rs",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in ["crates/a/src/lib.rs", "tests/src/host/imap.rs", "tests/peers/src/main.rs"] {
            assert!(!is_test(path), "{path}");
        }
    }
}
