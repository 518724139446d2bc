//! `cargo xtask dist`: manual pages, completions for shells, and the sample configuration.

use crate::Result;
use crate::command::{cargo, run as run_command, with_features};
use crate::openssl;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// Where they go, from the root of the workspace.
const DIRECTORY: &str = "target/dist";

pub(crate) fn run(workspace: &Workspace, _: &[String]) -> Result<Outcome> {
    let features = openssl::workspace_features()?;
    let mut command = cargo(workspace);
    command.args(["run", "--quiet", "--package", "xoauth-cli", "--example", "dist"]);
    with_features(&mut command, &features).arg("--").arg(workspace.root.join(DIRECTORY));
    run_command(&mut command)
}
