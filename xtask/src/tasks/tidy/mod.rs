//! `cargo xtask tidy`: the rules of docs/architecture.md that no compiler checks.
//!
//! A rule looks at the workspace and returns complaints; it changes nothing.

mod bare;
mod budgets;
mod dependencies;
mod files;
mod length;
mod manifests;
mod pages;
mod purity;
mod source;

use std::fmt;

use crate::Result;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    let mut count = 0;
    for (name, rule) in RULES {
        let Finding { complaints, missing } = rule(workspace)?;
        let verdict = match (complaints.len(), missing) {
            (0, None) => "passed".to_owned(),
            (0, Some(why)) => format!("passed, in part not run: {why}"),
            (1, _) => "1 complaint".to_owned(),
            (found, _) => format!("{found} complaints"),
        };
        println!("tidy: {name}: {verdict}");
        for complaint in &complaints {
            println!("{complaint}");
        }
        count += complaints.len();
    }
    Ok(Outcome::from_complaints(count))
}

type Rule = fn(&Workspace) -> Result<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("one way down between our crates", dependencies::one_way_down),
    ("every dependency has its reason", dependencies::reasons),
    ("no input or output below xoauth", purity::check),
    ("manifests, READMEs and changelogs", manifests::check),
    ("length of files", length::check),
    ("top level", files::top_level),
    ("no path of a machine", files::no_machine_paths),
    ("what pages name is there", pages::named_files),
    ("dependency budgets", budgets::check),
    ("no_std builds of the lower crates", bare::check),
];

/// What a rule found.
#[derive(Debug, Default)]
struct Finding {
    complaints: Vec<Complaint>,
    /// What a part of the rule needs and did not find.
    missing: Option<String>,
}

impl From<Vec<Complaint>> for Finding {
    fn from(complaints: Vec<Complaint>) -> Self {
        Self { complaints, missing: None }
    }
}

/// Something that breaks a rule, where it is, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Complaint {
    file: String,
    line: usize,
    what: String,
    hint: &'static str,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    hint: {}", self.file, self.line, self.what, self.hint)
    }
}

impl Complaint {
    fn new(file: &str, line: usize, what: impl Into<String>, hint: &'static str) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), hint }
    }
}

/// The number of the first line of `text` for which `wanted` holds; 1 where there is none.
fn line_of(text: &str, wanted: impl Fn(&str) -> bool) -> usize {
    text.lines().position(wanted).map_or(1, |index| index + 1)
}
