//! The public interface of each crate beside the one in `docs/api/`. What differs is shown and fails; `--accept` makes
//! it what is expected from then on.

use crate::Result;
use crate::command::{answers, cargo};
use crate::outcome::Outcome;
use crate::workspace::{LOWER_CRATES, Workspace};

/// Takes the interface as it is.
const ACCEPT: &str = "--accept";

pub(super) fn run(
    workspace: &Workspace,
    options: &[&str],
    figures: &mut String,
) -> Result<Outcome> {
    if !super::installed(workspace, "public-api")? {
        return Ok(Outcome::NotRun("cargo-public-api is not installed and cannot be".to_owned()));
    }
    // What it reads is written by rustdoc of that toolchain alone.
    if !answers("rustup", &["run", "nightly", "rustdoc", "--version"]) {
        return Ok(Outcome::NotRun("the nightly toolchain is not installed".to_owned()));
    }
    let (mut differ, mut items) = (Vec::new(), 0);
    for name in LOWER_CRATES.into_iter().chain(["xoauth"]) {
        let mut command = cargo(workspace);
        command.args(["public-api", "--package", name, "-sss"]);
        if name == "xoauth" {
            // Features that are not there by themselves.
            command.args(["--features", "tokio,deflate,mail-parser"]);
        }
        let output = command.output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Ok(Outcome::Failed(why.lines().last().unwrap_or_default().to_owned()));
        }
        let now = String::from_utf8(output.stdout)?;
        items += now.lines().count();
        let file = format!("docs/api/{name}.txt");
        let path = workspace.root.join(&file);
        let before = if path.exists() { workspace.read(&file)? } else { String::new() };
        let lacks = |text: &str, line: &str| !text.lines().any(|other| other == line);
        let gone: Vec<_> = before.lines().filter(|line| lacks(&now, line)).collect();
        let new: Vec<_> = now.lines().filter(|line| lacks(&before, line)).collect();
        gone.iter().for_each(|line| println!("{name} - {line}"));
        new.iter().for_each(|line| println!("{name} + {line}"));
        if options.contains(&ACCEPT) {
            std::fs::create_dir_all(workspace.root.join("docs/api"))?;
            std::fs::write(path, &now)?;
        } else if !gone.is_empty() || !new.is_empty() {
            differ.push(format!("{name}: {} gone, {} new", gone.len(), new.len()));
        }
    }
    *figures = format!("{items} items");
    Ok(if differ.is_empty() { Outcome::Passed } else { Outcome::Failed(differ.join("; ")) })
}
