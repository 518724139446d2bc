//! What every package has.

use super::{Complaint, Finding, line_of};
use crate::Result;
use crate::workspace::{LOWER_CRATES, Workspace};

/// What every package takes from the workspace.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

/// What a published package has beside it.
const PUBLISHED: &[&str] = &["readme = \"README.md\""];

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
        if !table_of(&text, "package").any(|line| line.starts_with("categories = [")) {
            let help = "name those of the registry that fit";
            complaints.push(Complaint::new(&manifest, 1, "it has no categories", help));
        }
        for feature in undocumented(&text) {
            let what = format!("docs.rs would leave out what `{feature}` adds");
            let help = "name it in `[package.metadata.docs.rs]`";
            complaints.push(Complaint::new(&manifest, 1, what, help));
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
        let mut wanted = vec![
            "#![doc = include_str!(\"../README.md\")]",
            "#![cfg_attr(docsrs, feature(doc_cfg))]",
        ];
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
        // What a dependency of its own needs may be newer.
        .filter(|&&name| {
            name != "rust-version"
                || !table_of(manifest, "package").any(|line| line.starts_with("rust-version = \""))
        })
        .map(|name| format!("{name}.workspace = true"))
        .filter(|wanted| !has_line(manifest, "package", wanted))
        .map(|wanted| format!("`{wanted}` is missing"))
        .collect();
    if !has_line(manifest, "lints", "workspace = true") {
        missing.push("the lints of the workspace are not inherited".to_owned());
    }
    missing
}

/// The features whose items are on no page of docs.rs. `vendored` adds none.
fn undocumented(manifest: &str) -> Vec<&str> {
    let shown = "package.metadata.docs.rs";
    if has_line(manifest, shown, "all-features = true") {
        return Vec::new();
    }
    let names = |table, key: &str| -> Vec<&str> {
        let mut settings = table_of(manifest, table).filter_map(|line| line.split_once(" = "));
        let list = settings.find(|(name, _)| *name == key).map_or("", |(_, list)| list);
        list.split('"').skip(1).step_by(2).collect()
    };
    let (by_default, named) = (names("features", "default"), names(shown, "features"));
    table_of(manifest, "features")
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(feature, _)| feature)
        .filter(|feature| !["default", "vendored"].contains(feature))
        .filter(|feature| !by_default.contains(feature) && !named.contains(feature))
        .collect()
}

/// Whether a line stands in a table of a manifest.
fn has_line(manifest: &str, table: &str, wanted: &str) -> bool {
    table_of(manifest, table).any(|line| line == wanted)
}

/// The lines of a table of a manifest.
fn table_of<'m>(manifest: &'m str, table: &str) -> impl Iterator<Item = &'m str> {
    let head = format!("[{table}]");
    let lines = manifest.lines().map(str::trim).skip_while(move |line| *line != head).skip(1);
    lines.take_while(|line| !line.starts_with('['))
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
        let newer = WHOLE.replace("rust-version.workspace = true", "rust-version = \"1.99\"");
        assert!(missing_lines(&newer).is_empty());
        assert_eq!(missing_lines(&newer.replace("rust-version", "x")).len(), 1);
    }

    #[test]
    fn a_feature_that_docs_rs_would_not_build_is_named() {
        let features = "[features]\ndefault = [\"std\"]\nstd = []\n## More.\nmore = [\"std\"]\n\
                        vendored = []\n\n[package.metadata.docs.rs]\n";
        assert_eq!(undocumented(features), ["more"]);
        assert!(undocumented(&format!("{features}features = [\"more\"]\n")).is_empty());
        assert!(undocumented(&format!("{features}all-features = true\n")).is_empty());
    }

    #[test]
    fn each_line_left_out_is_named() {
        let without_edition = WHOLE.replace("edition.workspace", "# edition.workspace");
        assert_eq!(missing_lines(&without_edition), ["`edition.workspace = true` is missing"]);
        let own_lints = WHOLE.replace("[lints]", "[features]");
        assert_eq!(missing_lines(&own_lints), ["the lints of the workspace are not inherited"]);
    }
}
