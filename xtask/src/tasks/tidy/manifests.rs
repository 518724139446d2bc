//! What every package has.

use super::{Complaint, Finding, line_of};
use crate::Result;
use crate::workspace::{LOWER_CRATES, Workspace};

/// What every package takes from the workspace.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

/// What a published package has beside it.
const PUBLISHED: &[&str] = &["categories.workspace = true", "readme = \"README.md\""];

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let mut complaints = Vec::new();
    for package in &workspace.packages {
        let file = format!("{}/Cargo.toml", package.directory);
        for what in missing_lines(&workspace.read(&file)?) {
            complaints.push(Complaint::new(&file, 1, what, "copy it from another package"));
        }
    }
    for package in workspace.published() {
        let manifest = format!("{}/Cargo.toml", package.directory);
        let text = workspace.read(&manifest)?;
        for wanted in PUBLISHED.iter().filter(|wanted| !has_line(&text, "package", wanted)) {
            let what = format!("`{wanted}` is missing");
            complaints.push(Complaint::new(&manifest, 1, what, "copy it from another package"));
        }
        for name in ["README.md", "CHANGELOG.md"] {
            let file = format!("{}/{name}", package.directory);
            if workspace.read(&file).is_err() {
                complaints.push(Complaint::new(&file, 1, "there is no such file", "write it"));
            }
        }
        let library = format!("{}/src/lib.rs", package.directory);
        // A package of programs alone has no library, and no front page in one.
        let Ok(text) = workspace.read(&library) else { continue };
        let mut wanted = vec!["#![doc = include_str!(\"../README.md\")]"];
        if LOWER_CRATES.contains(&package.name.as_str()) {
            wanted.push("#![no_std]");
        }
        for attribute in wanted {
            if !text.lines().any(|line| line == attribute) {
                let what = format!("`{attribute}` is missing");
                complaints.push(Complaint::new(&library, 1, what, "write it on top of the file"));
            }
        }
    }
    let root = workspace.read("Cargo.toml")?;
    if !has_line(&root, "workspace.lints.rust", "unsafe_code = \"forbid\"") {
        complaints.push(Complaint::new(
            "Cargo.toml",
            line_of(&root, |line| line == "[workspace.lints.rust]"),
            "unsafe code is not forbidden",
            "set `unsafe_code = \"forbid\"` in the table",
        ));
    }
    Ok(complaints.into())
}

/// What a manifest does not inherit from the workspace.
fn missing_lines(manifest: &str) -> Vec<String> {
    let mut missing: Vec<String> = INHERITED
        .iter()
        .map(|name| format!("{name}.workspace = true"))
        .filter(|wanted| !has_line(manifest, "package", wanted))
        .map(|wanted| format!("`{wanted}` is missing"))
        .collect();
    if !has_line(manifest, "lints", "workspace = true") {
        missing.push("the lints of the workspace are not inherited".to_owned());
    }
    missing
}

/// Whether a line stands in a table of a manifest.
fn has_line(manifest: &str, table: &str, wanted: &str) -> bool {
    let head = format!("[{table}]");
    let lines = manifest.lines().map(str::trim).skip_while(|line| *line != head).skip(1);
    lines.take_while(|line| !line.starts_with('[')).any(|line| line == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "[package]\nversion.workspace = true\nedition.workspace = true\n\
                         rust-version.workspace = true\nlicense.workspace = true\n\n\
                         [lints]\nworkspace = true\n";

    #[test]
    fn a_whole_manifest_misses_nothing() {
        assert!(missing_lines(WHOLE).is_empty());
    }

    #[test]
    fn each_line_left_out_is_named() {
        let without_edition = WHOLE.replace("edition.workspace", "# edition.workspace");
        assert_eq!(missing_lines(&without_edition), ["`edition.workspace = true` is missing"]);
        let own_lints = WHOLE.replace("[lints]", "[features]");
        assert_eq!(missing_lines(&own_lints), ["the lints of the workspace are not inherited"]);
    }
}
