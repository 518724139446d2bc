//! `cargo xtask soak`: mail that is sent and read for a long time while everything breaks.

use std::process::Command;

use crate::Result;
use crate::command::{build, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let programs = build(workspace, &["--bin", "soak"], &["bin"])?;
    let found = programs.into_iter().find(|(name, _)| name == "soak");
    let (_, program) = found.ok_or("cargo built no program `soak`")?;
    run_command(Command::new(program).args(arguments))
}
