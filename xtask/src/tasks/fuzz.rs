//! `cargo xtask fuzz`: the targets of `fuzz/`, one after the other.
//!
//! Each is executed by libFuzzer, which looks at what an execution covers, and by `volume`, which changes at random
//! what libFuzzer found and executes ten times as much.

mod totals;

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use crate::Result;
use crate::command::{answers, cargo, cargo_path};
use crate::outcome::Outcome;
use crate::workspace::Workspace;
use totals::{Kind, Totals};

/// The targets, and the dictionary of each.
const TARGETS: &[(&str, &str)] = &[
    ("authorization_header", "oauth"),
    ("base_string", "oauth"),
    ("error_document", "oauth"),
    ("imap_fragments", "imap"),
    ("imap_machine", "imap"),
    ("imap_mailbox", "imap"),
    ("imap_peers", "imap"),
    ("imap_response", "imap"),
    ("imap_round_trip", "imap"),
    ("sasl_round_trip", "oauth"),
    ("sasl_server", "oauth"),
    ("smtp_fragments", "smtp"),
    ("smtp_machine", "smtp"),
    ("smtp_reply", "smtp"),
];

/// The two parsers of what servers say: they are executed ten times as often.
const PARSERS: [&str; 2] = ["imap_response", "smtp_reply"];

/// How often a target is executed without a finding before a release; a tenth of it with the sanitizer.
const GOAL: u64 = 100_000_000;

/// How long libFuzzer runs where nobody says.
const SECONDS: u64 = 30;

/// What the arguments ask for.
struct Plan {
    chosen: Vec<(&'static str, &'static str)>,
    seconds: u64,
    /// Executions of `volume`.
    volume: u64,
    sanitized: bool,
    /// Executes what is missing of the goals.
    campaign: bool,
    /// What was executed is added to the totals.
    writes: bool,
}

impl Plan {
    /// Reads `[TARGET..] [SECONDS] [--volume=N] [--asan] [--campaign] [--write]`.
    fn read(arguments: &[String]) -> std::result::Result<Self, String> {
        let mut plan = Self {
            chosen: Vec::new(),
            seconds: SECONDS,
            volume: 0,
            sanitized: false,
            campaign: false,
            writes: false,
        };
        for word in arguments {
            if let Some(target) = TARGETS.iter().find(|(name, _)| name == word) {
                plan.chosen.push(*target);
            } else if let Ok(seconds) = word.parse() {
                plan.seconds = seconds;
            } else if let Some(number) = word.strip_prefix("--volume=") {
                plan.volume =
                    number.replace('_', "").parse().map_err(|_| format!("{word}: no number"))?;
            } else {
                match word.as_str() {
                    "--asan" => plan.sanitized = true,
                    "--campaign" => plan.campaign = true,
                    "--write" => plan.writes = true,
                    _ => return Err(format!("there is no target or option {word}")),
                }
            }
        }
        if plan.chosen.is_empty() {
            plan.chosen = TARGETS.to_vec();
        }
        Ok(plan)
    }
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let plan = match Plan::read(arguments) {
        Ok(plan) => plan,
        Err(why) => return Ok(Outcome::Failed(why)),
    };
    let guided = plan.seconds > 0;
    if guided && !answers(&cargo_path(), &["fuzz", "--version"]) {
        return Ok(Outcome::NotRun("cargo-fuzz is not installed".to_owned()));
    }
    let mut failed = Vec::new();
    for &(name, dictionary) in &plan.chosen {
        let mut totals = Totals::read(workspace)?;
        let mut works = Vec::new();
        if guided {
            works.push((Engine::Guided { dictionary, seconds: plan.seconds }, plan.sanitized));
        }
        if plan.volume > 0 {
            works.push((Engine::Volume(plan.volume), plan.sanitized));
        }
        if plan.campaign {
            let goal = if PARSERS.contains(&name) { 10 * GOAL } else { GOAL };
            let [plain, sanitized] = totals.missing(name, goal);
            works.push((Engine::Volume(plain), false));
            works.push((Engine::Volume(sanitized), true));
        }
        let mut clean = true;
        for (engine, sanitized) in works {
            clean = clean && execute(workspace, name, engine, sanitized, &mut totals)?;
        }
        if plan.writes && clean {
            totals.write(workspace)?;
        }
        if !clean {
            failed.push(name);
        }
    }
    Ok(if failed.is_empty() { Outcome::Passed } else { Outcome::Failed(failed.join(", ")) })
}

/// How many targets are past their goals by now, for the table of gates.
pub(crate) fn figures(workspace: &Workspace) -> Result<String> {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    Ok(Totals::read(workspace)?.figures(&names, GOAL))
}

/// Every target was executed as often as a release asks for, with the sanitizer and without.
pub(crate) fn is_past_goal(workspace: &Workspace) -> Result<bool> {
    let totals = Totals::read(workspace)?;
    Ok(TARGETS.iter().all(|(name, _)| totals.missing(name, GOAL) == [0, 0]))
}

