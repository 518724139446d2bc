//! `cargo xtask bench`: measurements against other libraries.

use crate::Result;
use crate::command::{cargo, run as run_command};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let mut command = cargo(workspace);
    command.args(["run", "--quiet", "--release", "--manifest-path", "tests/peers/Cargo.toml"]);
    command.arg("--").args(arguments);
    run_command(&mut command)
}
