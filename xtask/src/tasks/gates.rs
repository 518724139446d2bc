//! `cargo xtask gates [NAME..] [--write]`: what is checked before a release and takes tools of its own. What cannot
//! run on a machine says so. A run of all takes hours; `--write` keeps the outcome of those that were run.

mod api;
mod coverage;
mod mutants;
mod results;
mod supply;

use crate::Result;
use crate::command::{answers, cargo, cargo_path, run as run_command, run_and_keep};
use crate::outcome::Outcome;
use crate::report::Report;
use crate::tasks::{fuzz, trust};
use crate::workspace::{LOWER_CRATES, Workspace};
use results::{Results, Row};

/// Puts the outcomes on the page.
const WRITE: &str = "--write";

/// A gate: it leaves figures for the page, and is given the options behind the names.
type Act = fn(&Workspace, &[&str], &mut String) -> Result<Outcome>;

const GATES: [(&str, Act); 13] = [
    ("attacks", |workspace, _, figures| {
        let (outcome, said) = run_and_keep(&mut trust::attacks_command(workspace)?)?;
        *figures = lines(&said, " cases in ");
        if outcome != Outcome::Passed {
            return Ok(outcome);
        }
        // The heap with the limits as they are: without optimisation an eighth of them is passed.
        run_command(cargo(workspace).args([
            "test",
            "--release",
            "--package",
            "e2e",
            "--test",
            "resources",
        ]))
    }),
    ("sweep", |workspace, _, figures| {
        let (outcome, said) = run_and_keep(&mut trust::command(workspace, "sweep")?)?;
        *figures = lines(&said, " cuts");
        Ok(outcome)
    }),
    ("growth", |workspace, _, figures| {
        let (outcome, said) = trust::growth_and_keep(workspace)?;
        *figures = lines(&said, " shapes; ");
        Ok(outcome)
    }),
    ("nonces", |workspace, _, figures| {
        let (outcome, said) = run_and_keep(&mut trust::command(workspace, "nonces")?)?;
        *figures = lines(&said, " nonces");
        Ok(outcome)
    }),
    ("fuzz", |workspace, _, figures| {
        *figures = fuzz::figures(workspace)?;
        let found = fuzz::run(workspace, &[])?;
        Ok(match found {
            Outcome::Passed if !fuzz::is_past_goal(workspace)? => {
                Outcome::Failed("fewer executions than the goal".to_owned())
            }
            found => found,
        })
    }),
    ("miri", |workspace, _, figures| miri(workspace, figures)),
    ("coverage", |workspace, _, figures| coverage::run(workspace, figures)),
    ("mutants", mutants::run),
    ("licences", |workspace, _, _| supply::licences(workspace)),
    ("advisories", |workspace, _, figures| supply::advisories(workspace, figures)),
    ("public-api", api::run),
    ("features", |workspace, _, _| features(workspace)),
    ("msrv", |workspace, _, figures| msrv(workspace, figures)),
];

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let (options, chosen): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|word| word.starts_with("--"));
    if let Some(unknown) = chosen.iter().find(|name| GATES.iter().all(|(gate, _)| gate != *name)) {
        return Ok(Outcome::Failed(format!("there is no gate {unknown}")));
    }
    let mut report = Report::default();
    for (name, act) in GATES {
        if !chosen.is_empty() && !chosen.contains(&name) {
            continue;
        }
        let mut figures = String::new();
        let outcome = report.step(name, || act(workspace, &options, &mut figures));
        // A part of the mutants says nothing of all.
        if options.contains(&WRITE) && !options.iter().any(|word| mutants::is_part(word)) {
            // Read only now: another gate may have ended meanwhile.
            let mut results = Results::read(workspace)?;
            results.set(name, Row::new(&outcome, &figures, &tested(workspace)?));
            results.write(workspace)?;
        }
    }
    print!("{}", report.summary());
    Ok(report.outcome().said())
}

/// The commit that is tested, and its day.
fn tested(workspace: &Workspace) -> Result<String> {
    let mut git = std::process::Command::new("git");
    git.current_dir(&workspace.root).args(["show", "--no-patch", "--format=%h %cs", "HEAD"]);
    Ok(crate::command::output(&mut git)?.trim().to_owned())
}

/// The lines that say this, one behind the other.
fn lines(said: &str, what: &str) -> String {
    said.lines().filter(|line| line.contains(what)).collect::<Vec<_>>().join("; ")
}

