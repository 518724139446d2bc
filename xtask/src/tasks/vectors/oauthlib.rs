//! `cargo xtask vectors --oauthlib[=COUNT]`: as many requests, made at random, are signed by oauthlib and by
//! `oauth1-core`. `crates/oauth1-core/tests/oauthlib.rs` judges them, and names each difference that is right.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Result;
use crate::command::{answers, cargo, output, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The version whose answers are recorded.
const PACKAGE: &str = "oauthlib==3.2.2";

const SCRIPT: &str = "crates/oauth1-core/tests/data/oauthlib_cases.py";

/// Requests where nobody says how many.
const COUNT: u64 = 100_000;

pub(super) fn compare(workspace: &Workspace, count: Option<&str>) -> Result<Outcome> {
    let count = match count.map(|count| count.replace('_', "").parse()) {
        None => COUNT,
        Some(Ok(count)) => count,
        Some(Err(_)) => return Ok(Outcome::Failed("--oauthlib=COUNT wants a number".to_owned())),
    };
    let place = workspace.root.join("target/oauthlib");
    let bin = if cfg!(windows) { "venv/Scripts/python.exe" } else { "venv/bin/python" };
    let python = place.join(bin);
    let has = |python: &str| answers(python, &["-c", "import oauthlib"]);
    if !has(&python.to_string_lossy()) {
        std::fs::create_dir_all(&place)?;
        let made = Command::new("python3").args(["-m", "venv"]).arg(place.join("venv")).status();
        if !made.is_ok_and(|status| status.success()) {
            return Ok(Outcome::NotRun("python3 with venv is not installed".to_owned()));
        }
        run_command(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
        if !has(&python.to_string_lossy()) {
            return Ok(Outcome::NotRun(format!("{PACKAGE} cannot be installed")));
        }
    }
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    println!("{count} requests, seed {seed}");
    let mut script = Command::new(&python);
    script.arg(workspace.root.join(SCRIPT)).args([count.to_string(), seed.to_string()]);
    let cases = place.join("cases.jsonl");
    std::fs::write(&cases, output(&mut script)?)?;
    let mut test = cargo(workspace);
    test.args(["test", "--quiet", "--package", "oauth1-core", "--test", "oauthlib"]);
    run_command(test.env("OAUTHLIB_CASES", cases))
}
