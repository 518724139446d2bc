//! `cargo xtask attacks`, `cargo xtask sweep` and `cargo xtask growth`: what takes longer than a test may.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::command::{build, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The attack corpora against the shim as a process, with both drivers.
pub(crate) fn attacks(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let shim = program(workspace, "shim")?;
    let mut command = Command::new(program(workspace, "trust")?);
    run_command(command.arg("attacks").arg(shim).args(arguments))
}

/// Every recorded session in pieces, cut and changed at every octet, and over a transport that fails.
pub(crate) fn sweep(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    run_command(Command::new(program(workspace, "trust")?).arg("sweep"))
}

/// What twice as much of a hostile shape costs.
pub(crate) fn growth(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    run_command(Command::new(program(workspace, "trust")?).arg("growth"))
}

fn program(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let programs = build(workspace, &["--release", "--bin", name], &["bin"])?;
    let found = programs.into_iter().find(|(found, _)| found == name);
    Ok(found.map(|(_, path)| path).ok_or_else(|| format!("cargo built no program `{name}`"))?)
}