/// Runs a subcommand of cargo, which is installed where it is missing.
fn plain(workspace: &Workspace, tool: &str, arguments: &[&str]) -> Result<Outcome> {
    if !installed(workspace, tool)? {
        return Ok(Outcome::NotRun(format!("cargo-{tool} is not installed and cannot be")));
    }
    run_command(cargo(workspace).args(arguments))
}

/// Whether a subcommand of cargo is there, or can be installed.
fn installed(workspace: &Workspace, tool: &str) -> Result<bool> {
    let there = || answers(&cargo_path(), &[tool, "--version"]);
    if there() {
        return Ok(true);
    }
    println!("installing cargo-{tool}");
    let name = format!("cargo-{tool}");
    run_command(cargo(workspace).args(["install", "--locked", "--quiet", &name]))?;
    Ok(there())
}

fn lower_crates() -> Vec<&'static str> {
    LOWER_CRATES.iter().flat_map(|name| ["--package", *name]).collect()
}

/// The pure crates under miri: no undefined behaviour, in them or in what they use. Tests of data files and
/// properties take too long there.
fn miri(workspace: &Workspace, figures: &mut String) -> Result<Outcome> {
    if !answers("rustup", &["run", "nightly", "cargo", "miri", "--version"]) {
        return Ok(Outcome::NotRun("miri is not installed for the nightly toolchain".to_owned()));
    }
    let mut command = std::process::Command::new("rustup");
    command.current_dir(&workspace.root).args(["run", "nightly", "cargo", "miri", "test", "--lib"]);
    command.args(lower_crates()).env("MIRIFLAGS", "-Zmiri-disable-isolation");
    // What a property is tried with costs seconds for each value; one module reads a file of data for each of its tests.
    command.env("PROPTEST_CASES", "2").args(["--", "--skip", "parse::quirks"]);
    let (outcome, said) = run_and_keep(&mut command)?;
    let passed = said.lines().filter(|line| line.ends_with(" ... ok")).count();
    *figures = format!("{passed} tests");
    Ok(outcome)
}

/// Every combination of features compiles. `default` is one of them, `vendored` compiles OpenSSL and nothing else.
fn features(workspace: &Workspace) -> Result<Outcome> {
    let mut arguments =
        vec!["hack", "check", "--feature-powerset", "--exclude-features", "vendored,default"];
    arguments.extend(lower_crates());
    arguments.extend(["--package", "xoauth"]);
    plain(workspace, "hack", &arguments)
}

/// What the oldest compiler of each manifest compiles: the libraries with every feature that needs no newer one, and
/// the command, for whose sake `mail-parser` may.
fn msrv(workspace: &Workspace, figures: &mut String) -> Result<Outcome> {
    let mut libraries =
        vec!["--lib", "--package", "xoauth", "--features", "xoauth/tokio,xoauth/deflate"];
    libraries.extend(lower_crates());
    let command =
        vec!["--package", "xoauth-cli", "--package", "xoauth", "--features", "xoauth/mail-parser"];
    let mut versions = Vec::new();
    for (manifest, arguments) in
        [("Cargo.toml", libraries), ("crates/xoauth-cli/Cargo.toml", command)]
    {
        let text = workspace.read(manifest)?;
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'))
            .ok_or_else(|| format!("{manifest} names no rust-version"))?;
        versions.push(version.to_owned());
        *figures = format!("Rust {}", versions.join(", the command "));
        let outcome = check_with(workspace, version, &arguments)?;
        if outcome != Outcome::Passed {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Passed)
}

/// Checks with a toolchain, which is installed where it is missing.
fn check_with(workspace: &Workspace, version: &str, arguments: &[&str]) -> Result<Outcome> {
    let there = || answers("rustup", &["run", version, "cargo", "--version"]);
    if !there() {
        let mut install = std::process::Command::new("rustup");
        // Where there is no rustup, or no network, the answer below says it.
        let _ = install.args(["toolchain", "install", version, "--profile", "minimal"]).status();
    }
    if !there() {
        return Ok(Outcome::NotRun(format!("the toolchain {version} cannot be installed")));
    }
    let mut command = std::process::Command::new("rustup");
    command.current_dir(&workspace.root).args(["run", version, "cargo", "check"]);
    run_command(command.args(arguments))
}
