//! `cargo xtask lab test`: runs the tests against the lab, which it starts and stops where it is
//! not up.

use std::process::Command;

use super::{Options, down, up};
use crate::Result;
use crate::command::{build_one, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    // Built first, so that nothing is running while a build fails. Optimised: it measures.
    let programs = build_one(workspace, "e2e", &["--profile", "lab", "--bin", "lab"])?;
    let program = programs.iter().find(|(name, _)| name == "lab");
    let (_, program) = program.ok_or("cargo built no program `lab`")?;
    let started = up::start(workspace, options)?;
    let mut command = Command::new(program);
    command.arg("--environment").arg(started.place.environment()).args(&options.rest);
    if options.record {
        command.arg("--page").arg(workspace.root.join("docs/interop.md"));
    }
    command.current_dir(&workspace.root);
    let tested = run_command(&mut command);
    if !started.already {
        down::stop(started.place)?;
    }
    Ok(match tested? {
        Outcome::Passed => up::judge(&started.not_run, options),
        other => other,
    })
}
