//! `cargo xtask gates`: what is checked before a release and takes tools of its own. What cannot run on a
//! machine says so.

mod supply;

use crate::Result;
use crate::command::{answers, cargo, cargo_path, run as run_command};
use crate::outcome::Outcome;
use crate::page;
use crate::report::Report;
use crate::tasks::{fuzz, trust};
use crate::workspace::{LOWER_CRATES, Workspace};

/// Puts the table of all gates on the page.
const WRITE: &str = "--write";

/// Which part of the mutants is tried: `--shard=2/8`.
const SHARD: &str = "--shard=";

/// Lines of the protocol crates that tests must reach, in percent.
const COVERAGE: &str = "95";

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let mut report = Report::default();
    let shard = arguments.iter().find_map(|word| word.strip_prefix(SHARD));
    let chosen: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let writes = arguments.iter().any(|word| word == WRITE);
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
    step("growth", &|| trust::growth(workspace, &[]));
    step("fuzz", &|| fuzz::run(workspace, &[]));
    step("miri", &|| miri(workspace));
    step("coverage", &|| coverage(workspace));
    step("mutants", &|| mutants(workspace, shard));
    step("licences", &|| supply::licences(workspace));
    step("advisories", &|| supply::advisories(workspace));
    step("public-api", &|| public_api(workspace));
    step("features", &|| features(workspace));
    step("msrv", &|| msrv(workspace));
    print!("{}", report.summary());
    if writes {
        page::write(workspace, "docs/security.md", "gates", &report.table())?;
    }
    Ok(report.outcome().said())
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

/// The code whose every line decides about a signature, a credential or the switch to TLS, and the crates whose tests
/// must see it change.
const MUTATED: &[(&str, &[&str])] = &[
    ("oauth1-core", &["src/**/*.rs"]),
    ("xoauth-sasl", &["src/**/*.rs"]),
    ("xoauth-imap", &["src/command/starttls.rs", "src/proto/output.rs"]),
    ("xoauth-smtp", &["src/exchange/starttls.rs", "src/proto/encoder.rs", "src/proto/stuffing.rs"]),
];

/// Of all mutants, at least so many in a hundred must be caught.
const CAUGHT: usize = 95;

/// Changes the code in every place, one at a time, and lets the tests of its crate find it.
fn mutants(workspace: &Workspace, shard: Option<&str>) -> Result<Outcome> {
    if !installed(workspace, "mutants")? {
        return Ok(Outcome::NotRun("cargo-mutants is not installed and cannot be".to_owned()));
    }
    let (mut caught, mut missed) = (0, 0);
    for (package, files) in MUTATED {
        let output = workspace.root.join("target/mutants").join(package);
        std::fs::create_dir_all(&output)?;
        let mut command = cargo(workspace);
        command.args(["mutants", "--package", package, "--test-package", package]);
        // Doctests are slow to build and show how to call, not what is right.
        command.args([
            "--no-shuffle",
            "--cap-lints=true",
            "--timeout",
            "60",
            "--build-timeout",
            "120",
        ]);
        command.args(["--profile", "mutants", "--colors", "never", "--output"]).arg(&output);
        for file in *files {
            command.arg("--file").arg(format!("crates/{package}/{file}"));
        }
        if let Some(shard) = shard {
            command.args(["--shard", shard]);
        }
        command.args(["--", "--lib", "--tests"]);
        // It fails where a mutant was missed; the lists tell more.
        run_command(&mut command)?;
        let lines = |name: &str| {
            let list = std::fs::read_to_string(output.join("mutants.out").join(name));
            list.map(|list| list.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        let Ok(survivors) = lines("missed.txt") else {
            return Ok(Outcome::Failed(format!("{package}: no mutants were tried")));
        };
        caught += lines("caught.txt")?.len() + lines("timeout.txt")?.len();
        missed += survivors.len();
        for survivor in survivors {
            println!("missed: {survivor}");
        }
    }
    println!("{caught} of {} mutants caught, goal {CAUGHT} in a hundred", caught + missed);
    Ok(if caught * 100 >= (caught + missed) * CAUGHT {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("{missed} of {} mutants missed", caught + missed))
    })
}

/// The public interface of each crate beside the one in `docs/api/`, which a release brings up to date.
fn public_api(workspace: &Workspace) -> Result<Outcome> {
    if !installed(workspace, "public-api")? {
        return Ok(Outcome::NotRun("cargo-public-api is not installed and cannot be".to_owned()));
    }
    let mut differ = Vec::new();
    for name in LOWER_CRATES {
        let output = cargo(workspace).args(["public-api", "--package", name, "-sss"]).output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Ok(Outcome::NotRun(why.lines().last().unwrap_or_default().to_owned()));
        }
        let now = String::from_utf8(output.stdout)?;
        let file = format!("docs/api/{name}.txt");
        if !workspace.root.join(&file).exists() {
            std::fs::create_dir_all(workspace.root.join("docs/api"))?;
            std::fs::write(workspace.root.join(&file), &now)?;
            println!("{file}: written, {} lines", now.lines().count());
            continue;
        }
        let before = workspace.read(&file)?;
        let lacks = |text: &str, line: &str| !text.lines().any(|other| other == line);
        let gone: Vec<_> = before.lines().filter(|line| lacks(&now, line)).collect();
        let new: Vec<_> = now.lines().filter(|line| lacks(&before, line)).collect();
        gone.iter().for_each(|line| println!("{name} - {line}"));
        new.iter().for_each(|line| println!("{name} + {line}"));
        if !gone.is_empty() || !new.is_empty() {
            differ.push(format!("{name}: {} gone, {} new", gone.len(), new.len()));
        }
    }
    Ok(if differ.is_empty() { Outcome::Passed } else { Outcome::Failed(differ.join("; ")) })
}

/// Every combination of features compiles.
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
    command.current_dir(&workspace.root).args(["run", version, "cargo", "check", "--lib"]);
    run_command(command.args(lower_crates()).args(["--package", "xoauth"]))
}
