//! `cargo xtask fuzz`: the targets of `fuzz/`, one after the other. What was executed without a finding is added
//! to the totals.

mod totals;

use std::process::Stdio;

use crate::Result;
use crate::command::{answers, cargo, cargo_path};
use crate::outcome::Outcome;
use crate::workspace::Workspace;
use totals::Totals;

/// The targets, and the dictionary of each.
const TARGETS: &[(&str, &str)] = &[
    ("authorization_header", "oauth"),
    ("base_string", "oauth"),
    ("error_document", "oauth"),
    ("imap_fragments", "imap"),
    ("imap_machine", "imap"),
    ("imap_mailbox", "imap"),
    ("imap_response", "imap"),
    ("sasl_server", "oauth"),
    ("smtp_fragments", "smtp"),
    ("smtp_machine", "smtp"),
];

/// How long a target runs where nobody says.
const SECONDS: u64 = 30;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    if !answers(&cargo_path(), &["fuzz", "--version"]) {
        return Ok(Outcome::NotRun("cargo-fuzz is not installed".to_owned()));
    }
    let seconds = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(SECONDS);
    let sanitizer = if arguments.iter().any(|word| word == "--asan") { "address" } else { "none" };
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|(name, _)| {
            let mut names = arguments.iter().filter(|word| !word.starts_with("--"));
            let names: Vec<_> =
                names.by_ref().filter(|word| word.parse::<u64>().is_err()).collect();
            names.is_empty() || names.iter().any(|word| word == name)
        })
        .collect();
    let mut failed = Vec::new();
    for (name, dictionary) in &chosen {
        match fuzz(workspace, name, dictionary, seconds, sanitizer)? {
            Some(runs) => {
                println!("{name}: {runs} executions, no finding");
                let mut totals = Totals::read(workspace)?;
                totals.add(name, runs, sanitizer != "none");
                totals.write(workspace)?;
            }
            None => failed.push(*name),
        }
    }
    if chosen.is_empty() {
        return Ok(Outcome::Failed("there is no such target".to_owned()));
    }
    Ok(if failed.is_empty() { Outcome::Passed } else { Outcome::Failed(failed.join(", ")) })
}

/// Runs one target; how often it was executed, or nothing where it found something.
fn fuzz(
    workspace: &Workspace,
    name: &str,
    dictionary: &str,
    seconds: u64,
    sanitizer: &str,
) -> Result<Option<u64>> {
    let root = &workspace.root;
    let corpus = root.join("fuzz/corpus").join(name);
    std::fs::create_dir_all(&corpus)?;
    let output = cargo(workspace)
        .current_dir(root.join("fuzz"))
        // libFuzzer's flags are those of a nightly compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["fuzz", "run", "--fuzz-dir", ".", "--release", "--sanitizer", sanitizer])
        // An overflow is a finding too. Comparisons are left alone: the dictionaries do their work, faster.
        .args(["--debug-assertions", "--no-trace-compares", name])
        .arg(&corpus)
        .arg(root.join("tests/data/fuzz").join(name))
        .arg("--")
        .arg(format!(
            "-dict={}",
            root.join(format!("fuzz/dictionaries/{dictionary}.dict")).display()
        ))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-max_len=512", "-timeout=20", "-print_final_stats=1", "-verbosity=0"])
        .stdout(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        println!("{text}");
        return Ok(None);
    }
    Ok(Some(executions(&text).unwrap_or(0)))
}

/// The number in `stat::number_of_executed_units: 123`.
fn executions(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("stat::number_of_executed_units"))?;
    line.split(':').next_back()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_read_from_the_statistics() {
        let text = "Done\nstat::number_of_executed_units: 1234\nstat::average_exec_per_sec: 5\n";
        assert_eq!(executions(text), Some(1234));
        assert_eq!(executions("nothing"), None);
    }
}
