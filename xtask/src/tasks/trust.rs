//! `cargo xtask attacks`, `cargo xtask sweep` and `cargo xtask growth`: what takes longer than a test may.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::command::{answers, build, run as run_command, run_and_keep};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The attack corpora against the shim as a process, with both drivers.
pub(crate) fn attacks(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    run_command(attacks_command(workspace)?.args(arguments))
}

/// The same, to be run.
pub(crate) fn attacks_command(workspace: &Workspace) -> Result<Command> {
    let shim = program(workspace, "shim")?;
    let mut command = command(workspace, "attacks")?;
    command.arg(shim);
    Ok(command)
}

/// Every recorded session in pieces, cut and changed at every octet, and over a transport that fails.
pub(crate) fn sweep(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    run_command(&mut command(workspace, "sweep")?)
}

/// What twice as much of a hostile shape costs.
pub(crate) fn growth(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    let (outcome, _) = growth_and_keep(workspace)?;
    Ok(outcome)
}

/// The same, and what was said of it.
pub(crate) fn growth_and_keep(workspace: &Workspace) -> Result<(Outcome, String)> {
    if !answers("valgrind", &["--version"]) {
        let why = "valgrind, which counts instructions, is not installed";
        return Ok((Outcome::NotRun(why.to_owned()), String::new()));
    }
    run_and_keep(&mut command(workspace, "growth")?)
}

/// A subcommand of the program that plays what takes longer than a test may.
pub(crate) fn command(workspace: &Workspace, name: &str) -> Result<Command> {
    let mut command = Command::new(program(workspace, "trust")?);
    command.arg(name);
    Ok(command)
}

fn program(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let programs = build(workspace, &["--release", "--bin", name], &["bin"])?;
    let found = programs.into_iter().find(|(found, _)| found == name);
    Ok(found.map(|(_, path)| path).ok_or_else(|| format!("cargo built no program `{name}`"))?)
}
