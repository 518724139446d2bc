//! `cargo xtask gates`: what is checked before a release and takes tools of its own. What cannot run on a
//! machine says so.

use crate::Result;
use crate::command::{answers, cargo, cargo_path, run as run_command};
use crate::outcome::Outcome;
use crate::page;
use crate::report::Report;
use crate::tasks::{fuzz, trust};
use crate::workspace::{LOWER_CRATES, Workspace};

/// Puts the table of all gates on the page.
const WRITE: &str = "--write";

/// Lines of the protocol crates that tests must reach, in percent.
const COVERAGE: &str = "95";

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let mut report = Report::default();
    let chosen: Vec<&String> = arguments.iter().filter(|word| *word != WRITE).collect();
    let writes = chosen.len() < arguments.len();
    if writes && !chosen.is_empty() {
        return Ok(Outcome::Failed("the page has a table of all gates: choose none".to_owned()));
    }
    let mut step = |name: &str, act: &dyn Fn() -> Result<Outcome>| {
        if chosen.is_empty() || chosen.iter().any(|chosen| *chosen == name) {
            report.step(name, act);
        }
    };
    step("attacks", &|| trust::attacks(workspace, &[]));
    step("sweep", &|| trust::sweep(workspace, &[]));
    step("fuzz", &|| fuzz::run(workspace, &[]));
    step("miri", &|| miri(workspace));
    step("coverage", &|| coverage(workspace));
    step("mutants", &|| mutants(workspace));
    step("licences", &|| deny(workspace));
    step("advisories", &|| plain(workspace, "audit", &["audit"]));
    step("public-api", &|| public_api(workspace));
    step("features", &|| features(workspace));
    step("msrv", &|| msrv(workspace));
    print!("{}", report.summary());
    if writes {
        page::write(workspace, "docs/security.md", "gates", &report.table())?;
    }
    Ok(report.outcome().said())
}

/// Runs a subcommand of cargo, if it is installed.
fn plain(workspace: &Workspace, tool: &str, arguments: &[&str]) -> Result<Outcome> {
    if !answers(&cargo_path(), &[tool, "--version"]) {
        return Ok(Outcome::NotRun(format!("cargo-{tool} is not installed")));
    }
    run_command(cargo(workspace).args(arguments))
}

fn lower_crates() -> Vec<&'static str> {
    LOWER_CRATES.iter().flat_map(|name| ["--package", *name]).collect()
}

/// The pure crates under miri: no undefined behaviour, in them or in what they use. Tests of data files and
/// properties take too long there.
fn miri(workspace: &Workspace) -> Result<Outcome> {
    if !answers("rustup", &["run", "nightly", "cargo", "miri", "--version"]) {
        return Ok(Outcome::NotRun("miri is not installed for the nightly toolchain".to_owned()));
    }
    let mut command = std::process::Command::new("rustup");
    command.current_dir(&workspace.root).args(["run", "nightly", "cargo", "miri", "test", "--lib"]);
    run_command(command.args(lower_crates()).env("MIRIFLAGS", "-Zmiri-disable-isolation"))
}

fn coverage(workspace: &Workspace) -> Result<Outcome> {
    let mut arguments = vec!["llvm-cov", "--summary-only", "--fail-under-lines", COVERAGE];
    arguments.extend(["--ignore-filename-regex", "(xtask|/tests/|crates/xoauth/)"]);
    arguments.push("--workspace");
    plain(workspace, "llvm-cov", &arguments)
}

/// The code whose every line decides about a signature, a credential or the switch to TLS.
fn mutants(workspace: &Workspace) -> Result<Outcome> {
    let mut arguments = vec!["mutants", "--no-shuffle", "--timeout", "120"];
    for file in [
        "crates/oauth1-core/src/*.rs",
        "crates/oauth1-core/src/verify/*.rs",
        "crates/xoauth-sasl/src/**/*.rs",
        "crates/xoauth-imap/src/command/starttls.rs",
        "crates/xoauth-imap/src/proto/output.rs",
        "crates/xoauth-smtp/src/exchange/starttls.rs",
        "crates/xoauth-smtp/src/proto/encoder.rs",
    ] {
        arguments.extend(["--file", file]);
    }
    plain(workspace, "mutants", &arguments)
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    plain(workspace, "deny", &["deny", "check", "licenses", "bans", "sources"])
}

fn public_api(workspace: &Workspace) -> Result<Outcome> {
    if !answers(&cargo_path(), &["public-api", "--version"]) {
        return Ok(Outcome::NotRun("cargo-public-api is not installed".to_owned()));
    }
    for name in LOWER_CRATES {
        let shown = run_command(cargo(workspace).args(["public-api", "--package", name, "-sss"]))?;
        if shown != Outcome::Passed {
            return Ok(shown);
        }
    }
    Ok(Outcome::Passed)
}

fn features(workspace: &Workspace) -> Result<Outcome> {
    let mut arguments =
        vec!["hack", "check", "--feature-powerset", "--exclude-features", "vendored"];
    arguments.extend(lower_crates());
    arguments.extend(["--package", "xoauth", "--no-dev-deps"]);
    plain(workspace, "hack", &arguments)
}

/// The oldest compiler that the manifests name.
fn msrv(workspace: &Workspace) -> Result<Outcome> {
    let manifest = workspace.read("Cargo.toml")?;
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'))
        .ok_or("Cargo.toml names no rust-version")?;
    if !answers("rustup", &["run", version, "cargo", "--version"]) {
        return Ok(Outcome::NotRun(format!("the toolchain {version} is not installed")));
    }
    let mut command = std::process::Command::new("rustup");
    command.current_dir(&workspace.root).args(["run", version, "cargo", "check", "--lib"]);
    run_command(command.args(lower_crates()).args(["--package", "xoauth"]))
}
