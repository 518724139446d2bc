//! `cargo xtask host`: a mail host on this machine that keeps running, for trying the command.

use crate::Result;
use crate::command::{cargo, run as run_command, with_features};
use crate::openssl;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<Outcome> {
    let features = openssl::workspace_features()?;
    let mut command = cargo(workspace);
    command.args(["run", "--quiet", "--package", "e2e", "--bin", "host"]);
    with_features(&mut command, &features).arg("--").args(arguments);
    println!("{}", openssl::choice());
    run_command(&mut command)
}
