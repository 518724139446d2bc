//! What others wrote: under which licences, and whether something is known against it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::command::{cargo, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// Licences under which a dependency may stand. Of several joined by OR one is enough, of those joined by AND all.
const ALLOWED: [&str; 9] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Every package of the lock file that the product is built from, on any system, and its licence.
pub(super) fn licences(workspace: &Workspace) -> Result<Outcome> {
    let output =
        cargo(workspace).args(["metadata", "--format-version", "1", "--locked"]).output()?;
    if !output.status.success() {
        return Ok(Outcome::Failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or("no packages")?;
    let mut wrong = Vec::new();
    for package in packages {
        let field = |name| package.get(name).and_then(Value::as_str);
        let name = field("name").unwrap_or_default();
        match field("license") {
            Some(licence) if fits(licence) => {}
            licence => wrong.push(format!("{name}: {}", licence.unwrap_or("no licence"))),
        }
        // Ours have none; others come from the registry alone.
        if field("source").is_some_and(|source| !source.starts_with("registry+")) {
            wrong.push(format!("{name}: not from the registry"));
        }
    }
    println!("licences of {} packages", packages.len());
    wrong.iter().for_each(|line| println!("{line}"));
    Ok(if wrong.is_empty() { Outcome::Passed } else { Outcome::Failed(wrong.join("; ")) })
}

/// An expression of SPDX, or the old form with strokes: words joined by OR and AND, with parentheses around some.
fn fits(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut depth = 0;
    let parts = |word: &str| -> Vec<String> {
        let mut parts = vec![String::new()];
        for token in expression.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
            depth += i32::from(token == "(") - i32::from(token == ")");
            if token == word && depth == 0 {
                parts.push(String::new());
            } else if let Some(part) = parts.last_mut() {
                part.push_str(if part.is_empty() { "" } else { " " });
                part.push_str(token);
            }
        }
        parts
    };
    let mut parts = parts;
    let any = parts("OR");
    if any.len() > 1 {
        return any.iter().any(|part| fits(part));
    }
    let all = parts("AND");
    if all.len() > 1 {
        return all.iter().all(|part| fits(part));
    }
    let one = expression.trim();
    match one.strip_prefix('(').and_then(|one| one.strip_suffix(')')) {
        Some(inner) => fits(inner.trim()),
        None => ALLOWED.contains(&one),
    }
}

/// What the database of advisories knows of the packages of the lock file. Where it cannot be had anew, the one that is kept is
/// asked, and its age is said: a clone of `rustsec/advisory-db` in `$CARGO_HOME/advisory-dbs`, in the folder whose name
/// cargo-deny tells where it is missing.
pub(super) fn advisories(workspace: &Workspace, figures: &mut String) -> Result<Outcome> {
    if !super::installed(workspace, "deny")? {
        return Ok(Outcome::NotRun("cargo-deny is not installed and cannot be".to_owned()));
    }
    let fetched = run_command(cargo(workspace).args(["deny", "fetch", "db"]))?;
    let Some(date) = kept_database() else {
        let why = "the database of advisories cannot be fetched, and none is kept";
        return Ok(Outcome::NotRun(why.to_owned()));
    };
    let how = if fetched == Outcome::Passed { "fetched" } else { "kept: it cannot be fetched" };
    *figures = format!("the database whose last change is of {date}, {how}");
    // It asks for the manifest of every dependency, those of other systems too.
    if run_command(cargo(workspace).args(["fetch", "--locked"]))? != Outcome::Passed {
        return Ok(Outcome::NotRun("the dependencies cannot be fetched".to_owned()));
    }
    run_command(cargo(workspace).args(["deny", "--offline", "check", "advisories"]))
}

/// The day of the last change to the database that is kept.
fn kept_database() -> Option<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let databases = std::fs::read_dir(home.join("advisory-dbs")).ok()?;
    databases.flatten().find_map(|database| {
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(database.path().join(".git")).args(["log", "-1", "--format=%cs"]);
        let output = git.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_licences_is_enough_and_all_of_those_joined() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "Unlicense OR MIT",
        ] {
            assert!(fits(good), "{good}");
        }
        for bad in ["GPL-3.0", "", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND GPL-3.0", "mit"] {
            assert!(!fits(bad), "{bad}");
        }
    }
}
