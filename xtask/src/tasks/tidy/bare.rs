//! The lower crates build without `std`.

use std::path::Path;
use std::process::Command;

use super::{Complaint, Finding};
use crate::Result;
use crate::command::{cargo, output, run};
use crate::outcome::Outcome;
use crate::workspace::{LOWER_CRATES, Workspace};

/// A target without `std`, on which nothing can use it by mistake.
const BARE_TARGET: &str = "thumbv7em-none-eabi";

pub(super) fn check(workspace: &Workspace) -> Result<Finding> {
    let bare = has_bare_target();
    let mut complaints = Vec::new();
    for name in LOWER_CRATES {
        let mut command = cargo(workspace);
        command.args(["check", "--quiet", "--package", name, "--no-default-features"]);
        if bare {
            command.args(["--target", BARE_TARGET]);
        }
        if run(&mut command)? != Outcome::Passed {
            complaints.push(Complaint::new(
                &format!("crates/{name}/src/lib.rs"),
                1,
                "does not build without its default features",
                "take names from `core` and `alloc`; what needs `std` is behind the feature `std`",
            ));
        }
    }
    let why = format!("the target {BARE_TARGET} is not installed, checked for this system");
    Ok(Finding { complaints, missing: (!bare).then_some(why) })
}

fn has_bare_target() -> bool {
    let mut command = Command::new("rustc");
    let directory = output(command.args(["--print", "target-libdir", "--target", BARE_TARGET]));
    directory.is_ok_and(|directory| Path::new(directory.trim()).exists())
}
