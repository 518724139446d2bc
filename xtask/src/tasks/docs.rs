//! `cargo xtask docs`: the documentation without warnings, and links between files that hold.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::{cargo, run as run_command, with_features};
use crate::openssl;
use crate::outcome::Outcome;
use crate::report::Report;
use crate::workspace::{File, Workspace};

pub(crate) fn run(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    let mut report = Report::default();
    report.step("rustdoc", || rustdoc(workspace));
    report.step("links", || links(workspace));
    Ok(report.outcome())
}

/// Builds the documentation of the published crates with all features.
pub(crate) fn rustdoc(workspace: &Workspace) -> Result<Outcome> {
    let mut features = workspace.all_features();
    features.extend(openssl::workspace_features()?.into_iter().map(str::to_owned));
    let mut command = cargo(workspace);
    command.args(["doc", "--workspace", "--lib", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    run_command(with_features(&mut command, &features))
}

/// Checks that each relative link of each Markdown file leads to a file or directory.
pub(crate) fn links(workspace: &Workspace) -> Result<Outcome> {
    let mut broken = 0;
    let files = workspace.files(|path| path.ends_with(".md"))?;
    for File { path, text } in &files {
        let directory = Path::new(path).parent().unwrap_or(Path::new(""));
        for (line, target) in relative_links(text) {
            if fs::metadata(workspace.root.join(directory).join(target)).is_err() {
                println!("{path}:{line}: the link to `{target}` leads nowhere");
                broken += 1;
            }
        }
    }
    println!("{} files of Markdown, {broken} broken links", files.len());
    Ok(Outcome::from_complaints(broken))
}

/// The relative targets of inline links and link definitions, without their fragments, and the
/// lines they are on. Code, addresses of the web and paths of Rust items are left out.
fn relative_links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        for target in inline.chain(definition.map(|(_, target)| target)) {
            let target = target.split_whitespace().next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            let is_file = !target.is_empty() && !target.contains(':');
            if is_file {
                found.push((index + 1, target));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_are_found() {
        let table: &[(&str, &[&str])] = &[
            ("see [a](docs/a.md) and ![b](b.svg \"title\")", &["docs/a.md", "b.svg"]),
            ("see [a](a.md#part), [here](#part)", &["a.md"]),
            ("[web](https://example.com/a.md) [mail](mailto:ann@example.com)", &[]),
            ("[`Signer`](crate::Signer)", &[]),
            ("[a]: ../a.md", &["../a.md"]),
            ("call `f` with `[x]` (y)", &[]),
        ];
        for (text, expected) in table {
            let found: Vec<&str> = relative_links(text).into_iter().map(|(_, link)| link).collect();
            assert_eq!(&found, expected, "{text}");
        }
    }

    #[test]
    fn code_blocks_are_left_out_and_lines_are_counted() {
        let text = "one\n```text\n[a](a.md)\n```\n[b](b.md)\n";
        assert_eq!(relative_links(text), [(5, "b.md")]);
    }
}
