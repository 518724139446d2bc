//! `cargo xtask ci`: everything a change has to pass.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::command::{
    answers, build, cargo, cargo_path, output, run as run_command, with_features,
};
use crate::openssl;
use crate::outcome::Outcome;
use crate::report::Report;
use crate::tasks::vectors::Profile;
use crate::tasks::{bench, docs, soak, test, tidy, vectors};
use crate::workspace::{LOWER_CRATES, Workspace};

/// The fuzz targets.
const FUZZ: &str = "fuzz/Cargo.toml";

/// How long an example may take.
const EXAMPLE_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    let mut report = Report::default();
    let mut counts = test::Counts::default();
    report.step("format", || format(workspace));
    report.step("tidy", || tidy::run(workspace, &[]));
    for call in clippy_calls(workspace)? {
        report.step(&format!("clippy, {}", call.name), || clippy(workspace, &call));
    }
    report.step("tests", || {
        let (outcome, found) = test::run_tests(workspace, &[])?;
        counts = found;
        Ok(outcome)
    });
    report.step("fuzz seeds", || fuzz_seeds(workspace));
    report.step("examples", || examples(workspace));
    report.step("soak", || soak::run(workspace, &["--seconds".to_owned(), "60".to_owned()]));
    report.step("vectors", || vectors::check(workspace, Profile::Development));
    report.step("rustdoc", || docs::rustdoc(workspace));
    report.step("links", || docs::links(workspace));
    report.step("packages", || packages(workspace));
    // Run so that they do not rot; what they show depends on the machine and fails nothing.
    report.step("benchmarks", || bench::run(workspace, &["--quick".to_owned()]));
    print!("{}", report.summary());
    test::print_end(&report.outcome(), counts);
    Ok(report.outcome().said())
}

fn format(workspace: &Workspace) -> Result<Outcome> {
    if !answers(&cargo_path(), &["fmt", "--version"]) {
        return Ok(Outcome::NotRun("rustfmt is not installed".to_owned()));
    }
    let mut outcome = run_command(cargo(workspace).args(["fmt", "--all", "--check"]))?;
    // The benchmarks and the fuzz targets are workspaces of their own.
    for manifest in ["tests/peers/Cargo.toml", FUZZ] {
        if outcome == Outcome::Passed {
            let arguments = ["fmt", "--manifest-path", manifest, "--check"];
            outcome = run_command(cargo(workspace).args(arguments))?;
        }
    }
    Ok(outcome)
}

/// A call of clippy with one combination of features.
struct Clippy {
    name: String,
    arguments: Vec<String>,
    features: Vec<String>,
}

/// The combinations of features that have to compile without warnings.
fn clippy_calls(workspace: &Workspace) -> Result<Vec<Clippy>> {
    let vendored: Vec<String> =
        openssl::workspace_features()?.into_iter().map(str::to_owned).collect();
    let all = [workspace.all_features(), vendored.clone()].concat();
    let everywhere = ["--workspace", "--all-targets"];
    let mut calls =
        vec![call("defaults", &everywhere, &vendored), call("all features", &everywhere, &all)];
    for name in LOWER_CRATES {
        let alone = ["--package", name, "--lib", "--no-default-features"];
        calls.push(call(&format!("{name} bare"), &alone, &[]));
        let features = workspace.package(name).map(|package| package.features.clone());
        for feature in features.unwrap_or_default().into_iter().filter(|name| name != "default") {
            calls.push(call(&format!("{name} {feature}"), &alone, &[feature]));
        }
    }
    let alone = ["--package", "xoauth", "--lib", "--no-default-features"];
    for names in [
        &[][..],
        &["imap"],
        &["smtp"],
        &["imap", "native-tls"],
        &["imap", "tokio"],
        &["smtp", "tokio"],
    ] {
        let mut features: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let label = if names.is_empty() { "bare".to_owned() } else { names.join("+") };
        if names.iter().any(|name| matches!(*name, "native-tls" | "tokio")) {
            features.extend(openssl::library_features()?.into_iter().map(str::to_owned));
        }
        calls.push(call(&format!("xoauth {label}"), &alone, &features));
    }
    // All but the targets themselves, a line each: they need libFuzzer, and it a compiler of C++.
    calls.push(call("fuzz", &["--manifest-path", FUZZ, "--locked", "--all-targets"], &[]));
    Ok(calls)
}

fn call(name: &str, arguments: &[&str], features: &[String]) -> Clippy {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    Clippy { name: name.to_owned(), arguments, features: features.to_vec() }
}

fn clippy(workspace: &Workspace, call: &Clippy) -> Result<Outcome> {
    if !answers(&cargo_path(), &["clippy", "--version"]) {
        return Ok(Outcome::NotRun("clippy is not installed".to_owned()));
    }
    let mut command = cargo(workspace);
    command.args(["clippy", "--quiet"]).args(&call.arguments);
    run_command(with_features(&mut command, &call.features).args(["--", "-D", "warnings"]))
}

/// Compares what we and other parsers understand of every seed of IMAP; the tests play them without those.
fn fuzz_seeds(workspace: &Workspace) -> Result<Outcome> {
    let arguments = ["test", "--quiet", "--manifest-path", FUZZ, "--locked", "--lib", "peers"];
    run_command(cargo(workspace).args(arguments))
}

/// Runs every example without arguments.
fn examples(workspace: &Workspace) -> Result<Outcome> {
    let programs = build(workspace, &["--examples"], &["example"])?;
    if programs.is_empty() {
        return Ok(Outcome::NotRun("there are no examples".to_owned()));
    }
    let mut failed = Vec::new();
    for (name, path) in &programs {
        println!("\n--- example {name}");
        let child = Command::new(path).current_dir(&workspace.root).stdin(Stdio::null()).spawn()?;
        if let Err(why) = wait(child) {
            println!("--- example {name}: {why}");
            failed.push(name.as_str());
        }
    }
    println!("\n{} examples run, {} failed", programs.len(), failed.len());
    Ok(if failed.is_empty() { Outcome::Passed } else { Outcome::Failed(failed.join(", ")) })
}

fn wait(mut child: Child) -> Result<()> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return if status.success() { Ok(()) } else { Err(format!("{status}").into()) };
        }
        if start.elapsed() > EXAMPLE_DEADLINE {
            child.kill()?;
            child.wait()?;
            let seconds = EXAMPLE_DEADLINE.as_secs();
            return Err(format!("still running after {seconds} s, ended").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Packs the published crates. Since cargo 1.90 it takes crates that depend on each other before
/// any of them is published.
fn packages(workspace: &Workspace) -> Result<Outcome> {
    let version = output(cargo(workspace).arg("--version"))?;
    if minor_version(&version).is_none_or(|minor| minor < 90) {
        return Ok(Outcome::NotRun(format!("needs cargo 1.90 or newer, found {}", version.trim())));
    }
    let mut command = cargo(workspace);
    command.args(["package", "--no-verify", "--allow-dirty"]);
    for package in workspace.published() {
        command.args(["--package", &package.name]);
    }
    run_command(&mut command)
}

/// The 90 of `cargo 1.90.0 (840b83a10 2025-07-30)`.
fn minor_version(text: &str) -> Option<u32> {
    text.strip_prefix("cargo 1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_of_cargo_is_found() {
        let table = [
            ("cargo 1.90.0 (840b83a10 2025-07-30)\n", Some(90)),
            ("cargo 1.101.0-nightly", Some(101)),
            ("cargo 2.0.0", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(minor_version(text), expected, "{text}");
        }
    }
}