/// What executes a target.
#[derive(Debug, Clone, Copy)]
enum Engine {
    Guided { dictionary: &'static str, seconds: u64 },
    Volume(u64),
}

/// Executes a target and counts it; false where something was found.
fn execute(
    workspace: &Workspace,
    name: &str,
    engine: Engine,
    sanitized: bool,
    totals: &mut Totals,
) -> Result<bool> {
    let began = Instant::now();
    let (runs, kind) = match engine {
        Engine::Volume(0) => return Ok(true),
        Engine::Volume(runs) => (volume(workspace, name, runs, sanitized)?, Kind::Volume),
        Engine::Guided { dictionary, seconds } => {
            (fuzz(workspace, name, dictionary, seconds, sanitized)?, Kind::Guided)
        }
    };
    let Some(runs) = runs else { return Ok(false) };
    let kind = if sanitized { Kind::Sanitized } else { kind };
    // What is built before is counted with it.
    let rate = runs as f64 / began.elapsed().as_secs_f64();
    println!("{name}: {runs} executions {}, {rate:.0} a second, no finding", kind.how());
    totals.add(name, kind, runs);
    Ok(true)
}

/// Runs one target under libFuzzer; how often it was executed, or nothing where it found something.
fn fuzz(
    workspace: &Workspace,
    name: &str,
    dictionary: &str,
    seconds: u64,
    sanitized: bool,
) -> Result<Option<u64>> {
    let root = &workspace.root;
    let corpus = root.join("fuzz/corpus").join(name);
    std::fs::create_dir_all(&corpus)?;
    let sanitizer = if sanitized { "address" } else { "none" };
    let output = cargo(workspace)
        .current_dir(root.join("fuzz"))
        // libFuzzer's flags are those of a nightly compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["fuzz", "run", "--fuzz-dir", ".", "--release", "--sanitizer", sanitizer])
        // An overflow is a finding too. Comparisons are left alone: the dictionaries do their work, faster.
        .args(["--debug-assertions", "--no-trace-compares", "--features", "libfuzzer", name])
        .arg(&corpus)
        .arg(seeds(root, name))
        .arg("--")
        .arg(format!(
            "-dict={}",
            root.join(format!("fuzz/dictionaries/{dictionary}.dict")).display()
        ))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-max_len=512", "-timeout=20", "-print_final_stats=1", "-verbosity=0"])
        // Half the time is spent on how often each edge was taken, and on which input is rare.
        .args(["-use_counters=0", "-entropic=0"])
        .stdout(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        println!("{text}");
        return Ok(None);
    }
    match executions(&text) {
        Some(runs) if runs > 0 => Ok(Some(runs)),
        // A run that nobody counted, or that executed nothing, shows nothing.
        counted => {
            println!("{text}\n{name}: executed {counted:?} times by libFuzzer's count");
            Ok(None)
        }
    }
}

/// Where the inputs of a target begin: those with other parsers share them with the parser they are compared with.
fn seeds(root: &Path, name: &str) -> std::path::PathBuf {
    let name = if name == "imap_peers" { "imap_response" } else { name };
    root.join("tests/data/fuzz").join(name)
}

/// Executes one target so many times; how often it was, or nothing where it found something.
fn volume(
    workspace: &Workspace,
    name: &str,
    executions: u64,
    sanitized: bool,
) -> Result<Option<u64>> {
    let mut command = cargo(workspace);
    command.current_dir(workspace.root.join("fuzz"));
    command.args(["run", "--quiet", "--release", "--bin", "volume"]);
    command.args(["--config", "profile.release.debug-assertions=true"]);
    if sanitized {
        // Flags for what is built are not those for build scripts where a target is named.
        command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
        command.args(["--target", &host(workspace)?, "--target-dir", "target/asan"]);
    }
    let status = command.args(["--", name]).arg(executions.to_string()).status()?;
    Ok(status.success().then_some(executions))
}

/// The target of this machine, as the compiler names it.
fn host(workspace: &Workspace) -> Result<String> {
    let output = cargo(workspace).args(["--version", "--verbose"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("cargo does not say for what machine it is")?.to_owned())
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

    #[test]
    fn what_is_not_known_is_refused() {
        let read =
            |words: &[&str]| Plan::read(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        let plan = read(&["smtp_reply", "5", "--volume=1_000", "--write"]).unwrap();
        assert_eq!(
            (plan.chosen, plan.seconds, plan.volume),
            (vec![("smtp_reply", "smtp")], 5, 1000)
        );
        assert!(plan.writes && !plan.sanitized && !plan.campaign);
        assert_eq!(read(&[]).unwrap().chosen.len(), TARGETS.len());
        assert!(read(&["smtp_replies"]).is_err() && read(&["--volume=x"]).is_err());
    }
}
