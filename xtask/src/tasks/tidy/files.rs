//! What lies where, and what no file may say.

use std::collections::BTreeSet;

use super::{Complaint, Finding};
use crate::Result;
use crate::workspace::{File, Workspace};

/// What the top level has beside dot files, the README, the changelog, the licences and how to report.
const TOP_LEVEL: &[&str] =
    &["Cargo.toml", "Cargo.lock", "crates", "xtask", "tests", "docs", "fuzz"];

/// Beginnings of paths that exist on one machine only. In pieces, or this file would break its
/// own rule.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!(":\\Us", "ers\\"),
];

pub(super) fn top_level(workspace: &Workspace) -> Result<Finding> {
    let paths = workspace.paths()?;
    let names: BTreeSet<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
    let foreign = names.into_iter().filter(|name| !belongs(name));
    let complaints: Vec<Complaint> = foreign
        .map(|name| {
            let hint =
                "move it into crates/, xtask/, tests/ or docs/; settings of tools are dot files";
            Complaint::new(name, 1, "does not belong on the top level", hint)
        })
        .collect();
    Ok(complaints.into())
}

pub(super) fn no_machine_paths(workspace: &Workspace) -> Result<Finding> {
    let mut complaints = Vec::new();
    for File { path, text } in workspace.files(|path| !path.ends_with("Cargo.lock"))? {
        for (line, word) in machine_paths(&text) {
            complaints.push(Complaint::new(
                &path,
                line,
                format!("`{word}` is a path of one machine"),
                "name it from the root of the repository, or take it from the environment",
            ));
        }
    }
    Ok(complaints.into())
}

fn belongs(name: &str) -> bool {
    let by_kind = ["README", "CHANGELOG", "LICENSE", "SECURITY", "."];
    let by_kind = by_kind.iter().any(|kind| name.starts_with(kind));
    by_kind || TOP_LEVEL.contains(&name)
}

fn machine_paths(text: &str) -> Vec<(usize, &'static str)> {
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            let words = MACHINE_PATHS.iter().filter(move |word| line.contains(**word));
            words.map(move |word| (index + 1, *word))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_that_of_the_design() {
        for name in ["Cargo.toml", "crates", "README.md", "LICENSE-MIT", "CHANGELOG.md", ".ci"] {
            assert!(belongs(name), "{name}");
        }
        for name in ["notes.txt", "src", "build.sh", "rustfmt.toml"] {
            assert!(!belongs(name), "{name}");
        }
    }

    #[test]
    fn paths_of_a_machine_are_found_with_their_lines() {
        let text = format!("one\nread {}ann/key\n", MACHINE_PATHS[0]);
        assert_eq!(machine_paths(&text), [(2, MACHINE_PATHS[0])]);
        assert!(machine_paths("see https://example.com/homepage/ and ~/key").is_empty());
    }
}
