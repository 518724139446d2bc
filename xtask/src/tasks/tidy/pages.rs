//! What the pages name must be there: files, and what shows a promise: classes of hostile servers, and tests.

use super::{Complaint, Finding};
use crate::Result;
use crate::workspace::{File, Workspace};

/// Beginnings of a path that begins at the root of the repository.
const ROOTS: &[&str] = &["crates/", "docs/", "fuzz/", "tests/", "xtask/"];

/// The page whose promises are shown by classes of hostile servers, and the test that plays them.
const PROMISES: &str = "docs/security.md";
const ATTACKS: &str = "`tests/tests/attacks.rs`";

/// The part of it that has them, up to the next of its rank.
const PROMISED: &str = "## What is promised";

pub(super) fn named_files(workspace: &Workspace) -> Result<Finding> {
    let corpora = ["tests/data/attacks/corpus.json", "tests/data/attacks/own.json"];
    let corpora =
        corpora.into_iter().map(|path| workspace.read(path)).collect::<Result<String>>()?;
    // Without spaces, which one of the files has and the other has not.
    let corpora = corpora.replace(' ', "");
    let sources: String =
        workspace.files(|path| path.ends_with(".rs"))?.into_iter().map(|file| file.text).collect();
    let mut complaints = Vec::new();
    // Those within a crate count from there.
    let is_page = |path: &str| path.ends_with(".md") && !path.starts_with("crates/");
    for File { path, text } in workspace.files(is_page)? {
        let mut promised = false;
        for (line, words) in text.lines().enumerate() {
            let mut complain = |what, hint| {
                complaints.push(Complaint::new(&path, line + 1, what, hint));
            };
            for word in quoted(words).filter(|word| is_path(word)) {
                if !workspace.root.join(word).exists() {
                    complain(format!("there is no `{word}`"), "name what is there");
                }
            }
            if path != PROMISES {
                continue;
            }
            for class in classes(words) {
                if !corpora.contains(&format!("\"class\":\"{class}\"")) {
                    complain(
                        format!("no hostile server is of the class `{class}`"),
                        "name a class of `tests/data/attacks`",
                    );
                }
            }
            if words.starts_with("## ") {
                promised = words.starts_with(PROMISED);
            }
            for test in quoted(words).filter(|word| promised && is_test(word)) {
                if !sources.contains(&format!("fn {test}(")) {
                    complain(format!("there is no test `{test}`"), "name the test that shows it");
                }
            }
        }
    }
    Ok(complaints.into())
}

/// What stands between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    ROOTS.iter().any(|root| word.starts_with(root)) && word.chars().all(is_plain)
}

/// The name of a test is a sentence.
fn is_test(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.matches('_').count() > 1 && word.chars().all(is_part)
}

/// The classes in the parentheses behind the test that plays them.
fn classes(line: &str) -> Vec<&str> {
    let behind = line.split(ATTACKS).skip(1);
    let parentheses = behind.filter_map(|behind| {
        let (inner, _) = behind.strip_prefix(" (")?.split_once(')')?;
        Some(quoted(inner))
    });
    let is_class = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    parentheses.flatten().filter(is_class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_classes_are_found() {
        let line =
            "| no | `tests/tests/attacks.rs` (classes `one-two`, `three`), `tests/a.rs`, `x/y` |";
        let paths: Vec<&str> = quoted(line).filter(|word| is_path(word)).collect();
        assert_eq!(paths, ["tests/tests/attacks.rs", "tests/a.rs"]);
        assert_eq!(classes(line), ["one-two", "three"]);
        assert!(classes("`tests/tests/attacks.rs` (by `cargo xtask attacks`)").is_empty());
        assert!(is_test("a_replay_is_refused") && !is_test("from_stream") && !is_test("a b"));
        for other in ["tests/<name>.rs", "tests/*.json", "test", "cargo xtask fuzz"] {
            assert!(!is_path(other), "{other}");
        }
    }
}
